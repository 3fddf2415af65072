#include "recipes/run_files.h"

#include <algorithm>
#include <cstring>

#include "io/checkpoint.h"
#include "io/hdf5.h"
#include "io/keras.h"
#include "io/tensorboard.h"
#include "model/session.h"
#include "recipes/predictions.h"
#include "report/metrics_json.h"
#include "tensor/files.h"
#include "tensor/log.h"

namespace curie {
namespace {

namespace fs = std::filesystem;

// A path as a file-name pattern without fields.
std::string as_pattern(const fs::path& path) {
  std::string text;
  for (const char c : path.string()) text += c == '{' || c == '}' ? std::string(2, c) : std::string(1, c);
  return text;
}

// Calls action() while the model has the weights of a file of its own, and an optimizer that does not know them.
template <typename Action>
void with_weights_of(const fs::path& file, Model& model, Action&& action) {
  const auto own = model.state();
  const std::uint32_t step = model.session().step();
  std::vector<std::pair<std::string, Tensor>> saved;
  for (const NamedTensor& named : read_safetensors(file).tensors) saved.emplace_back(named.name, named.tensor);
  model.set_state(saved);
  model.session().set_step(0);
  action();
  model.session().set_step(step);
  model.set_state(own);
}

void save_keras(const fs::path& path, Model& model, const ModelInfo& info) {
  if (const FormatSupport support = hdf5_support(); !support.present) {
    log_warning("{} was not written: {}", path.string(), support.detail);
    return;
  }
  save_keras_hdf5(path, model, info);
}

}  // namespace

NewFolder::NewFolder(const fs::path& folder) {
  fs::path place = fs::absolute(folder).lexically_normal();
  if (!place.has_filename()) place = place.parent_path();
  std::error_code unknown;
  for (; place.has_relative_path() && !fs::exists(place, unknown); place = place.parent_path()) {
    missing_.push_back(place);
  }
}

NewFolder::~NewFolder() {
  std::error_code not_empty;
  for (const fs::path& folder : missing_) {
    if (!fs::remove(folder, not_empty)) return;
  }
}

void check_out_folder(const RunOptions& options) {
  CURIE_CHECK(!options.out.empty(), usage, "expected a folder for the run");
  const bool has_run = fs::exists(options.out / kConfigFile);
  CURIE_CHECK(options.resume || !has_run, usage,
              "{} already holds a run: choose another --out, or continue that run with --resume {}",
              options.out.string(), options.out.string());
  make_writable_folder(options.out);
}

void check_epochs(const TrainingSnapshot& snapshot, const RunOptions& options) {
  const nlohmann::json state = nlohmann::json::parse(snapshot.state, nullptr, false);
  const bool counted = state.is_object() && state.contains("epoch") && state["epoch"].is_number_integer() &&
                       state.contains("batch") && state["batch"].is_number_integer();
  CURIE_CHECK(counted, file, "{}: damaged: it does not say how many epochs were run",
              (options.out / kCheckpointFile).string());
  const int least = state["epoch"].get<int>() + (state["batch"].get<int>() > 0 ? 1 : 0);
  CURIE_CHECK(options.epochs >= least, usage,
              "--epochs: expected at least {}, which {} has begun or done already, got {}", least, options.out.string(),
              options.epochs);
}

TrainingSnapshot read_snapshot(const fs::path& path) {
  Checkpoint checkpoint = read_checkpoint(path);
  TrainingSnapshot snapshot{.state = checkpoint.state.dump(), .tensors = {}};
  for (NamedTensor& named : checkpoint.tensors) snapshot.tensors.emplace_back(named.name, named.tensor);
  return snapshot;
}

bool restore_optimizer(Model& model, const fs::path& file) {
  const fs::path path = file.parent_path() / kCheckpointFile;
  if (!fs::exists(path)) return false;
  const Checkpoint checkpoint = read_checkpoint(path);
  const auto tensor = [&](std::string_view name) {
    for (const NamedTensor& named : checkpoint.tensors)
      if (named.name == name) return named.tensor;
    return Tensor();
  };
  Session& session = model.session();
  const Tensor own = session.weights(), saved = tensor("weights");
  const bool same = own.defined() && saved.defined() && own.shape() == saved.shape() &&
                    std::memcmp(own.raw(), saved.raw(), own.bytes()) == 0;
  const auto step = checkpoint.state.find("step");
  if (!same || step == checkpoint.state.end() || !step->is_number_unsigned()) return false;
  session.set_optimizer_state(tensor("optimizer"));
  session.set_step(step->get<std::uint32_t>());
  return true;
}

void write_snapshot(const fs::path& path, const TrainingSnapshot& snapshot) {
  Checkpoint checkpoint{.state = nlohmann::json::parse(snapshot.state), .tensors = {}};
  for (const auto& [name, tensor] : snapshot.tensors) checkpoint.tensors.push_back({name, tensor});
  write_checkpoint(path, checkpoint);
}

std::vector<CallbackChoice> run_callbacks(const RunOptions& options, const Recipe& recipe, const Model& model,
                                          const ModelInfo& info) {
  EarlyStopping stopping = recipe.early_stopping;
  stopping.patience = options.patience;
  std::vector<CallbackChoice> chosen = {
      CSVLogger{.path = options.out / "history.csv"},
      ModelCheckpoint{.path = as_pattern(options.out / kBestModelFile),
                      .save = [&model, &info](const fs::path& path) { save_model(path, model, info); },
                      .monitor = recipe.best_model.monitor,
                      .mode = recipe.best_model.mode,
                      .save_best_only = true,
                      .verbose = recipe.best_model.verbose}};
  if (options.patience > 0) chosen.push_back(stopping);
  if (recipe.learning_rate_scheduler) chosen.push_back(*recipe.learning_rate_scheduler);
  if (!options.tensorboard.empty()) chosen.push_back(TensorBoard{.folder = options.tensorboard}.make());
  return chosen;
}

nlohmann::json best_epoch(const RunOptions& options, const Recipe& recipe, const History& history, Model& model,
                          const LabelledImages& test) {
  const std::string monitor = canonical_log_name(recipe.best_model.monitor);
  const bool max = recipe.best_model.mode == MonitorMode::max;
  const EpochLog* best = nullptr;
  for (const EpochLog& epoch : history.epochs) {
    const auto value = [&](const EpochLog& of) { return of.logs.find(monitor).value(); };
    const bool better = best == nullptr || (max ? value(epoch) > value(*best) : value(epoch) < value(*best));
    if (better) best = &epoch;
  }
  CURIE_ASSERT(best != nullptr, "a run of no epochs");
  nlohmann::json result = {{"epoch", best->epoch + 1}, {"monitor", monitor}, {"value", *best->logs.find(monitor)}};
  with_weights_of(options.out / kBestModelFile, model, [&] {
    const Predictions on_test = predict_all(model, test, options.batch_size);
    result["test"] = metrics_json(evaluation_result("Best", on_test.loss, test.labels, on_test.predicted,
                                                    on_test.probabilities, test.class_names));
  });
  return result;
}

void save_document_models(const RunOptions& options, const Recipe& recipe, Model& model, const ModelInfo& info) {
  if (!recipe.keras_model.empty()) save_keras(options.out / recipe.keras_model, model, info);
  if (recipe.keras_best_model.empty()) return;
  with_weights_of(options.out / kBestModelFile, model,
                  [&] { save_keras(options.out / recipe.keras_best_model, model, info); });
}

}  // namespace curie
