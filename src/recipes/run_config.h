// A run's options, completed from its recipe, as they are kept in config.json to repeat or resume it.
#pragma once

#include <string>

#include "recipes/run.h"
#include "recipes/source.h"

namespace curie {

// The options' recipe with their image size and augmentation. Throws Error(usage) for an unknown one, for a size that
// cannot be, and for an augmentation that the recipe does not have.
Recipe recipe_of(const RunOptions& options);

// What was left open is taken from the recipe. Throws Error(usage) for values that cannot be meant.
RunOptions with_defaults(RunOptions options, const Recipe& recipe);

// Of completed options.
nlohmann::json config_of(const RunOptions& options, const std::string& started);

// FNV-1a over the names of all samples and their classes, and over the pixels of arrays, whose samples have no names:
// tells one data set from another.
std::string digest(const SourceImages& source);

// A resumed run must see the data that the interrupted one saw. Throws Error(data) when `found` is another digest than
// that in the configuration.
void check_same_data(const std::filesystem::path& config_file, const std::string& found);

}  // namespace curie
