// A trained model in one safetensors file: weights, architecture, preprocessing, class names, training configuration
// and provenance, so that whoever opens it needs nothing else to use it rightly.
#pragma once

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "data/preprocess.h"
#include "io/told_info.h"
#include "model/model.h"

namespace curie {

struct SafetensorsFile;

struct ModelInfo {
  Preprocessing preprocessing;
  std::vector<std::string> class_names;
  nlohmann::json provenance;  // version, recipe, data, seed, date, figures: whatever tells where the model comes from
};

struct LoadedModel {
  Model model;  // compiled
  ModelInfo info;
  Assumed assumed = {};  // what of `info` is guessed
};

// Replaces `path` whole or not at all. The model must be compiled.
void save_model(const std::filesystem::path& path, const Model& model, const ModelInfo& info);

// Throws Error(file) for a file that is damaged, is no model of Curie's, or holds weights that are not finite.
LoadedModel load_model(const std::filesystem::path& path, const std::string& device = "auto",
                       const BackendOptions& backend = {});

// What the file says, without compiling: for `curie summary`.
struct ModelDescription {
  nlohmann::json model, training;
  ModelInfo info;
};
ModelDescription describe_model(const std::filesystem::path& path);

// The parts of the above, for other files that carry a model of Curie's in their metadata.
std::map<std::string, std::string> model_metadata(const Model& model, const ModelInfo& info);  // "curie.model", ...
ModelDescription describe_metadata(const std::map<std::string, std::string>& metadata, const std::string& file);
// Throws Error(file) before it asks for memory where the layers have more values than the file.
Model compile_model(const ModelDescription& description, const SafetensorsFile& file, const std::string& device,
                    const BackendOptions& backend);

}  // namespace curie
