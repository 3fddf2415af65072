#include "model/value_types.h"

#include <doctest/doctest.h>

#include <vector>

#include "layers/layers.h"

using namespace curie;

namespace {

constexpr DType kNarrow = DType::bf16, kWide = DType::f32;
using Types = std::vector<DType>;

}  // namespace

TEST_CASE("activations are bf16 up to the dense layer that makes the logits, which are float32") {
  Graph graph({8, 8, 1}, 1);
  int value = graph.add(Conv2D{.filters = 4, .kernel = 3, .activation = Activation::relu}.make(), {0});
  value = graph.add(MaxPool2D{.pool = 2}.make(), {value});
  value = graph.add(Flatten{}.make(), {value});
  value = graph.add(Dropout{.rate = 0.5f}.make(), {value});
  value = graph.add(Dense{.units = 8, .activation = Activation::relu}.make(), {value});
  graph.add(Dense{.units = 3, .activation = Activation::softmax}.make(), {value});  // two values: logits, softmax
  CHECK(value_types(graph, true) == Types{kNarrow, kNarrow, kNarrow, kNarrow, kNarrow, kNarrow, kWide, kWide});
  CHECK(value_types(graph, false) == Types(8, kWide));
}

TEST_CASE("where no dense layer makes the logits, float32 reaches up to the last one that widens") {
  Graph graph({4, 4, 2}, 1);
  int value = graph.add(Conv2D{.filters = 4, .kernel = 3}.make(), {0});
  graph.add(GlobalAveragePool2D{}.make(), {value});
  CHECK(value_types(graph, true) == Types(3, kWide));

  Graph deep({6}, 1);
  value = deep.add(Dense{.units = 5}.make(), {0});
  value = deep.add(BatchNormalization{}.make(), {value});
  deep.add(ReLU{}.make(), {value});
  CHECK(value_types(deep, true) == Types{kNarrow, kWide, kWide, kWide});
}

TEST_CASE("a layer that computes in float32 takes its neighbours along, as far as a dense layer before it") {
  Graph graph({6}, 1);
  int value = graph.add(Dense{.units = 5}.make(), {0});
  value = graph.add(Dense{.units = 5}.make(), {value});
  value = graph.add(Softmax{}.make(), {value});
  graph.add(Dense{.units = 2}.make(), {value});
  CHECK(value_types(graph, true) == Types{kNarrow, kNarrow, kWide, kWide, kWide});
}

TEST_CASE("both inputs of a sum have its type") {
  Graph graph({6}, 1);
  const int left = graph.add(Dense{.units = 5}.make(), {0}), right = graph.add(Dense{.units = 5}.make(), {0});
  const int sum = graph.add(Add{}.make(), {left, right});
  graph.add(Dense{.units = 2}.make(), {sum});
  CHECK(value_types(graph, true) == Types{kNarrow, kNarrow, kNarrow, kNarrow, kWide});
  Graph ends({6}, 1);
  const int one = ends.add(Dense{.units = 5}.make(), {0}), other = ends.add(Dense{.units = 5}.make(), {0});
  ends.add(Add{}.make(), {one, other});
  CHECK(value_types(ends, true) == Types{kNarrow, kWide, kWide, kWide});
}
