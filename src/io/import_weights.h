// Weights from files that others wrote, into a model that is there.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "model/model.h"

namespace curie {

struct ImportOptions {
  // Only the layers whose names begin so; empty: all.
  std::string prefix = {};
  // Layers that keep what they have, such as a last layer for other classes; what the file has for them is not looked
  // at.
  std::vector<std::string> leave_out = {};
  // Whether the file may hold tensors that belong to no layer of the model: the top of a network whose backbone is
  // imported.
  bool allow_unused = false;
  // What names in a safetensors file begin with and the model's do not: "model.".
  std::string file_prefix = {};
  // Whether the file's probe, if it has one, must be answered (io/probe.h).
  bool check_probe = true;
};

struct ImportReport {
  std::string format;                 // "Keras HDF5", "safetensors (PyTorch)", ...
  int layers = 0, tensors = 0;        // imported
  std::vector<std::string> left_out;  // layers with weights that keep what they had
  std::vector<std::string> unused;    // names in the file
  bool probed = false;                // the file had a probe, and the model answered it
};

// Imports from Keras' files (.h5, .hdf5, .weights.h5, .keras; by layer name), safetensors under PyTorch's or
// torchvision's names, and Curie's own. The format is told from the contents. The model must be compiled. Error(file)
// that names the tensor, what was expected and what was found; then the model is as it was.
ImportReport import_weights(Model& model, const std::filesystem::path& path, const ImportOptions& options = {});

// One line for a log: "imported 26 tensors of 13 layers from vgg16.h5 (Keras HDF5); dense keeps its own".
std::string to_string(const ImportReport& report, const std::filesystem::path& path);

}  // namespace curie
