#include "model/inspect.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>

#include "model/session.h"
#include "support/backend.h"
#include "support/throws.h"
#include "tensor/random.h"

using namespace curie;

namespace {

Tensor noise(const Shape& shape, std::uint32_t stream, float scale = 1.0f) {
  Tensor tensor = Tensor::zeros(shape);
  const RandomStream random{.seed = 12, .stream = stream};
  const std::span<float> values = tensor.host<float>();
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = scale * (random.uniform(i) - 0.5f);
  return tensor;
}

// A network with every kind of layer that saves, aliases, fuses or behaves otherwise in training. Its `from`-th part
// and what follows can stand alone as a model that begins with that part's input.
Model network(int from, const Shape& input, Activation last, int units) {
  Model model(input, 5, "part");
  int v = Model::kInput;
  if (from < 1) v = model.apply(Conv2D{.filters = 4, .kernel = 3, .activation = Activation::relu, .name = "a"}, {v});
  if (from < 2) v = model.apply(MaxPool2D{.pool = 2, .name = "b"}, {v});
  if (from < 3) v = model.apply(Dropout{.rate = 0.5f, .name = "c"}, {v});
  if (from < 4) v = model.apply(BatchNormalization{.name = "d"}, {v});
  if (from < 5) {
    int side =
        model.apply(Conv2D{.filters = 4, .kernel = 3, .padding = Padding::same(), .bias = false, .name = "e1"}, {v});
    side = model.apply(BatchNormalization{.scale = false, .name = "e2"}, {side});
    v = model.apply(Add{.name = "e3"}, {side, v});
    v = model.apply(ReLU{.name = "e4"}, {v});
  }
  if (from < 6) v = model.apply(AveragePool2D{.pool = 2, .name = "f"}, {v});
  if (from < 7) v = model.apply(Flatten{.name = "g"}, {v});
  if (from < 8) v = model.apply(Dense{.units = 6, .activation = Activation::tanh, .name = "h"}, {v});
  model.apply(Dense{.units = units, .activation = last, .name = "i"}, {v});
  return model;
}

const Shape kInput{10, 9, 2};

struct Head {
  Activation last = Activation::sigmoid;
  int units = 1;
};

void compile(Model& model, const Head& head = {}) {
  Loss loss = BinaryCrossentropy{};
  if (head.units > 1) loss = CategoricalCrossentropy{.from_logits = head.last == Activation::none};
  if (head.last == Activation::log_softmax) loss = NegativeLogLikelihood{};
  model.compile({.loss = loss, .device = test::device_under_test()});
}

// Weights, and running statistics that are not those of the start.
std::vector<std::pair<std::string, Tensor>> drawn_state(Model& model) {
  std::vector<std::pair<std::string, Tensor>> state = model.state();
  std::uint32_t stream = 100;
  for (auto& [name, tensor] : state) {
    const bool positive = name.ends_with("variance") || name.ends_with("gamma");
    tensor = noise(tensor.shape(), ++stream);
    if (positive) {
      for (float& value : tensor.host<float>()) value += 1.0f;
    }
  }
  return state;
}

std::vector<std::pair<std::string, Tensor>> part_of(const std::vector<std::pair<std::string, Tensor>>& state,
                                                    const Model& model) {
  std::vector<std::pair<std::string, Tensor>> part;
  for (const auto& wanted : model.state()) {
    for (const auto& one : state) {
      if (one.first == wanted.first) part.push_back(one);
    }
  }
  return part;
}

double score(Inspector& inspector, const Graph& graph, const Tensor& samples, int class_number) {
  inspector.run(samples);
  const Tensor logits = inspector.output(graph.logits());
  const std::span<const float> row = logits.host<float>();
  if (row.size() == 1) return static_cast<double>(class_number == 1 ? row[0] : -row[0]);
  return static_cast<double>(row[static_cast<std::size_t>(class_number)]);
}

// The gradient with respect to the input of the network's part against differences on that part alone. Where the two
// one-sided differences part, a kink lies between them (ReLU, max pool), and neither is the slope.
void check_against_differences(Inspector& whole, int class_number, int value, Model& tail) {
  const Tensor at = whole.output(value), found = whole.gradient(class_number, value);
  REQUIRE(found.shape() == at.shape());
  Inspector inspector(tail);
  const double here = score(inspector, tail.graph(), at, class_number);
  constexpr float kStep = 0x1p-6f;
  int compared = 0, kinks = 0;
  double largest = 0;
  for (std::size_t i = 0; i < at.elements(); ++i) {
    const auto moved = [&](float by) {
      const Tensor other = at.clone();
      other.host<float>()[i] += by;
      return score(inspector, tail.graph(), other, class_number);
    };
    const double up = (moved(kStep) - here) / static_cast<double>(kStep);
    const double down = (here - moved(-kStep)) / static_cast<double>(kStep);
    if (std::abs(up - down) > 0.02 * (std::abs(up) + std::abs(down)) + 2e-4) {
      ++kinks;
      continue;
    }
    CHECK(std::abs(static_cast<double>(found.host<float>()[i]) - (up + down) / 2) <= 2e-4 + 0.01 * std::abs(up));
    largest = std::max(largest, std::abs(up));
    ++compared;
  }
  CAPTURE(kinks);
  CHECK(compared >= 3 * kinks);
  CHECK(largest > 1e-3);  // not a comparison of zeros
}

}  // namespace

