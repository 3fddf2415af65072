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

void write(const std::filesystem::path& folder, const std::string& name, Model made, Loss loss, bool in_keras = true) {
  Model model = ready(std::move(made), {.optimizer = Sgd{.learning_rate = 0.02f, .momentum = 0.9f}, .loss = loss});
  const int width = model.graph().shape(model.graph().output())[-1];
  const LabelledImages images = random_images(model.graph().input_shape(), kImages);
  save_model(folder / (name + ".safetensors"), model, info_for(model, std::max(2, width)));
  const std::span<const std::uint8_t> pixels = images.pixels.host<std::uint8_t>();
  const std::span<const int> shape = images.pixels.shape().extents();
  const nlohmann::json json = {{"shape", std::vector<int>(shape.begin(), shape.end())},
                               {"pixels", std::vector<int>(pixels.begin(), pixels.end())},
                               {"outputs", outputs_of(model, images)},
                               {"normalization", to_json(model.normalization())},
                               {"keras", in_keras}};
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

void write_all(const std::filesystem::path& folder) {
  make_writable_folder(folder);
  write(folder, "chain", chain_model(), BinaryCrossentropy{});
  write(folder, "residual", residual_model(), SparseCategoricalCrossentropy{});
  write(folder, "logits", residual_model(Activation::none), CategoricalCrossentropy{.from_logits = true});
  write(folder, "odd", odd_layers(), MeanSquaredError{}, false);
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
    write(folder, recipe.name, recipe.network(input, 1), recipe.compile().loss);
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
