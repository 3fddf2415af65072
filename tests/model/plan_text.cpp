// The plan in words, and the decisions behind it.
#include "model/plan_text.h"

#include <doctest/doctest.h>

#include "layers/layers.h"
#include "model/model.h"
#include "model/session.h"
#include "ops/ops.h"
#include "support/backend.h"

using namespace curie;

namespace {

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// conv + pool + dropout; conv that two layers read; conv without ReLU before a pool; conv + overlapping pool.
Graph mixed_graph() {
  Graph graph({20, 20, 1}, 9);
  int value = graph.add(Conv2D{.filters = 32, .kernel = 3, .activation = Activation::relu}.make(), {0}, "first");
  value = graph.add(MaxPool2D{.pool = 2}.make(), {value}, "pool");
  value = graph.add(Dropout{.rate = 0.3f}.make(), {value}, "dropout");
  const int read_twice =
      graph.add(Conv2D{.filters = 32, .kernel = 3, .padding = Padding::same(), .activation = Activation::relu}.make(),
                {value}, "twice");
  value = graph.add(Add{}.make(), {read_twice, value}, "add");
  value = graph.add(Conv2D{.filters = 32, .kernel = 3}.make(), {read_twice}, "linear");
  value = graph.add(MaxPool2D{.pool = 2}.make(), {value}, "pool_of_linear");
  graph.add(Conv2D{.filters = 4, .kernel = 1, .activation = Activation::relu}.make(), {value}, "last");
  return graph;
}

const Step& step_of(const std::vector<Step>& steps, const std::string& name) {
  for (const Step& step : steps) {
    if (step.name.rfind(name, 0) == 0) return step;
  }
  FAIL("no step begins with " << name);
  return steps.front();
}

}  // namespace

TEST_CASE("fusion says of every convolution why it stays alone") {
  Graph graph = mixed_graph();
  const std::unique_ptr<Backend> backend = test::test_backend(1);
  const std::vector<Step> steps = fuse(graph, *backend, 4, Mode::training, graph.wants_gradient(graph.output()));
  CHECK(step_of(steps, "first").nodes.size() == 3);
  CHECK(step_of(steps, "first").not_fused.empty());
  CHECK(step_of(steps, "twice").not_fused == "several layers read it, or none");
  CHECK(step_of(steps, "linear").not_fused == "it has no ReLU");
  CHECK(step_of(steps, "last").not_fused == "several layers read it, or none");

  // Frozen, but the first convolution still learns from what comes back through it.
  Graph through({20, 20, 1}, 9);
  int value = through.add(Conv2D{.filters = 32, .kernel = 3, .activation = Activation::relu}.make(), {0}, "a");
  value = through.add(Conv2D{.filters = 32, .kernel = 3, .activation = Activation::relu}.make(), {value}, "b");
  through.add(MaxPool2D{.pool = 2}.make(), {value}, "c");
  through.set_trainable("b", false);
  const std::vector<Step> kept = fuse(through, *backend, 4, Mode::training, through.wants_gradient(through.output()));
  CHECK(step_of(kept, "a").not_fused == "no max pool follows");
  CHECK(step_of(kept, "b").not_fused == "frozen, and gradients pass through it");
}

TEST_CASE(
    "a frozen beginning is fused in training too, keeps nothing for a backward pass, and gives inference's bits") {
  Sequential model({18, 18, 1}, 4);
  model.add(Conv2D{.filters = 32, .kernel = 3, .activation = Activation::relu, .name = "base_conv"})
      .add(MaxPool2D{.pool = 2, .name = "base_pool"})
      .add(Flatten{})
      .add(Dense{.units = 2});
  model.freeze("base");
  Graph& graph = model.graph();
  const std::unique_ptr<Backend> backend = test::test_backend(2);
  const ParameterStore parameters(graph, *backend, 0);
  Executor training(graph, *backend, 3, Mode::training, graph.output());
  Executor inference(graph, *backend, 3, Mode::inference, graph.output());
  CHECK(training.steps()[0].name == "base_conv + base_pool");
  CHECK(training.steps()[0].mode == Mode::inference);
  for (const Executor::Block& block : training.blocks()) CHECK_FALSE(contains(block.what, "saved by"));

  std::vector<Tensor> results;
  for (Executor* executor : {&training, &inference}) {
    executor->bind(std::make_shared<const Buffer>(backend->allocate(executor->arena_bytes())));
    executor->prepare(3);
    const Tensor pixels = Tensor::zeros({3, 18, 18, 1});
    const std::span<float> values = pixels.host<float>();
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 17) / 16.0f - 0.4f;
    const Tensor& input = executor->value(3, 0);
    backend->copy_to_device(input.raw(), pixels.raw(), pixels.bytes());
    executor->forward(3, nullptr);
    results.push_back(to_host(*backend, executor->value(3, graph.output())));
  }
  const std::span<const float> a = results[0].host<float>(), b = results[1].host<float>();
  REQUIRE(a.size() == 6);
  CHECK(std::equal(a.begin(), a.end(), b.begin()));
}

TEST_CASE("blocks that live at the same time share no byte, and every one has a name") {
  Graph graph = mixed_graph();
  const std::unique_ptr<Backend> backend = test::test_backend(1);
  const Executor executor(graph, *backend, 4, Mode::training, graph.output());
  const std::vector<Executor::Block> blocks = executor.blocks();
  CHECK(blocks.size() > 8);
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    CHECK_FALSE(blocks[i].what.empty());
    CHECK(blocks[i].offset + blocks[i].life.bytes <= executor.arena_bytes());
    for (std::size_t j = 0; j < i; ++j) {
      const bool at_once = blocks[i].life.first <= blocks[j].life.last && blocks[j].life.first <= blocks[i].life.last;
      const bool apart = blocks[i].offset + blocks[i].life.bytes <= blocks[j].offset ||
                         blocks[j].offset + blocks[j].life.bytes <= blocks[i].offset;
      CHECK((!at_once || apart));
    }
  }
}

TEST_CASE("the text tells of steps, of the notes that a program adds, and of memory") {
  Graph graph = mixed_graph();
  const std::unique_ptr<Backend> backend = test::test_backend(1);
  const Executor executor(graph, *backend, 4, Mode::training, graph.output());
  const std::string text = plan_text(graph, executor, [](const Step& step) {
    return step.name == "linear" ? std::vector<std::string>{"a note"} : std::vector<std::string>{};
  });
  CHECK(contains(text, "Steps after fusion: 6 of 8 nodes"));
  CHECK(contains(text, "first + pool + dropout"));
  CHECK(contains(text, "fused: 3 nodes in one pass"));
  CHECK(contains(text, "not fused: it has no ReLU"));
  CHECK(contains(text, "a note"));
  CHECK(contains(text, "gradient of linear"));
  CHECK(contains(text, "saved by first + pool + dropout"));
  CHECK(contains(text, "loss, then backward"));
}
