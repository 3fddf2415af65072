#include "support/check_layer.h"
#include "support/throws.h"

namespace curie {
namespace {

using test::check_layer;

TEST_CASE("Conv2D: valid padding") {
  check_layer(Conv2D{.filters = 3, .kernel = 3},
              {.inputs = {{6, 5, 2}}, .output = {4, 3, 3}, .parameters = 57, .step = 0.5f, .terms = 18});
}

TEST_CASE("Conv2D: same padding, square and even kernels") {
  check_layer(Conv2D{.filters = 4, .kernel = 3, .padding = Padding::same()},
              {.inputs = {{5, 4, 3}}, .output = {5, 4, 4}, .parameters = 112, .step = 0.5f, .terms = 27});
  check_layer(Conv2D{.filters = 2, .kernel = {4, 2}, .padding = Padding::same()},
              {.inputs = {{5, 6, 1}}, .output = {5, 6, 2}, .parameters = 18, .step = 0.5f, .terms = 8});
}

TEST_CASE("Conv2D: stride, uneven kernel, explicit padding") {
  check_layer(Conv2D{.filters = 2, .kernel = {3, 2}, .stride = {2, 1}, .padding = {Padding::Kind::cells, 2, 1, 0, 1}},
              {.inputs = {{6, 5, 2}}, .output = {4, 5, 2}, .parameters = 26, .step = 0.5f, .terms = 12});
  check_layer(Conv2D{.filters = 3, .kernel = 3, .stride = 2, .padding = Padding::same()},
              {.inputs = {{6, 7, 1}}, .output = {3, 4, 3}, .parameters = 30, .step = 0.5f, .terms = 9});
}

TEST_CASE("Conv2D: one cell, stride beyond the kernel") {
  check_layer(Conv2D{.filters = 1, .kernel = 1},
              {.inputs = {{1, 1, 1}}, .output = {1, 1, 1}, .parameters = 2, .step = 0.5f});
  check_layer(Conv2D{.filters = 2, .kernel = 1, .stride = 3},
              {.inputs = {{7, 4, 2}}, .output = {3, 2, 2}, .parameters = 6, .step = 0.5f, .terms = 2});
}

TEST_CASE("Conv2D: no bias") {
  const Conv2D spec{.filters = 3, .kernel = 2, .bias = false};
  check_layer(spec, {.inputs = {{4, 4, 2}}, .output = {3, 3, 3}, .parameters = 24, .step = 0.5f, .terms = 8});
  const LayerPtr layer = spec.make();
  layer->build(std::vector<Shape>{{4, 4, 2}}, 0, 0);
  REQUIRE(layer->parameters().size() == 1);
  CHECK(layer->parameters()[0].name == "kernel");
  CHECK(layer->parameters()[0].shape == Shape{3, 2, 2, 2});
}

TEST_CASE("Conv2D: fused ReLU") {
  check_layer(Conv2D{.filters = 3, .kernel = 3, .activation = Activation::relu},
              {.inputs = {{5, 5, 1}}, .output = {3, 3, 3}, .parameters = 30, .step = 0x1p-8f, .terms = 9});
  check_layer(
      Conv2D{.filters = 2, .kernel = 2, .padding = Padding::same(), .activation = Activation::relu, .bias = false},
      {.inputs = {{3, 4, 2}}, .output = {3, 4, 2}, .parameters = 16, .step = 0x1p-8f, .terms = 8});
}

TEST_CASE("Conv2D: frozen") {
  check_layer(
      Conv2D{.filters = 2, .kernel = 2, .activation = Activation::relu},
      {.inputs = {{4, 3, 2}}, .output = {3, 2, 2}, .parameters = 18, .step = 0x1p-8f, .terms = 8, .frozen = true});
}

TEST_CASE("Conv2D: parameters and their fans") {
  const LayerPtr layer =
      Conv2D{.filters = 8, .kernel = {3, 5}, .bias_initializer = {Initializer::Kind::pytorch_uniform}}.make();
  CHECK(layer->build(std::vector<Shape>{{9, 9, 2}}, 0, 0) == Shape{7, 5, 8});
  REQUIRE(layer->parameters().size() == 2);
  const Parameter& kernel = layer->parameters()[0];
  const Parameter& bias = layer->parameters()[1];
  CHECK(kernel.shape == Shape{8, 3, 5, 2});
  CHECK(kernel.initializer == Initializer{Initializer::Kind::glorot_uniform});
  CHECK(kernel.fans.in == 30);
  CHECK(kernel.fans.out == 120);
  CHECK(bias.name == "bias");
  CHECK(bias.shape == Shape{8});
  CHECK(bias.initializer == Initializer{Initializer::Kind::pytorch_uniform});
  CHECK(bias.fans.in == 30);
}

TEST_CASE("Conv2D: an activation that it does not compute trails") {
  for (const Activation activation :
       {Activation::sigmoid, Activation::tanh, Activation::softmax, Activation::log_softmax}) {
    CHECK(Conv2D{.activation = activation}.make()->trailing_activation() == activation);
  }
  CHECK(Conv2D{.activation = Activation::relu}.make()->trailing_activation() == Activation::none);
  // The layer itself is then linear.
  check_layer(Conv2D{.filters = 1, .kernel = 2, .activation = Activation::sigmoid},
              {.inputs = {{3, 3, 1}}, .output = {2, 2, 1}, .parameters = 5, .step = 0.5f, .terms = 4});
}

TEST_CASE("Conv2D: errors say what was expected and received") {
  const auto build = [](const Conv2D& spec, const Shape& input) {
    return [=] { spec.make()->build(std::vector<Shape>{input}, 0, 0); };
  };
  CHECK_ERROR(build({.kernel = 3}, {2, 2, 1}), usage,
              "Conv2D: a 3x3 kernel does not fit a 2x2 input; use padding same or a larger image");
  CHECK_ERROR(build({.kernel = 4, .padding = Padding::cells(1)}, {1, 5, 1}), usage,
              "a 4x4 kernel does not fit a 1x5 input padded to 3x7");
  CHECK_ERROR(build({.filters = -4}, {8, 8, 1}), usage, "expected filters from 1 to 1048576, got -4");
  CHECK_ERROR(build({.kernel = 0}, {8, 8, 1}), usage, "expected a kernel from 1 to 4096 rows and columns, got 0x0");
  CHECK_ERROR(build({.stride = {1, 0}}, {8, 8, 1}), usage, "got 1x0");
  CHECK_ERROR(build({.padding = Padding::cells(3)}, {8, 8, 1}), usage, "below the 3x3 window");
  CHECK_ERROR(build({}, {8, 8}), usage, "expected an input of shape (rows, columns, channels), got (8, 8)");
  CHECK_ERROR(build({.filters = 1 << 20}, {1 << 10, 1 << 10, 1}), usage, "more than 1073741824 values");
  CHECK_ERROR([] { Conv2D{}.make()->build({}, 0, 0); }, usage, "Conv2D: expected one input, got 0");
}

}  // namespace
}  // namespace curie
