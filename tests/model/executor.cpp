#include "model/executor.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "model/parameters.h"
#include "support/backend.h"
#include "support/throws.h"

using namespace curie;

namespace {

using test::test_backend;

// A graph with its parameters, an executor in training mode and an arena, on one CPU thread.
struct Rig {
  Rig(Graph& g, int batch, int loss_value) : graph(g), backend(test_backend(1)), store(graph, *backend, 0) {
    executor = std::make_unique<Executor>(graph, *backend, batch, Mode::training, loss_value);
    executor->bind(std::make_shared<const Buffer>(backend->allocate(executor->arena_bytes())));
    executor->prepare(batch);
  }

  void load(std::span<const float> x, int n) {
    const std::span<float> input = executor->value(n, 0).host<float>();
    std::copy(x.begin(), x.end(), input.begin());
  }
  // dot(output, weights), in double.
  double forward(std::span<const float> x, std::span<const float> weights, int n) {
    load(x, n);
    executor->forward(n, &state);
    const std::span<const float> y = executor->value(n, graph.output()).host<float>();
    double sum = 0.0;
    for (std::size_t i = 0; i < y.size(); ++i) sum += static_cast<double>(y[i]) * static_cast<double>(weights[i]);
    return sum;
  }

  Graph& graph;
  std::unique_ptr<Backend> backend;
  ParameterStore store;
  std::unique_ptr<Executor> executor;
  StepState state{};
};

std::vector<float> noise(std::size_t count, std::uint32_t stream) {
  std::vector<float> values(count);
  const RandomStream random{.seed = 99, .stream = stream};
  for (std::size_t i = 0; i < count; ++i) values[i] = random.uniform(i) - 0.5f;
  return values;
}

// Parameter gradients against central differences of dot(output, weights).
void check_gradients(Graph& graph, int n) {
  Rig rig(graph, n, graph.output());
  const std::vector<float> x = noise(graph.input_shape().elements() * static_cast<std::size_t>(n), 1);
  const std::vector<float> weights = noise(graph.shape(graph.output()).elements() * static_cast<std::size_t>(n), 2);
  rig.forward(x, weights, n);
  const std::span<float> seed = rig.executor->gradient(n, graph.output()).host<float>();
  std::copy(weights.begin(), weights.end(), seed.begin());
  rig.executor->backward(n, &rig.state);
  for (const NamedParameter& named : rig.store.parameters()) {
    if (!named.trained) continue;
    CAPTURE(named.name);
    const std::span<const float> found = named.parameter->gradient.host<float>();
    const std::vector<float> gradient(found.begin(), found.end());
    const std::span<float> value = named.parameter->value.host<float>();
    for (std::size_t i = 0; i < value.size(); i += 1 + value.size() / 7) {
      const float kept = value[i];
      constexpr float kStep = 4e-3f;
      value[i] = kept + kStep;
      const double above = rig.forward(x, weights, n);
      value[i] = kept - kStep;
      const double below = rig.forward(x, weights, n);
      value[i] = kept;
      const double expected = (above - below) / (2.0 * static_cast<double>(kStep));
      // Differences of float32 sums: eps * |sum| / step, and a step^2 term of the curvature.
      CHECK(static_cast<double>(gradient[i]) == doctest::Approx(expected).epsilon(5e-3).scale(1.0));
    }
  }
}

}  // namespace

TEST_CASE("a value that several layers read gets the sum of their gradients") {
  Graph graph({6, 6, 2}, 4);
  const int stem = graph.add(Conv2D{.filters = 3, .kernel = 3, .padding = Padding::same()}.make(), {0});
  const int left = graph.add(Tanh{}.make(), {stem});
  const int right = graph.add(Conv2D{.filters = 3, .kernel = 3, .padding = Padding::same()}.make(), {stem});
  const int sum = graph.add(Add{}.make(), {left, right});
  const int again = graph.add(Add{}.make(), {sum, stem});
  const int twice = graph.add(Add{}.make(), {again, again});
  graph.add(Dense{.units = 2}.make(), {graph.add(Flatten{}.make(), {twice})});
  check_gradients(graph, 3);
}

TEST_CASE("a flattened value that is read elsewhere too keeps its own gradient") {
  Graph graph({3, 3, 2}, 5);
  const int stem = graph.add(Conv2D{.filters = 2, .kernel = 1}.make(), {0});
  const int flat = graph.add(Flatten{}.make(), {stem});
  const int wide = graph.add(Dense{.units = 4}.make(), {flat});
  const int pooled = graph.add(Dense{.units = 4}.make(), {graph.add(GlobalAveragePool2D{}.make(), {stem})});
  graph.add(Add{}.make(), {wide, pooled});
  check_gradients(graph, 2);
}

TEST_CASE("batch normalisation, pooling of every kind and a deep chain") {
  Graph graph({12, 12, 1}, 6);
  int value = graph.add(Conv2D{.filters = 4, .kernel = 3, .bias = false}.make(), {0});
  value = graph.add(BatchNormalization{}.make(), {value});
  value = graph.add(Tanh{}.make(), {value});
  value = graph.add(AveragePool2D{.pool = 2}.make(), {value});
  value = graph.add(L2Pool2D{.pool = 2, .stride = Extent2(1)}.make(), {value});
  value = graph.add(Flatten{}.make(), {value});
  value = graph.add(Dense{.units = 3, .activation = Activation::sigmoid}.make(), {value});
  check_gradients(graph, 4);
}