TEST_CASE("gradients of every layer's output agree with finite differences, whatever the head") {
  for (const Head& head : {Head{Activation::sigmoid, 1}, Head{Activation::softmax, 3}, Head{Activation::log_softmax, 4},
                           Head{Activation::none, 2}}) {
    CAPTURE(head.units);
    Model model = network(0, kInput, head.last, head.units);
    compile(model, head);
    const auto state = drawn_state(model);
    model.set_state(state);
    Inspector inspector(model);
    inspector.run(noise(kInput.with_batch(1), 1, 2.0f));
    const char* const names[] = {"", "a", "b", "c", "d", "e4", "f", "g", "h"};
    for (int part = 0; part <= 8; ++part) {
      if (head.units > 1 && part % 3 != 0) continue;  // the parts before the head are the same
      CAPTURE(part);
      const int value = part == 0 ? 0 : inspector.layer(names[part]).value;
      Model tail = network(part, model.graph().shape(value), head.last, head.units);
      compile(tail, head);
      tail.set_state(part_of(state, tail));
      for (const int class_number : {0, 1}) check_against_differences(inspector, class_number, value, tail);
    }
  }
}

TEST_CASE("outputs are those of prediction: dropout passes, statistics rest, nothing of the model changes") {
  Model model = network(0, kInput, Activation::softmax, 3);
  compile(model, {Activation::softmax, 3});
  model.set_state(drawn_state(model));
  LabelledImages images;
  images.pixels = Tensor::zeros(kInput.with_batch(5), DType::u8);
  images.labels.assign(5, 0);
  const RandomStream random{.seed = 3};
  for (std::size_t i = 0; i < images.pixels.elements(); ++i) {
    images.pixels.host<std::uint8_t>()[i] = static_cast<std::uint8_t>(random.bits(i) >> 24);
  }
  const Tensor expected = model.predict(ImageDataset(images));
  const auto before = model.state();

  Inspector inspector(model);
  inspector.run(images.pixels);
  const Tensor found = inspector.output(model.graph().output());
  for (std::size_t i = 0; i < expected.elements(); ++i) {
    CHECK(found.host<float>()[i] == doctest::Approx(expected.host<float>()[i]).epsilon(1e-5));
  }
  CHECK(inspector.samples() == 5);
  const Tensor probabilities = inspector.probabilities();
  CHECK(probabilities.shape() == Shape{5, 3});
  // Each sample's gradient is its own: alone it is the same.
  const int maps = inspector.layer("e4").value;
  const Tensor all = inspector.gradient(2, maps);
  inspector.run(images.pixels.rows(3, 1));
  const Tensor alone = inspector.gradient(2, maps);
  for (std::size_t i = 0; i < alone.elements(); ++i) {
    CHECK(all.rows(3, 1).host<float>()[i] == doctest::Approx(alone.host<float>()[i]).epsilon(1e-4));
  }

  const auto after = model.state();
  for (std::size_t i = 0; i < before.size(); ++i) {
    CHECK(std::memcmp(before[i].second.raw(), after[i].second.raw(), before[i].second.bytes()) == 0);
  }
  for (const Node& node : model.graph().nodes()) CHECK(node.layer->trainable());
  const Tensor again = model.predict(ImageDataset(images));
  CHECK(std::memcmp(again.raw(), expected.raw(), expected.bytes()) == 0);
}

