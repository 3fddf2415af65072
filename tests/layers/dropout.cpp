#include "support/backend.h"
#include "support/check_layer.h"
#include "support/throws.h"

namespace curie {
namespace {

using test::test_backend;

using test::check_layer;

TEST_CASE("Dropout") {
  check_layer(Dropout{.rate = 0.3f},
              {.inputs = {{5, 4, 3}}, .output = {5, 4, 3}, .step = 0.5f, .same_in_inference = false});
  check_layer(Dropout{.rate = 0.9f}, {.inputs = {{40}}, .output = {40}, .step = 0.5f, .same_in_inference = false});
}

TEST_CASE("Dropout: what is dropped depends on seed, stream, step and element, and kept values are scaled") {
  const std::unique_ptr<Backend> backend = test_backend(2);
  const auto run = [&](std::uint64_t seed, std::uint32_t stream, std::uint32_t step) {
    const LayerPtr layer = Dropout{.rate = 0.25f}.make();
    layer->build(std::vector<Shape>{{1000}}, seed, stream);
    const Tensor x = test::on_device(*backend, Tensor::from<float>({4, 1000}, std::vector<float>(4000, 3.0f)));
    const Tensor y = test::device_zeros(*backend, {4, 1000});
    const test::OnDevice<StepState> state(*backend, {.step = step});
    LayerContext context{.backend = *backend, .mode = Mode::training, .state = state.address()};
    layer->forward(context, std::vector<Tensor>{x}, y);
    const RandomStream random{seed, stream, step};
    const Tensor result = test::to_host(*backend, y);
    const std::span<const float> values = result.host<float>();
    for (std::size_t i = 0; i < 4000; ++i) {
      REQUIRE(values[i] == (random.bits(i) >= drop_threshold(0.25f) ? 4.0f : 0.0f));
    }
    return std::vector<float>(values.begin(), values.end());
  };
  const std::vector<float> base = run(1, 2, 3);
  CHECK(run(1, 2, 3) == base);
  CHECK(run(9, 2, 3) != base);
  CHECK(run(1, 9, 3) != base);
  CHECK(run(1, 2, 9) != base);
}

TEST_CASE("Dropout: an alias in inference, and when nothing is dropped") {
  const std::unique_ptr<Backend> backend = test_backend(1);
  const std::vector<Shape> inputs = {{2, 8}};
  const auto alias = [&](float rate, Mode mode) {
    const LayerPtr layer = Dropout{.rate = rate}.make();
    CHECK(layer->build(std::vector<Shape>{{8}}, 0, 0) == Shape{8});
    return layer->demand(*backend, inputs, {2, 8}, mode).alias;
  };
  CHECK(alias(0.5f, Mode::inference));
  CHECK_FALSE(alias(0.5f, Mode::training));
  CHECK(alias(0.0f, Mode::training));
}

TEST_CASE("Dropout: errors say what was expected and received") {
  for (const float rate : {1.0f, -0.1f, std::nanf("")}) {
    CHECK_ERROR([rate] { Dropout{.rate = rate}.make(); }, usage, "Dropout: expected a rate in [0, 1)");
  }
}

TEST_CASE("Flatten: an alias of its input") {
  check_layer(Flatten{}, {.inputs = {{3, 4, 5}}, .output = {60}});
  const LayerPtr layer = Flatten{.name = "flat"}.make();
  CHECK(layer->build(std::vector<Shape>{{7}}, 0, 0) == Shape{7});
  CHECK(make_layer(layer->config())->config() == layer->config());
  CHECK(layer->kind() == "Flatten");
}

}  // namespace
}  // namespace curie