TEST_CASE("smaller batches than planned use the head of the same memory") {
  Graph graph({4}, 7);
  graph.add(Dense{.units = 2}.make(), {0});
  Rig rig(graph, 8, graph.output());
  rig.executor->prepare(3);
  const std::vector<float> x = noise(12, 3), weights = noise(6, 4);
  rig.forward(x, weights, 3);
  CHECK(rig.executor->value(3, 0).raw() == rig.executor->value(8, 0).raw());
  CHECK_THROWS_AS(rig.executor->prepare(9), Error);
}

TEST_CASE("frozen layers get no gradient, and nothing is planned for what lies below them") {
  Graph graph({5}, 8);
  const int below = graph.add(Dense{.units = 4}.make(), {0});
  graph.add(Dense{.units = 2}.make(), {below});
  graph.nodes()[0].layer->set_trainable(false);
  Rig rig(graph, 2, graph.output());
  CHECK_FALSE(rig.store.parameters()[0].parameter->gradient.defined());
  CHECK_FALSE(rig.executor->gradient(2, below).defined());
  check_gradients(graph, 2);
}

TEST_CASE("fused and separate steps give the same training step") {
  // With a second reader of the convolution the three layers cannot fuse; the loss does not depend on that reader.
  const auto build = [](bool apart, int& loss_value) {
    auto graph = std::make_unique<Graph>(Shape{18, 18, 1}, 9);
    const int conv = graph->add(Conv2D{.filters = 32, .kernel = 3, .activation = Activation::relu}.make(), {0});
    const int pool = graph->add(MaxPool2D{.pool = 2}.make(), {conv});
    const int drop = graph->add(Dropout{.rate = 0.3f}.make(), {pool});
    const int flat = graph->add(Flatten{}.make(), {drop});
    loss_value = graph->add(Dense{.units = 1}.make(), {flat});
    if (apart) graph->add(GlobalAveragePool2D{}.make(), {conv});
    return graph;
  };
  constexpr int kBatch = 4;
  const std::vector<float> x = noise(18 * 18 * kBatch, 1);
  std::vector<std::vector<float>> outputs, gradients;
  std::vector<std::size_t> steps;
  for (const bool apart : {false, true}) {
    int loss_value = 0;
    const std::unique_ptr<Graph> graph = build(apart, loss_value);
    Rig rig(*graph, kBatch, loss_value);
    steps.push_back(rig.executor->steps().size());
    rig.load(x, kBatch);
    rig.executor->forward(kBatch, &rig.state);
    const std::span<const float> y = rig.executor->value(kBatch, loss_value).host<float>();
    outputs.emplace_back(y.begin(), y.end());
    const std::span<float> seed = rig.executor->gradient(kBatch, loss_value).host<float>();
    std::fill(seed.begin(), seed.end(), 1.0f);
    rig.executor->backward(kBatch, &rig.state);
    gradients.emplace_back();
    for (const NamedParameter& named : rig.store.parameters()) {
      const std::span<const float> g = named.parameter->gradient.host<float>();
      gradients.back().insert(gradients.back().end(), g.begin(), g.end());
    }
  }
  CHECK(steps[0] == 3);
  CHECK(steps[1] == 6);
  // The two add up the same terms in another order: at most 4 * 64 products of size about 1 for a gradient, 2048 for an
  // output, each rounded to 2^-24 of the running sum.
  for (std::size_t i = 0; i < outputs[0].size(); ++i) CHECK(std::abs(outputs[0][i] - outputs[1][i]) <= 2048 * 0x1p-24f);
  for (std::size_t i = 0; i < gradients[0].size(); ++i) {
    CHECK(std::abs(gradients[0][i] - gradients[1][i]) <= 256 * 0x1p-24f);
  }
}

TEST_CASE("what fuses is named after its layers; in inference a dropout stays apart, as an alias") {
  Graph graph({18, 18, 1}, 9);
  int value = graph.add(Conv2D{.filters = 32, .kernel = 3, .activation = Activation::relu}.make(), {0});
  value = graph.add(MaxPool2D{.pool = 2}.make(), {value});
  graph.add(Dropout{.rate = 0.3f}.make(), {value});
  const std::unique_ptr<Backend> backend = test_backend(1);
  const std::vector<Step> training = fuse(graph, *backend, 4, Mode::training, graph.wants_gradient(graph.output()));
  REQUIRE(training.size() == 1);
  CHECK(training[0].name == "conv2d + max_pooling2d + dropout");
  CHECK(training[0].nodes == std::vector<int>{0, 1, 2});
  const std::vector<bool> none(static_cast<std::size_t>(graph.values()), false);
  const std::vector<Step> inference = fuse(graph, *backend, 4, Mode::inference, none);
  REQUIRE(inference.size() == 2);
  CHECK(inference[0].nodes == std::vector<int>{0, 1});
}
