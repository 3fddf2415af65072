// One line that tells one data set from another: a resumed run must see the images that the interrupted one saw.
#pragma once

#include <filesystem>
#include <string>

#include "recipes/source.h"

namespace curie {

// "292-NAMES-CLASSES-PIXELS": the number of images, and 64-bit hashes of their files' names, of their classes and of
// their pixels as the network sees them. Folders, and arrays that were packed from them, have the same digest. Arrays
// without names have none in it, so that it does not matter by which path they are read.
std::string data_digest(const SourceImages& source);

// Throws Error(data) that says what changed when `found` is another digest than the one in the interrupted run's
// configuration. A digest of an earlier version, which knows no pixels, is a warning.
void check_same_data(const std::filesystem::path& config_file, const std::string& found);

}  // namespace curie
