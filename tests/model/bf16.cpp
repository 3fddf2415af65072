// Training with Math::bf16: what is kept in bfloat16, and that it stays near float32.
#include "support/bf16.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "model/inspect.h"
#include "model/model.h"
#include "model/session.h"
#include "support/blobs.h"
#include "support/datasets.h"

using namespace curie;
using curie::test::blobs;

namespace {

// Every kind of layer that is kept in bfloat16: convolutions on one channel and on tensor cores, fused and not, sums,
// pools, batch normalisation, dropout, dense.
Model network(std::uint64_t seed = 3, bool frozen = false) {
  Model model({12, 12, 1}, seed);
  int v = model.apply(Conv2D{.filters = 8, .kernel = 3, .activation = Activation::relu, .name = "base_1"}, {0});
  v = model.apply(MaxPool2D{.pool = 2, .name = "base_pool"}, {v});
  int side = model.apply(Conv2D{.filters = 8, .kernel = 3, .padding = Padding::same(), .name = "side"}, {v});
  side = model.apply(BatchNormalization{}, {side});
  v = model.apply(Add{}, {side, v});
  v = model.apply(ReLU{}, {v});
  v = model.apply(AveragePool2D{.pool = 2}, {v});
  v = model.apply(Flatten{}, {v});
  v = model.apply(Dropout{.rate = 0.25f}, {v});
  v = model.apply(Dense{.units = 16, .activation = Activation::relu}, {v});
  model.apply(Dense{.units = 1, .activation = Activation::sigmoid}, {v});
  if (frozen) model.freeze("base");
  return model;
}

CompileOptions options(Math math, std::optional<Ema> ema = {}) {
  return {.optimizer = Adam{.learning_rate = 0.01f, .ema = ema},
          .loss = BinaryCrossentropy{},
          .device = test::device_under_test(),
          .backend = {.math = math}};
}

FitOptions quiet(int epochs) { return {.epochs = epochs, .batch_size = 16, .verbose = Verbosity::silent}; }

bool skips() {
  if (test::cpu_under_test()) MESSAGE("skipped: the CPU keeps nothing in bf16");
  return test::cpu_under_test();
}

std::vector<float> values_of(const Tensor& tensor) {
  return {tensor.host<float>().begin(), tensor.host<float>().end()};
}

// The rounded copies that products read are the weights, rounded.
void check_copies(Model& model) {
  Backend& backend = model.session().backend();
  int copies = 0;
  for (const NamedParameter& named : model.session().parameters().parameters()) {
    if (!named.parameter->rounded.defined()) continue;
    CAPTURE(named.name);
    const std::vector<float> copy = values_of(to_host_floats(backend, named.parameter->rounded));
    CHECK(test::same_bits(copy, test::rounded(values_of(to_host(backend, named.parameter->value)))));
    ++copies;
  }
  CHECK(copies == 4);  // kernels
}

}  // namespace

TEST_CASE("bf16: the plan keeps activations in half the bytes, logits and weights in float32") {
  if (skips()) return;
  Model narrow = network(), wide = network();
  narrow.compile(options(Math::bf16));
  wide.compile(options(Math::exact));
  const std::size_t parameters = narrow.session().parameters().bytes() - wide.session().parameters().bytes();
  CHECK(parameters == narrow.session().parameters().rounded_tensor().bytes());
  narrow.session().plan(64, 64, DType::u8);
  wide.session().plan(64, 64, DType::u8);
  const Executor& executor = *narrow.session().training_executor();
  CHECK(executor.type(0) == DType::bf16);
  CHECK(executor.type(narrow.graph().logits()) == DType::f32);
  CHECK(executor.type(narrow.graph().output()) == DType::f32);
  CHECK(executor.value(64, 2).dtype() == DType::bf16);  // value 1 is fused away
  CHECK(executor.gradient(64, narrow.graph().logits()).dtype() == DType::f32);
  const double share = static_cast<double>(executor.arena_bytes()) /
                       static_cast<double>(wide.session().training_executor()->arena_bytes());
  CHECK(share < 0.55);  // what is not halved: arg-max bytes, statistics, logits
  for (const NamedParameter& named : narrow.session().parameters().parameters()) {
    CHECK(named.parameter->value.dtype() == DType::f32);
    CHECK(named.parameter->rounded.defined() == (named.parameter->name == "kernel"));
  }
  check_copies(narrow);
}