TEST_CASE("a frozen layer stays frozen, and training goes on as if nobody had looked") {
  const auto trained = [](bool look) {
    Model model = network(0, kInput, Activation::sigmoid, 1);
    model.graph().nodes()[0].layer->set_trainable(false);
    compile(model);
    LabelledImages images;
    images.pixels = noise(kInput.with_batch(12), 7);
    images.labels = {0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1};
    const ImageDataset data(images);
    for (int i = 0; i < 2; ++i) {
      if (look) {
        Inspector inspector(model);
        inspector.run(images.pixels.rows(0, 2));
        inspector.gradient(1, 0);
      }
      model.fit(data, {.epochs = 1, .batch_size = 4, .verbose = Verbosity::silent});
    }
    CHECK_FALSE(model.graph().nodes()[0].layer->trainable());
    return model.session().weights();
  };
  const Tensor plain = trained(false), looked_at = trained(true);
  CHECK(std::memcmp(plain.raw(), looked_at.raw(), plain.bytes()) == 0);
}

TEST_CASE("layers are listed as a summary does, and misuse is a clear error") {
  Model model = network(0, kInput, Activation::sigmoid, 1);
  compile(model);
  Inspector inspector(model);
  REQUIRE(inspector.layers().size() == 12);
  CHECK(inspector.layers()[0].kind == "Conv2D");
  CHECK(inspector.layers()[0].shape == Shape{8, 7, 4});
  CHECK(inspector.layers().back().value == model.graph().output());  // behind its sigmoid
  CHECK_ERROR([&] { inspector.output(0); }, usage, "expected a run");
  CHECK_ERROR([&] { inspector.gradient(0, 0); }, usage, "expected a run");
  CHECK_ERROR([&] { inspector.layer("e5"); }, usage, "no layer \"e5\"");
  CHECK_ERROR([&] { inspector.run(Tensor::zeros(Shape{1, 10, 9, 1})); }, usage, "(10, 9, 2)");
  CHECK_ERROR([&] { inspector.run(Tensor::zeros(kInput)); }, usage, "(10, 9, 2)");
  inspector.run(noise(kInput.with_batch(1), 1));
  CHECK_ERROR([&] { inspector.output(99); }, usage, "99");
  CHECK_ERROR([&] { inspector.gradient(2, 0); }, usage, "class below 2, got 2");
  CHECK_ERROR([&] { inspector.gradient(0, model.graph().output()); }, usage, "the logits");
  Model raw(kInput);
  CHECK_ERROR([&] { Inspector{raw}; }, usage, "compile");
}

TEST_CASE("the last convolution is followed through what keeps its place") {
  Model model = network(0, kInput, Activation::sigmoid, 1);
  compile(model);
  CHECK(last_convolution(Inspector(model), model.graph()).name == "e4");
  Sequential plain({8, 8, 1});
  plain.add(Conv2D{.filters = 2, .kernel = 3, .name = "first"})
      .add(Conv2D{.filters = 2, .kernel = 3, .activation = Activation::tanh, .name = "second"});
  plain.add(MaxPool2D{.pool = 1, .name = "pool"})
      .add(Flatten{})
      .add(Dense{.units = 1, .activation = Activation::sigmoid});
  compile(plain);
  CHECK(last_convolution(Inspector(plain), plain.graph()).name == "second");
  Sequential dense({4});
  dense.add(Dense{.units = 1, .activation = Activation::sigmoid});
  compile(dense);
  CHECK_ERROR([&] { last_convolution(Inspector(dense), dense.graph()); }, usage, "no convolution");
}
