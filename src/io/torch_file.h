// Models in safetensors files under PyTorch's names and in PyTorch's order (io/torch_weights.h), so that
// module.load_state_dict(safetensors.torch.load_file(path)) takes them. Beside the weights, in the metadata, everything
// that makes the file a model of Curie's again.
#pragma once

#include <filesystem>
#include <string>

#include "io/model_file.h"

namespace curie {

// Replaces `path` whole or not at all. The model must be compiled.
void save_torch_safetensors(const std::filesystem::path& path, Model& model, const ModelInfo& info);

// Error(file) for a file that is damaged or that this function's counterpart did not write: weights of others are
// imported into a model that is there (io/import_weights.h).
LoadedModel load_torch_safetensors(const std::filesystem::path& path, const std::string& device = "auto",
                                   const BackendOptions& backend = {});

// Any file that holds a whole model, told by its contents: Curie's own, the above, Keras'. `told` is for models of
// other programs (io/told_info.h); Curie's take names for their classes from it and refuse the rest.
LoadedModel open_model(const std::filesystem::path& path, const std::string& device = "auto",
                       const BackendOptions& backend = {}, const ToldInfo& told = {});

// Whether open_model would find a model, not weights alone. Error(file) for a file that is neither.
bool holds_model(const std::filesystem::path& path);

}  // namespace curie
