// The frozen beginning of a network: where it ends, and that computing it once changes nothing but the time.
#include "model/frozen.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "model/model.h"
#include "model/session.h"
#include "support/backend.h"
#include "support/blobs.h"
#include "support/datasets.h"
#include "support/log_capture.h"

using namespace curie;
using curie::test::blobs;
using curie::test::LogCapture;

namespace {

// Two frozen blocks, the second with batch normalisation and a shortcut, and a head that learns.
Model transfer_model() {
  Model model({12, 12, 1}, 6);
  int value = model.apply(Conv2D{.filters = 8, .kernel = 3, .activation = Activation::relu, .name = "base_1"}, {0});
  value = model.apply(MaxPool2D{.pool = 2, .name = "base_pool"}, {value});
  const int left = model.apply(
      Conv2D{.filters = 8, .kernel = 3, .padding = Padding::same(), .bias = false, .name = "base_2"}, {value});
  const int norm = model.apply(BatchNormalization{.name = "base_norm"}, {left});
  const int sum = model.apply(Add{.name = "base_add"}, {norm, value});
  value = model.apply(Dropout{.rate = 0.4f, .name = "base_dropout"}, {sum});
  value = model.apply(AveragePool2D{.pool = 2}, {value});
  value = model.apply(Flatten{}, {value});
  value = model.apply(Dense{.units = 16, .activation = Activation::relu}, {value});
  value = model.apply(Dropout{.rate = 0.3f}, {value});
  value = model.apply(BatchNormalization{}, {value});
  model.apply(Dense{.units = 3, .activation = Activation::softmax}, {value});
  model.freeze("base");
  model.compile({.loss = SparseCategoricalCrossentropy{}, .device = test::device_under_test()});
  return model;
}

struct Outcome {
  std::vector<float> weights;
  std::vector<double> losses, validation;
  std::string log;
};

Outcome train(const Dataset& data, const Dataset* validation, std::size_t cache_bytes) {
  const LogCapture log;
  Model model = transfer_model();
  FitOptions options{.epochs = 3, .batch_size = 16, .validation = validation, .verbose = Verbosity::silent};
  options.frozen_cache_bytes = cache_bytes;
  options.class_weights = {1.0, 2.0};
  const History history = model.fit(data, options);
  const Tensor weights = model.session().weights();
  return {.weights = {weights.host<float>().begin(), weights.host<float>().end()},
          .losses = history.column("loss"),
          .validation = history.column("val_loss"),
          .log = log.lines};
}

void check_equal(const Outcome& a, const Outcome& b) {
  REQUIRE(a.weights.size() == b.weights.size());
  CHECK(std::memcmp(a.weights.data(), b.weights.data(), a.weights.size() * sizeof(float)) == 0);
  CHECK(a.losses == b.losses);
  CHECK(a.validation == b.validation);
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

constexpr std::size_t kPlenty = std::size_t{1} << 30;

}  // namespace

TEST_CASE("the frozen beginning ends before the first layer that learns, drops or uses a batch's statistics") {
  const auto cut_of = [](const Model& model) { return frozen_cut(model.graph()); };
  const Model transfer = transfer_model();
  REQUIRE(cut_of(transfer));
  CHECK(transfer.graph().shape(*cut_of(transfer)) == Shape{32});  // 2 x 2 x 8, flattened: 5 x 5 pooled by 2

  Sequential learning({6, 6, 1});
  learning.add(Conv2D{.filters = 2, .kernel = 3, .name = "a"})
      .add(Conv2D{.filters = 2, .kernel = 3, .name = "b"})
      .add(BatchNormalization{.name = "norm"})
      .add(Dropout{.name = "drop"})
      .add(Flatten{})
      .add(Dense{.units = 1});
  CHECK_FALSE(cut_of(learning));
  learning.freeze("b");  // behind a layer that learns
  CHECK_FALSE(cut_of(learning));
  learning.freeze("a");
  CHECK(cut_of(learning) == 2);
  learning.freeze("norm");
  CHECK(cut_of(learning) == 3);
  learning.freeze("drop");
  CHECK(cut_of(learning) == 5);

  // A shortcut around the layer that learns reads an earlier value: the cut lies where everything passes through.
  Model shortcut({6, 6, 2});
  const int stem = shortcut.apply(Conv2D{.filters = 2, .kernel = 1, .name = "stem"}, {0});
  const int side = shortcut.apply(Conv2D{.filters = 2, .kernel = 1, .name = "side"}, {stem});
  shortcut.apply(Flatten{}, {shortcut.apply(Add{}, {side, stem})});
  shortcut.freeze("stem");
  CHECK(cut_of(shortcut) == stem);
  Model around({6, 6, 2});
  const int first = around.apply(Conv2D{.filters = 2, .kernel = 1, .name = "stem"}, {0});
  around.apply(Flatten{}, {around.apply(Add{}, {first, 0})});
  around.apply(Dense{.units = 1}, {around.graph().output()});
  around.freeze("stem");
  CHECK(cut_of(around) == around.graph().output() - 1);

  // Layers without parameters alone are not worth it.
  Sequential pooled({6, 6, 1});
  pooled.add(MaxPool2D{}).add(Flatten{}).add(Dense{.units = 1});
  CHECK_FALSE(cut_of(pooled));
}

TEST_CASE("training from a frozen beginning's outputs ends with the same bits as training through it") {
  const LabelledImages images = blobs(40, 12, 3), held_out = blobs(21, 12, 3, 8);
  const ImageDataset data(images), validation(held_out);
  const Outcome through = train(data, &validation, 0);
  CHECK_FALSE(contains(through.log, "frozen"));
  const Outcome cached = train(data, &validation, kPlenty);
  CHECK(contains(cached.log, "The first 8 layers are frozen and were computed once for 61 samples: "));
  check_equal(cached, through);

  // Augmented training data go through the whole network; the validation's outputs are reused still.
  const test::Streamed streamed(images);
  const Outcome half = train(streamed, &validation, kPlenty);
  CHECK(contains(half.log, "for 21 samples"));
  check_equal(half, through);
  // 32 floats a sample: there is room for the validation data's outputs, or for nobody's.
  const Outcome little = train(data, &validation, 21 * 32 * sizeof(float));
  CHECK(contains(little.log, "for 21 samples"));
  check_equal(little, through);
  CHECK_FALSE(contains(train(data, &validation, 100).log, "frozen"));

  const test::Streamed streamed_validation(held_out);
  check_equal(train(data, &streamed_validation, kPlenty), through);
  const test::Floats floats(held_out, true);
  check_equal(train(data, &floats, kPlenty), through);
}

TEST_CASE("after a run from cached outputs the model evaluates and predicts whole samples") {
  const LabelledImages images = blobs(40, 12, 3);
  const ImageDataset data(images);
  Model model = transfer_model();
  FitOptions options{.epochs = 2, .batch_size = 8, .validation = &data, .verbose = Verbosity::silent};
  const History history = model.fit(data, options);
  const Evaluation evaluation = model.evaluate(data, 8);
  CHECK(evaluation.loss == doctest::Approx(history.column("val_loss").back()).epsilon(1e-6));
  const Tensor outputs = model.predict(data);
  int correct = 0;
  for (std::size_t i = 0; i < images.labels.size(); ++i) {
    const float* row = outputs.host<float>().data() + 3 * i;
    correct += std::max_element(row, row + 3) - row == images.labels[i];
  }
  CHECK(correct == std::lround(evaluation.accuracy * 40));
  CHECK(model.fit(data, options).epochs.size() == 2);
}

TEST_CASE("a run that is interrupted while the frozen beginning is computed can be resumed") {
  const LabelledImages images = blobs(40, 12, 3);
  const ImageDataset data(images);
  const Outcome undisturbed = train(data, nullptr, kPlenty);
  Model model = transfer_model();
  FitOptions options{.epochs = 3, .batch_size = 16, .verbose = Verbosity::silent};
  options.class_weights = {1.0, 2.0};
  int asked = 0;
  options.interrupted = [&] { return ++asked == 2; };
  TrainingSnapshot saved;
  options.save = [&](const TrainingSnapshot& snapshot) { saved = snapshot; };
  const History history = model.fit(data, options);
  CHECK(history.stop_reason == "interrupted before epoch 1");
  CHECK(history.epochs.empty());
  options.interrupted = {};
  options.resume = &saved;
  const TrainingSnapshot start = saved;
  options.resume = &start;
  Model resumed = transfer_model();
  CHECK(resumed.fit(data, options).epochs.size() == 3);
  const Tensor weights = resumed.session().weights();
  CHECK(std::memcmp(weights.raw(), undisturbed.weights.data(), weights.bytes()) == 0);
}
