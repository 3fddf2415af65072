// The model that a command works with, whoever wrote its file, and what its user tells about it where the file does
// not.
#pragma once

#include <CLI/App.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "io/import_weights.h"
#include "io/model_file.h"

namespace curie {

struct ModelOptions {
  std::filesystem::path model;  // a run's folder or a file
  std::string recipe;
  std::vector<std::string> classes;
  std::string resample, channel_order;
  double divide_by = 0;  // 0: not given
  std::vector<double> mean, stddev;

  // --recipe, --classes, --resample, --channel-order, --divide-by, --mean, --stddev.
  void add_to(CLI::App& command);

  // The file's own model; of weights without one, the recipe's network with these weights (`import`). Compiled.
  LoadedModel open(const std::string& device, const BackendOptions& backend, const ImportOptions& import = {}) const;

  // Throws Error(usage) when nothing tells the names of the model's classes and `data`, a folder for each class, needs
  // them.
  void expect_class_names(const LoadedModel& loaded, const std::filesystem::path& data) const;
};

// "MODEL": what every command that reads one says of it.
inline constexpr const char* kModelHelp =
    "a run's folder, or a model's file: Curie's, Keras' (.h5, .hdf5, .keras) or safetensors for PyTorch";

}  // namespace curie
