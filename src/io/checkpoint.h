// Everything that a stopped training needs to go on as if it had never stopped, in one safetensors file.
#pragma once

#include <cstddef>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "io/safetensors.h"

namespace curie {

inline constexpr std::string_view kCheckpointFile = "checkpoint.safetensors";  // its name in the folder of a run

struct Checkpoint {
  nlohmann::json state;  // small values: epoch, step, seeds, history, states of callbacks
  std::vector<NamedTensor> tensors;
};

// Replaces `path`: whoever reads it finds the old checkpoint or the new one, complete, even if this process is killed
// or the disk fills up. What killed writers left beside it is removed. Error(usage) for a state that JSON cannot give
// back as it was: a NaN or an infinity, text that is not UTF-8, more than 64 levels, more than 16 MiB.
void write_checkpoint(const std::filesystem::path& path, const Checkpoint& checkpoint);

// Error(file) for a damaged file, for one that is not a checkpoint, and for one that a newer version of Curie wrote.
Checkpoint read_checkpoint(const std::filesystem::path& path, const SafetensorsLimits& limits = {});

}  // namespace curie
