// What a file that is no model looks like, for messages.
#pragma once

#include <filesystem>

namespace curie {

// For a file that is neither HDF5 nor a zip archive. Error(file) when its contents, or an ending that belongs to Keras,
// show that it is no safetensors file either; the message names what was expected and what the file looks like.
void expect_weights_file(const std::filesystem::path& path);

}  // namespace curie
