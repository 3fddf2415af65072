#include "support/check_layer.h"
#include "support/throws.h"

namespace curie {
namespace {

using test::check_layer;

TEST_CASE("Dense") {
  check_layer(Dense{.units = 4}, {.inputs = {{7}}, .output = {4}, .parameters = 32, .step = 0.5f, .terms = 7});
  check_layer(Dense{.units = 1}, {.inputs = {{1}}, .output = {1}, .parameters = 2, .step = 0.5f});
  check_layer(Dense{.units = 17}, {.inputs = {{33}}, .output = {17}, .parameters = 578, .step = 0.5f, .terms = 33});
}

TEST_CASE("Dense: no bias, fused ReLU, frozen") {
  check_layer(Dense{.units = 3, .bias = false},
              {.inputs = {{5}}, .output = {3}, .parameters = 15, .step = 0.5f, .terms = 5});
  check_layer(Dense{.units = 8, .activation = Activation::relu},
              {.inputs = {{6}}, .output = {8}, .parameters = 56, .step = 0x1p-8f, .terms = 6});
  check_layer(Dense{.units = 8, .activation = Activation::relu, .bias = false},
              {.inputs = {{6}}, .output = {8}, .parameters = 48, .step = 0x1p-8f, .terms = 6, .frozen = true});
}

TEST_CASE("Dense: an activation that it does not compute trails") {
  CHECK(Dense{.activation = Activation::softmax}.make()->trailing_activation() == Activation::softmax);
  CHECK(Dense{.activation = Activation::relu}.make()->trailing_activation() == Activation::none);
  check_layer(Dense{.units = 2, .activation = Activation::softmax},
              {.inputs = {{3}}, .output = {2}, .parameters = 8, .step = 0.5f, .terms = 3});
}

TEST_CASE("Dense: parameters and their fans") {
  const LayerPtr layer = Dense{.units = 10}.make();
  layer->build(std::vector<Shape>{{30}}, 0, 0);
  REQUIRE(layer->parameters().size() == 2);
  CHECK(layer->parameters()[0].name == "kernel");
  CHECK(layer->parameters()[0].shape == Shape{30, 10});
  for (const Parameter& parameter : layer->parameters()) {
    CHECK(parameter.fans.in == 30);
    CHECK(parameter.fans.out == 10);
    CHECK(parameter.trainable);
  }
  CHECK(layer->parameters()[1].initializer == Initializer{Initializer::Kind::zeros});
}

TEST_CASE("Dense: errors say what was expected and received") {
  CHECK_ERROR([] { Dense{.units = 0}.make(); }, usage, "Dense: expected units from 1 to 1048576, got 0");
  CHECK_ERROR(
      [] {
        Dense{.units = 2}.make()->build(std::vector<Shape>{{3, 3, 8}}, 0, 0);
      },
      usage, "expected an input of shape (features), got (3, 3, 8); add Flatten");
  CHECK_ERROR(
      [] {
        Dense{.units = 2}.make()->build(std::vector<Shape>{{4}, {4}}, 0, 0);
      },
      usage, "expected one input, got 2");
  CHECK_ERROR([] { Dense{.units = 1 << 20}.make()->build(std::vector<Shape>{{1 << 20}}, 0, 0); }, usage,
              "a kernel (1048576, 1048576) has more than 1073741824 values");
}

}  // namespace
}  // namespace curie
