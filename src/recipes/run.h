// One run of a recipe, from images to report. Leaves a folder:
//   config.json             everything needed to repeat the run
//   history.csv             one row an epoch (history.json: the same with times and the reason for stopping)
//   checkpoint.safetensors  the state to resume from, after every epoch and on interruption
//   best.safetensors        the model of the epoch with the best monitored value
//   model.safetensors       the model as training left it
//   metrics.json            figures of the trained model on the training and the test part, and of the best one
//   report.html             all of it to look at
//   contact-sheet*.html     every test image on pages of up to 600, where the report cannot show all
//   mistakes*.html          every mistake with its Grad-CAM on pages of up to 96, likewise
//   contact-sheet.pdf       every test image with its predicted and its correct label, where the build has Cairo
// and the files that the recipe's document leaves, by its names for them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "model/history.h"
#include "model/progress.h"
#include "recipes/recipe.h"

namespace curie {

inline constexpr const char* kConfigFile = "config.json";
inline constexpr const char* kModelFile = "model.safetensors";
inline constexpr const char* kBestModelFile = "best.safetensors";
inline constexpr const char* kReportFile = "report.html";
inline constexpr const char* kContactSheetFile = "contact-sheet.pdf";
inline constexpr const char* kMetricsFile = "metrics.json";

struct RunOptions {
  std::string recipe = "covid-cnn-64";
  // Folders of images, or a pair of NumPy arrays ("X.npy", "data.npz:X"); neither: phantoms.
  std::filesystem::path data;
  std::string data_x, data_y;
  std::string test_x, test_y;  // with arrays: the data set's own test part, for recipes that test on it
  std::filesystem::path out;
  int epochs = 0;          // 0: the recipe's
  int batch_size = 0;      // 0: the recipe's
  int patience = -1;       // -1: the recipe's; 0 switches early stopping off
  int image_size = 0;      // 0: the recipe's
  std::uint64_t seed = 1;  // weights, dropout, order of samples
  // Which samples go where; which phantoms are drawn. Empty: the recipe's.
  std::optional<std::uint32_t> split_seed;
  // Of a recipe that augments as Keras does: "keras", or "correct" (keras_corrected); "none" switches any off. Empty:
  // the recipe's.
  std::string augment;
  bool by_patient = false;  // a patient's images stay on one side of the split
  std::string device = "auto";
  BackendOptions backend;
  std::filesystem::path weights;      // of another training, for recipes that can start from such; empty: random ones
  std::map<std::string, int> limits;  // images of a class, at most, in each part of the data set
  // Of the classes in the training loss: scikit-learn's "balanced" (balanced_class_weights of the training part), or a
  // weight for some, 1 for the others.
  bool balanced_classes = false;
  std::map<std::string, double> class_weights;
  std::filesystem::path tensorboard;  // folder for TensorBoard's event files; empty: none
  bool use_cache = true;
  bool resume = false;   // go on from out/checkpoint.safetensors
  bool profile = false;  // the report tells where the time of a training step goes

  std::string command_line;  // for the record
  Verbosity verbose = Verbosity::automatic;
  std::function<void(int done, int total)> loading;  // progress
  std::function<bool()> interrupted;
};

// The model file that a user means who names a run's folder or a model file.
std::filesystem::path model_file_of(const std::filesystem::path& run_or_model);

// The options of an earlier run from its config.json, ready to resume it. Throws Error(file) when there is none.
RunOptions options_of_run(const std::filesystem::path& run);

struct RunOutcome {
  bool interrupted = false;  // then only the checkpoint is up to date
  History history;
  nlohmann::json metrics;  // as in metrics.json
  std::filesystem::path report;
};

// Throws Error for whatever cannot work, as early as it can be known; what earlier epochs saved stays.
RunOutcome run_recipe(const RunOptions& options);

}  // namespace curie