// A value carries the roundings of the layers before it, a relative 2^-8 for the weights and one for the activations of
// each of four layers: the logits are within 8 * 2^-8 of their magnitude, which is about 1, and so the loss, whose
// slope is below 1. Five steps move on gradients that differ likewise.
TEST_CASE("bf16: five steps stay near those in float32") {
  if (skips()) return;
  const LabelledImages images = blobs(80, 12);
  Model narrow = network(), wide = network();
  narrow.compile(options(Math::bf16));
  wide.compile(options(Math::exact));
  const std::vector<float> start = values_of(wide.session().weights());
  CHECK(test::same_bits(values_of(narrow.session().weights()), start));
  for (int step = 0; step < 5; ++step) {
    CAPTURE(step);
    double losses[2];
    int at = 0;
    for (Model* model : {&narrow, &wide}) {
      if (step == 0) model->session().plan(16, 16, DType::u8);
      model->session().set_totals({});
      model->session().train_step(images.pixels.rows(16 * step, 16), std::span(images.labels).subspan(16 * step, 16),
                                  {});
      losses[at++] = model->session().totals().loss / 16;
    }
    CHECK(losses[0] != losses[1]);  // it does something
    CHECK(std::abs(losses[0] - losses[1]) < 8 * 0x1p-8);
  }
  const std::vector<float> ended = values_of(wide.session().weights()), near = values_of(narrow.session().weights());
  double moved = 0, apart = 0;
  for (std::size_t i = 0; i < start.size(); ++i) {
    moved += std::pow(static_cast<double>(ended[i]) - start[i], 2);
    apart += std::pow(static_cast<double>(ended[i]) - near[i], 2);
  }
  // Adam's first steps are of one size whatever the gradient's, so that of a weight whose gradient's sign is in doubt
  // may go the other way; most go the same.
  CHECK(std::sqrt(apart) < 0.35 * std::sqrt(moved));
  check_copies(narrow);
}

TEST_CASE("bf16: a network learns, from u8, from float samples and behind a frozen beginning") {
  if (skips()) return;
  const LabelledImages images = blobs(48, 12);
  const ImageDataset bytes(images);
  const test::Floats floats(images), kept(images, true);
  for (const Dataset* data : std::vector<const Dataset*>{&bytes, &floats, &kept}) {
    for (const bool frozen : {false, true}) {
      CAPTURE(frozen);
      Model model = network(3, frozen);
      model.compile(options(Math::bf16));
      const History history = model.fit(*data, quiet(10));
      CHECK(history.column("loss").back() < 0.5 * history.column("loss").front());
      CHECK(model.evaluate(*data).accuracy > 0.9);
      check_copies(model);
      const Tensor outputs = model.predict(*data);
      CHECK(outputs.dtype() == DType::f32);
    }
  }
}

TEST_CASE("bf16: the same bits again, and after weights and optimizer state were put back") {
  if (skips()) return;
  const LabelledImages images = blobs(32, 12);
  const auto steps = [&](Model& model, int first, int last) {
    for (int step = first; step < last; ++step) {
      model.session().train_step(images.pixels.rows(16 * (step % 2), 16),
                                 std::span(images.labels).subspan(static_cast<std::size_t>(16 * (step % 2)), 16), {});
    }
  };
  Model whole = network();
  whole.compile(options(Math::bf16));
  whole.session().plan(16, 16, DType::u8);
  steps(whole, 0, 2);
  const Tensor weights = whole.session().weights(), state = whole.session().optimizer_state();
  steps(whole, 2, 4);
  Model resumed = network();
  resumed.compile(options(Math::bf16));
  resumed.session().plan(16, 16, DType::u8);
  steps(resumed, 0, 1);  // elsewhere
  resumed.session().set_weights(weights);
  resumed.session().set_optimizer_state(state);
  resumed.session().set_step(2);
  check_copies(resumed);
  steps(resumed, 2, 4);
  CHECK(test::same_bits(values_of(resumed.session().weights()), values_of(whole.session().weights())));
}

TEST_CASE("bf16: averages that replace the weights, and states that are set, reach the rounded copies") {
  if (skips()) return;
  const LabelledImages images = blobs(32, 12);
  const ImageDataset data(images);
  Model model = network();
  model.compile(options(Math::bf16, Ema{.momentum = 0.5f, .overwrite_frequency = 3, .in_validation = true}));
  FitOptions fit = quiet(3);
  fit.validation = &data;
  model.fit(data, fit);
  check_copies(model);
  const auto state = model.state();
  Model other = network(8);
  other.compile(options(Math::bf16));
  other.set_state(state);
  check_copies(other);
  CHECK(test::same_bits(values_of(other.predict(data)), values_of(model.predict(data))));
}

TEST_CASE("bf16: an inspector hands out float32, near that of float32") {
  if (skips()) return;
  const LabelledImages images = blobs(4, 12);
  Model narrow = network(), wide = network();
  narrow.compile(options(Math::bf16));
  wide.compile(options(Math::exact));
  Inspector inspector(narrow), exact(wide);
  inspector.run(images.pixels);
  exact.run(images.pixels);
  for (int value = 0; value <= narrow.graph().logits(); ++value) {
    CAPTURE(value);
    const std::vector<float> found = values_of(inspector.output(value)), expected = values_of(exact.output(value));
    REQUIRE(found.size() == expected.size());
    const float most = std::abs(*std::max_element(expected.begin(), expected.end(),
                                                  [](float a, float b) { return std::abs(a) < std::abs(b); }));
    for (std::size_t i = 0; i < found.size(); ++i) CHECK(std::abs(found[i] - expected[i]) <= 8 * 0x1p-8f * most);
  }
  const Tensor gradient = inspector.gradient(1, 1);
  CHECK(gradient.dtype() == DType::f32);
  CHECK(gradient.shape() == inspector.output(1).shape());
}
