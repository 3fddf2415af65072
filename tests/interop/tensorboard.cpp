// Trains a tiny model with the TensorBoard callback, interrupted once, and leaves beside the event files what was
// logged: tensorboard.py compares the two.   interop_tensorboard FOLDER
#include "io/tensorboard.h"

#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "model/model.h"
#include "support/blobs.h"
#include "tensor/files.h"

using namespace curie;

namespace {

void write_run(const std::filesystem::path& folder) {
  std::filesystem::remove_all(folder);
  const LabelledImages images = test::blobs(40), held_out = test::blobs(20, 8, 2, 5);
  const ImageDataset data(images), validation(held_out);
  const auto fit = [&](FitOptions options) {
    Sequential model({8, 8, 1}, 3);
    model.add(Conv2D{.filters = 4, .kernel = 3, .activation = Activation::relu})
        .add(Flatten{})
        .add(Dense{.units = 1, .activation = Activation::sigmoid});
    model.compile({.device = "cpu"});
    options.batch_size = 8;
    options.validation = &validation;
    options.verbose = Verbosity::silent;
    options.callbacks = {TensorBoard{.folder = folder / "board", .histogram_frequency = 1, .examples = &data}};
    const History history = model.fit(data, options);
    return std::pair(history, model.state());
  };
  // Two epochs are saved, a third is logged and lost; the run that goes on computes it again.
  TrainingSnapshot saved, after_two;
  fit({.epochs = 3, .save = [&](const TrainingSnapshot& snapshot) {
         after_two = saved;
         saved = snapshot;
       }});
  const auto [history, state] = fit({.epochs = 5, .resume = &after_two});

  nlohmann::json expected = {{"kernels", nlohmann::json::object()}, {"examples", nlohmann::json::array()}};
  for (const char* name : {"loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"}) {
    expected[name] = history.column(name);
  }
  for (const auto& [name, tensor] : state) {
    const auto values = tensor.host<float>();
    expected["kernels"][name] = std::vector<float>(values.begin(), values.end());
  }
  for (int i = 0; i < 8; ++i) {
    const auto pixels = images.pixels.rows(i, 1).host<std::uint8_t>();
    expected["examples"].push_back(std::vector<int>(pixels.begin(), pixels.end()));
  }
  write_file(folder / "expected.json", expected.dump());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    fmt::print(stderr, "usage: interop_tensorboard FOLDER\n");
    return 2;
  }
  try {
    write_run(argv[1]);
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
