// Trains on from where a run began or ended and writes the loss of every single step, for comparison with another
// engine that is given the same weights, order and dropout masks (scripts/peers/same_masks.py).
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "io/checkpoint.h"
#include "io/safetensors.h"
#include "model/session.h"
#include "recipes/prepare.h"
#include "recipes/run.h"
#include "tensor/files.h"

namespace curie {
namespace {

struct Arguments {
  std::filesystem::path run, out, images;
  bool from_start = false;
  int steps = 41;
};

// Keeps each batch's own mean loss, and stops after `steps` of them.
class StepTrace final : public Callback {
 public:
  StepTrace(int samples, int batch_size, int steps) : samples_(samples), batch_size_(batch_size), steps_(steps) {}

  std::string name() const override { return "StepTrace"; }

  void on_batch_end(int, int batch, double mean_of_epoch, TrainingControl& control) override {
    const double before = batch == 0 ? 0.0 : sum_;
    const int seen = std::min((batch + 1) * batch_size_, samples_);
    sum_ = mean_of_epoch * seen;
    losses_.push_back((sum_ - before) / (seen - batch * batch_size_));
    // The end of an epoch is waited for, so that its validation is in the trace.
    if (static_cast<int>(losses_.size()) >= steps_ && seen < samples_) control.stop("the trace is complete");
  }

  void on_epoch_end(int epoch, const Logs& logs, TrainingControl& control) override {
    nlohmann::json entry = {{"epoch", epoch}, {"step", losses_.size()}};
    for (const auto& [name, value] : logs.values()) entry[name] = value;
    epochs_.push_back(entry);
    if (static_cast<int>(losses_.size()) >= steps_) control.stop("the trace is complete");
  }

  const nlohmann::json& losses() const { return losses_; }
  const nlohmann::json& epochs() const { return epochs_; }

 private:
  int samples_, batch_size_, steps_;
  double sum_ = 0.0;
  nlohmann::json losses_ = nlohmann::json::array(), epochs_ = nlohmann::json::array();
};

// The run's checkpoint without what would stop or steer the training that goes on from it.
TrainingSnapshot snapshot_of(const std::filesystem::path& run) {
  Checkpoint checkpoint = read_checkpoint(run / kCheckpointFile);
  nlohmann::json& state = checkpoint.state;
  CURIE_CHECK(state.at("batch") == 0, usage, "{}: the run was interrupted within an epoch; finish it first",
              run.string());
  state["callbacks"] = {{{"name", "StepTrace"}, {"numbers", nlohmann::json::array()}}};
  state.at("history")["stop_reason"] = "";
  TrainingSnapshot snapshot{.state = state.dump(), .tensors = {}};
  for (NamedTensor& named : checkpoint.tensors) snapshot.tensors.emplace_back(named.name, named.tensor);
  return snapshot;
}

// What was trained on, validated with and tested on: x_PART (N, rows, columns, channels) u8 and y_PART (N) i32.
void write_images(const std::filesystem::path& path, const PreparedData& data) {
  std::vector<NamedTensor> tensors;
  const auto add = [&](const std::string& part, const LabelledImages& images) {
    tensors.push_back({"x_" + part, images.pixels});
    tensors.push_back({"y_" + part, Tensor::from<std::int32_t>({images.size()}, images.labels)});
  };
  add("train", data.train);
  add("val", data.validation);
  add("test", data.test);
  write_safetensors(path, {}, tensors);
}

void trace(const Arguments& arguments) {
  CURIE_CHECK(arguments.steps >= 1, usage, "--steps: expected at least 1, got {}", arguments.steps);
  const RunOptions options = options_of_run(arguments.run);
  const Recipe& recipe = find_recipe(options.recipe);
  const bool plain = (!recipe.augmentation || options.augment == "none") && !recipe.learning_rate_scheduler &&
                     options.weights.empty() && !options.by_patient && options.class_weights.empty() &&
                     !options.balanced_classes;
  CURIE_CHECK(plain, usage,
              "{}: expected a run without augmentation, a schedule of rates, --weights, --class-weights and "
              "--split-by patient; scripts/peers/same_randoms.py repeats such runs epoch by epoch",
              arguments.run.string());
  Model model = recipe.build(options.seed);
  CompileOptions compile = recipe.compile();
  compile.device = options.device;
  compile.backend = options.backend;
  model.compile(compile);

  DataOptions data_options;
  data_options.folder = options.data;
  data_options.limits = options.limits;
  data_options.split_seed = options.split_seed.value();
  data_options.phantom_seed = options.split_seed.value();
  const PreparedData data = prepare(recipe, source_images(recipe, data_options).images, data_options);
  if (!arguments.images.empty()) write_images(arguments.images, data);
  const ImageDataset train(data.train), validation(data.validation);

  TrainingSnapshot snapshot;
  int first_epoch = 0;
  if (!arguments.from_start) {
    snapshot = snapshot_of(arguments.run);
    first_epoch = nlohmann::json::parse(snapshot.state).at("epoch").get<int>();
  }
  const int per_epoch = (train.size() + options.batch_size - 1) / options.batch_size;
  const auto steps = std::make_shared<StepTrace>(train.size(), options.batch_size, arguments.steps);
  model.fit(train, {.epochs = first_epoch + (arguments.steps + per_epoch - 1) / per_epoch,
                    .batch_size = options.batch_size,
                    .validation = &validation,
                    .callbacks = {CallbackPtr(steps)},
                    .verbose = Verbosity::silent,
                    .resume = arguments.from_start ? nullptr : &snapshot});
  const nlohmann::json result = {{"recipe", recipe.name},
                                 {"device", model.session().backend().describe()},
                                 {"seed", options.seed},
                                 {"split_seed", options.split_seed.value()},
                                 {"batch_size", options.batch_size},
                                 {"from_start", arguments.from_start},
                                 {"first_epoch", first_epoch},
                                 {"losses", steps->losses()},
                                 {"epochs", steps->epochs()}};
  write_file(arguments.out, result.dump(1) + "\n");
}

}  // namespace
}  // namespace curie

int main(int argc, char** argv) {
  CLI::App app("Write the loss of each training step, going on from a run's checkpoint or from its first step");
  curie::Arguments arguments;
  app.add_option("run", arguments.run, "folder of a run (config.json, checkpoint.safetensors)")->required();
  app.add_flag("--from-start", arguments.from_start, "begin with the run's initial weights instead of its checkpoint");
  app.add_option("--steps", arguments.steps, "training steps")->capture_default_str();
  app.add_option("--images", arguments.images, "safetensors file to write the prepared images to");
  app.add_option("--out", arguments.out, "JSON file to write")->required();
  CLI11_PARSE(app, argc, argv);
  try {
    curie::trace(arguments);
  } catch (const std::exception& error) {
    fmt::print(stderr, "curie_trace: {}\n", error.what());
    return 1;
  }
  return 0;
}
