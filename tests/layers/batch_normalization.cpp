#include "support/backend.h"
#include "support/check_layer.h"
#include "support/throws.h"
#include "tensor/log.h"

namespace curie {
namespace {

using test::test_backend;

using test::check_layer;

// y depends on every row of its channel: sums over 12 to 60 rows stand behind each output.
test::LayerCase on_image(std::size_t parameters) {
  return {
      .inputs = {{4, 3, 3}}, .output = {4, 3, 3}, .parameters = parameters, .terms = 12, .same_in_inference = false};
}

TEST_CASE("BatchNormalization") { check_layer(BatchNormalization{}, on_image(12)); }

TEST_CASE("BatchNormalization: scale off, centre off, both off") {
  check_layer(BatchNormalization{.scale = false}, on_image(9));
  check_layer(BatchNormalization{.center = false}, on_image(9));
  check_layer(BatchNormalization{.center = false, .scale = false}, on_image(6));
}

TEST_CASE("BatchNormalization: PyTorch's defaults") { check_layer(BatchNormalization::pytorch(), on_image(12)); }

TEST_CASE("BatchNormalization: frozen, the running statistics are used and stay as they are, in training too") {
  for (const bool scale : {true, false}) {
    test::LayerCase frozen = on_image(scale ? 12 : 9);
    frozen.same_in_inference = true;
    frozen.frozen = true;
    check_layer(BatchNormalization{.scale = scale}, frozen);
  }
}

TEST_CASE("BatchNormalization: running statistics, biased and unbiased") {
  // One channel, batch 1, 2, 4, 7: mean 3.5, variance 5.25 biased and 7 unbiased.
  const std::unique_ptr<Backend> backend = test_backend(1);
  for (const bool unbiased : {false, true}) {
    const LayerPtr layer = BatchNormalization{.momentum = 0.75f, .unbiased_running_variance = unbiased}.make();
    layer->build(std::vector<Shape>{{1}}, 0, 0);
    for (Parameter& parameter : layer->parameters()) {
      const Tensor initial = Tensor::zeros(parameter.shape);
      parameter.initializer.fill({}, parameter.fans, initial.host<float>());
      parameter.value = test::on_device(*backend, initial);
    }
    const Tensor x = test::on_device(*backend, Tensor::from<float>({4, 1}, std::vector<float>{1, 2, 4, 7}));
    const Tensor y = test::device_zeros(*backend, {4, 1});
    const Demand demand = layer->demand(*backend, std::vector<Shape>{{4, 1}}, {4, 1}, Mode::training);
    CHECK(demand.saved_bytes == 8);
    const Tensor scratch = test::device_zeros(*backend, {static_cast<int>(demand.scratch_bytes)}, DType::u8);
    LayerContext context{.backend = *backend,
                         .mode = Mode::training,
                         .saved = test::device_zeros(*backend, {8}, DType::u8),
                         .scratch = {scratch.raw(), demand.scratch_bytes}};
    layer->forward(context, std::vector<Tensor>{x}, y);
    const std::span<Parameter> parameters = layer->parameters();
    REQUIRE(parameters.size() == 4);
    CHECK(parameters[2].name == "moving_mean");
    CHECK(test::to_host(*backend, parameters[2].value).host<float>()[0] == 0.875f);
    CHECK(parameters[3].name == "moving_variance");
    CHECK(test::to_host(*backend, parameters[3].value).host<float>()[0] == (unbiased ? 2.5f : 2.0625f));
  }
}

TEST_CASE("BatchNormalization: order and kind of its parameters") {
  const LayerPtr layer = BatchNormalization{}.make();
  layer->build(std::vector<Shape>{{4, 4, 6}}, 0, 0);
  const std::vector<std::string> names = {"gamma", "beta", "moving_mean", "moving_variance"};
  const std::span<Parameter> parameters = layer->parameters();
  REQUIRE(parameters.size() == names.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    CHECK(parameters[i].name == names[i]);
    CHECK(parameters[i].shape == Shape{6});
    CHECK(parameters[i].trainable == (i < 2));
    CHECK(parameters[i].initializer.kind == (i == 0 || i == 3 ? Initializer::Kind::ones : Initializer::Kind::zeros));
  }
}

TEST_CASE("BatchNormalization: a batch of one row warns") {
  const std::unique_ptr<Backend> backend = test_backend(1);
  const LayerPtr layer = BatchNormalization{}.make();
  layer->build(std::vector<Shape>{{6}}, 0, 0);
  std::string warning;
  LogSink before = set_log_sink([&](LogLevel, std::string_view text) { warning = text; });
  layer->demand(*backend, std::vector<Shape>{{1, 6}}, {1, 6}, Mode::training);
  set_log_sink(std::move(before));
  CHECK(warning.find("no variance") != std::string::npos);
}

TEST_CASE("BatchNormalization: errors say what was expected and received") {
  CHECK_ERROR([] { BatchNormalization{.momentum = 1.5f}.make(); }, usage, "expected a momentum in [0, 1], got 1.5");
  CHECK_ERROR([] { BatchNormalization{.epsilon = 0.0f}.make(); }, usage, "expected an epsilon in (0, 1], got 0");
}

}  // namespace
}  // namespace curie
