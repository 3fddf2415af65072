// Writes small models for the tests of other programs: interop_models DIR makes DIR/NAME.safetensors, Curie's own file,
// and DIR/NAME.json with images, what the model answers, and what other formats can hold of it.
#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "io/hdf5.h"
#include "io/keras.h"
#include "io/model_file.h"
#include "model/session.h"
#include "recipes/recipe.h"
#include "support/file_models.h"
#include "tensor/files.h"

namespace curie::test {
namespace {

constexpr int kImages = 2;

// Batches after whose number Keras is asked for the rate: around the steps, ends and warm-ups of every schedule below.
constexpr int kRateSteps[] = {0, 1, 2, 3, 5, 8, 11, 25, 70};

void write(const std::filesystem::path& folder, const std::string& name, Model made, const CompileOptions& options,
           bool in_keras = true) {
  Model model = ready(std::move(made), options);
  const int width = model.graph().shape(model.graph().output())[-1];
  const LabelledImages images = random_images(model.graph().input_shape(), kImages);
  save_model(folder / (name + ".safetensors"), model, info_for(model, std::max(2, width)));
  const std::span<const std::uint8_t> pixels = images.pixels.host<std::uint8_t>();
  const std::span<const int> shape = images.pixels.shape().extents();
  nlohmann::json json = {{"shape", std::vector<int>(shape.begin(), shape.end())},
                         {"pixels", std::vector<int>(pixels.begin(), pixels.end())},
                         {"outputs", outputs_of(model, images)},
                         {"normalization", to_json(model.normalization())},
                         {"keras", in_keras},
                         {"optimizer", model.training_config().at("optimizer").at("kind")},
                         {"rates", nlohmann::json::array()}};
  for (const int step : kRateSteps) {
    StepState state{.step = static_cast<std::uint32_t>(step)};
    model.session().optimizer().fill(state);
    json["rates"].push_back({step, state.learning_rate});
  }
  write_file(folder / (name + ".json"), json.dump());
  fmt::print("{}\n", name);
}

// What no recipe has: pools of other kinds and paddings, activations on images, logits at the end.
Model odd_layers() {
  Model model({10, 9, 1}, 1, "odd");
  int x = model.apply(Conv2D{.filters = 3, .kernel = {2, 3}, .padding = Padding::same()}, {Model::kInput});
  x = model.apply(L2Pool2D{.pool = {3, 2}, .stride = Extent2{2, 1}, .padding = {Padding::Kind::cells, 1, 1, 1, 0}},
                  {x});
  x = model.apply(AveragePool2D{.pool = 3, .stride = 1, .padding = Padding::cells(1), .count_padding = true}, {x});
  x = model.apply(AveragePool2D{.pool = 2, .stride = 2, .padding = Padding::same()}, {x});
  x = model.apply(Softmax{}, {x});
  x = model.apply(MaxPool2D{.pool = 2, .stride = 1, .padding = Padding::same()}, {x});
  x = model.apply(LogSoftmax{}, {x});
  x = model.apply(BatchNormalization{.center = false}, {x});
  x = model.apply(Flatten{}, {x});
  model.apply(Dense{.units = 4, .activation = Activation::tanh}, {x});
  return model;
}

// A model that Curie has trained for some steps, in those of Keras' files that take what its optimizer remembers, and
// the losses of the steps that Curie does next.
void write_trained(const std::filesystem::path& folder, const std::string& name, const OptimizerChoice& optimizer) {
  constexpr int kBatch = 4;
  const LabelledImages images = [] {
    LabelledImages drawn = random_images({9, 8, 1}, 3 * kBatch, 3);
    for (std::size_t i = 0; i < drawn.labels.size(); ++i) drawn.labels[i] = static_cast<std::int32_t>(i % 3);
    return drawn;
  }();
  Model model({9, 8, 1}, 5, "branches");
  const int left = model.apply(Conv2D{.filters = 2, .kernel = {3, 2}, .padding = Padding::same()}, {Model::kInput});
  int x = model.apply(Conv2D{.filters = 2, .kernel = {3, 2}, .padding = Padding::same()}, {Model::kInput});
  x = model.apply(BatchNormalization{}, {x});
  x = model.apply(Add{}, {left, x});
  x = model.apply(ReLU{}, {x});
  x = model.apply(Flatten{}, {x});
  model.apply(Dense{.units = 3, .activation = Activation::softmax}, {x});
  model.compile({.optimizer = optimizer, .loss = SparseCategoricalCrossentropy{}, .device = "cpu"});
  const ImageDataset all(images);
  model.fit(all, {.epochs = 2, .batch_size = kBatch, .shuffle = false, .verbose = Verbosity::silent});
  const UpdateOptions& options = model.session().optimizer().options();
  if (!options.ema && options.accumulate == 1) save_keras_hdf5(folder / (name + ".h5"), model, info_for(model, 3));
  save_keras_archive(folder / (name + ".keras"), model, info_for(model, 3));
  std::vector<double> losses;
  for (int first = 0; first < images.size(); first += kBatch) {
    const LabelledImages some = images.select(std::vector<int>{first, first + 1, first + 2, first + 3});
    const History history = model.fit(ImageDataset(some), {.batch_size = kBatch, .verbose = Verbosity::silent});
    losses.push_back(history.column("loss").at(0));
  }
  const std::span<const std::uint8_t> pixels = images.pixels.host<std::uint8_t>();
  const nlohmann::json json = {{"shape", {images.size(), 9, 8, 1}},
                               {"pixels", std::vector<int>(pixels.begin(), pixels.end())},
                               {"labels", images.labels},
                               {"batch", kBatch},
                               {"batches", 2 * images.size() / kBatch},
                               {"losses", losses}};
  write_file(folder / (name + ".trained"), json.dump());
  fmt::print("{}\n", name);
}

// A model for each schedule, and for the rates that Curie has no schedule for but Keras.
void write_schedules(const std::filesystem::path& folder) {
  const auto with = [&](const std::string& name, const OptimizerChoice& optimizer) {
    write(folder, "schedule-" + name, chain_model(), {.optimizer = optimizer, .loss = BinaryCrossentropy{}});
  };
  with("exponential", Adam{.schedule = ExponentialDecay{.learning_rate = 0.02, .decay_steps = 5, .staircase = true}});
  with("inverse", Sgd{.schedule = InverseTimeDecay{.learning_rate = 0.02, .decay_steps = 4}});
  with("polynomial", AdamW{.schedule = PolynomialDecay{.learning_rate = 0.02, .decay_steps = 9, .power = 2.0}});
  with("piecewise", Adam{.schedule = PiecewiseConstantDecay{.boundaries = {2, 9}, .values = {0.1, 0.02, 0.003}}});
  with("cosine", Adam{.schedule = CosineDecay{.learning_rate = 0.02, .decay_steps = 30, .alpha = 0.1}});
  with("warmup", Adam{.schedule = CosineDecay{
                          .learning_rate = 0.001, .decay_steps = 30, .warmup_target = 0.02, .warmup_steps = 4}});
  with("restarts", Sgd{.schedule = CosineDecayRestarts{.learning_rate = 0.02, .first_decay_steps = 6, .m_mul = 0.8}});
  with("legacy", Sgd{.learning_rate = 0.02f, .momentum = 0.9f, .decay = 1e-2f});
}

void write_all(const std::filesystem::path& folder) {
  make_writable_folder(folder);
  const Sgd sgd{.learning_rate = 0.02f, .momentum = 0.9f};
  write(folder, "chain", chain_model(), {.optimizer = sgd, .loss = BinaryCrossentropy{}});
  write(folder, "residual", residual_model(), {.optimizer = sgd, .loss = SparseCategoricalCrossentropy{}});
  write(folder, "logits", residual_model(Activation::none),
        {.optimizer = sgd, .loss = CategoricalCrossentropy{.from_logits = true}});
  write(folder, "odd", odd_layers(), {.optimizer = sgd, .loss = MeanSquaredError{}}, false);
  write_schedules(folder);
  if (hdf5_support().present) {
    write_trained(folder, "trained-adam", Adam{.learning_rate = 0.01f});
    write_trained(folder, "trained-momentum", Sgd{.learning_rate = 0.1f, .momentum = 0.9f});
    write_trained(folder, "trained-sgd", Sgd{.learning_rate = 0.1f});
    write_trained(folder, "trained-average",
                  Adam{.learning_rate = 0.01f, .ema = Ema{.momentum = 0.7f, .overwrite_frequency = 4}});
    // After six batches, two of the four of an update are gathered.
    write_trained(folder, "trained-gathered", Sgd{.learning_rate = 0.1f, .momentum = 0.9f, .accumulate = 4});
  }
  // The documents' networks for smaller images where that leaves them enough cells.
  for (const Recipe& recipe : all_recipes()) {
    const Preprocessing& images = recipe.preprocessing;
    const bool fixed = images.height <= 128;
    const Shape input{fixed ? images.height : 160, fixed ? images.width : 170, images.channels};
    write(folder, recipe.name, recipe.network(input, 1), recipe.compile());
  }
}

}  // namespace
}  // namespace curie::test

int main(int argc, char** argv) {
  if (argc != 2) {
    fmt::print(stderr, "usage: interop_models DIR\n");
    return 2;
  }
  try {
    curie::test::write_all(argv[1]);
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
