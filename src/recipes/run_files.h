// What a run writes beside its configuration and its report.
#pragma once

#include <filesystem>
#include <vector>

#include "io/model_file.h"
#include "recipes/run.h"

namespace curie {

// Takes the run's folder away again, with those above it that were made for it, if nothing was put there: a start that
// fails leaves nothing. Made before the folder is.
class NewFolder {
 public:
  explicit NewFolder(const std::filesystem::path& folder);
  ~NewFolder();
  NewFolder(const NewFolder&) = delete;
  NewFolder& operator=(const NewFolder&) = delete;

 private:
  std::vector<std::filesystem::path> missing_;  // the folder first
};

// Throws Error(usage) for a folder that holds a run already, unless the run is resumed; Error(file) where nothing can
// be written.
void check_out_folder(const RunOptions& options);

// Throws Error(usage) for fewer epochs than the snapshot has behind it.
void check_epochs(const TrainingSnapshot& snapshot, const RunOptions& options);

TrainingSnapshot read_snapshot(const std::filesystem::path& path);
void write_snapshot(const std::filesystem::path& path, const TrainingSnapshot& snapshot);

// The recipe's callbacks for one run: history.csv, the best model, and what the document asks for. `model` and `info`
// must outlive them.
std::vector<CallbackChoice> run_callbacks(const RunOptions& options, const Recipe& recipe, const Model& model,
                                          const ModelInfo& info);

// {"epoch", "monitor", "value", "test": metrics_json of that epoch's model}. The epoch is counted from 1. The model has
// its own weights again afterwards.
nlohmann::json best_epoch(const RunOptions& options, const Recipe& recipe, const History& history, Model& model,
                          const LabelledImages& test);

// Gives the model, as load_model read it from `file`, what its optimizer remembered, where the checkpoint beside the
// file holds the same weights: then training can go on from the model, in Keras for one. Returns whether.
bool restore_optimizer(Model& model, const std::filesystem::path& file);

// The trained model as the document's code saves it. A build that cannot write it says so in the log.
void save_document_models(const RunOptions& options, const Recipe& recipe, Model& model, const ModelInfo& info);

}  // namespace curie
