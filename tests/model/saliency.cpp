#include "model/saliency.h"

#include <doctest/doctest.h>

#include <cmath>

#include "model/probabilities.h"
#include "support/backend.h"
#include "support/throws.h"

using namespace curie;

namespace {

void compile(Model& model) {
  model.compile({.optimizer = Adam{}, .loss = BinaryCrossentropy{}, .device = test::device_under_test()});
}

// Sets the named parameter; the others stay.
void set(Model& model, const std::string& name, std::vector<float> values) {
  auto state = model.state();
  bool found = false;
  for (auto& [own, tensor] : state) {
    if (own != name) continue;
    found = true;
    tensor = Tensor::from<float>(tensor.shape(), values);
  }
  REQUIRE(found);
  model.set_state(state);
}

Tensor one_row(std::vector<float> values) {
  return Tensor::from<float>(Shape{1, static_cast<int>(values.size())}, values);
}

}  // namespace

TEST_CASE("Grad-CAM before a global average is the class activation map") {
  Sequential model({2, 3, 1});
  model.add(Conv2D{.filters = 2, .kernel = 1, .name = "maps"}).add(GlobalAveragePool2D{});
  model.add(Dense{.units = 1, .activation = Activation::sigmoid, .name = "score"});
  compile(model);
  set(model, "maps/kernel", {1, -1});
  set(model, "maps/bias", {0, 1});
  set(model, "score/kernel", {2, -1});
  Inspector inspector(model);
  inspector.run(Tensor::from<float>(Shape{1, 2, 3, 1}, std::vector<float>{0, .25f, .5f, .75f, 1, 0}));
  // Maps x and 1 - x with weights 2/6 and -1/6: (3x - 1) / 6, without the negative, over its largest value 2/6.
  const Tensor cam = grad_cam(inspector, 1, inspector.layer("maps").value);
  CHECK(cam.shape() == Shape{1, 2, 3});
  const float expected[] = {0, 0, .25f, .625f, 1, 0};
  for (std::size_t i = 0; i < 6; ++i) CHECK(cam.host<float>()[i] == doctest::Approx(expected[i]).epsilon(1e-5));
  // For class 0 the sign turns: (1 - 3x) / 6 is largest where x is 0.
  const Tensor other = grad_cam(inspector, 0, inspector.layer("maps").value);
  const float turned[] = {1, .25f, 0, 0, 0, 1};
  for (std::size_t i = 0; i < 6; ++i) CHECK(other.host<float>()[i] == doctest::Approx(turned[i]).epsilon(1e-5));
  // Nothing speaks for the class: zeros, not NaN.
  set(model, "score/kernel", {0, 0});
  inspector.run(Tensor::from<float>(Shape{1, 2, 3, 1}, std::vector<float>(6, 1.0f)));
  const Tensor nothing = grad_cam(inspector, 1, inspector.layer("maps").value);
  for (const float value : nothing.host<float>()) CHECK(value == 0);
  CHECK_ERROR([&] { grad_cam(inspector, 1, inspector.layer("score").value - 1); }, usage, "(height, width, channels)");
}

TEST_CASE("occlusion finds the pixels that the decision rests on") {
  Sequential model({8, 8, 1});
  model.add(Flatten{}).add(Dense{.units = 1, .activation = Activation::sigmoid, .name = "score"});
  compile(model);
  std::vector<float> weights(64, 0.0f);
  weights[8 * 1 + 1] = 8;   // for class 1
  weights[8 * 6 + 6] = -8;  // against it
  set(model, "score/kernel", weights);
  Tensor image = Tensor::zeros(Shape{1, 8, 8, 1}, DType::u8);
  for (const std::size_t at : {std::size_t{9}, std::size_t{54}}) image.host<std::uint8_t>()[at] = 255;
  const Tensor map = occlusion_map(model, image, 1, {.windows = 4, .share = 0.25});
  CHECK(map.shape() == Shape{8, 8});
  const auto at = [&](std::size_t y, std::size_t x) { return map.host<float>()[8 * y + x]; };
  // Windows of 2 x 2 lie side by side. The mean of the image is 8: covering changes the logit by 8 * 247 / 255.
  const double fall = 0.5 - 1 / (1 + std::exp(8.0 * 247 / 255));
  for (const std::size_t y : {std::size_t{0}, std::size_t{1}}) CHECK(at(y, 0) == doctest::Approx(fall).epsilon(1e-4));
  CHECK(at(6, 7) == doctest::Approx(-fall).epsilon(1e-4));
  CHECK(at(4, 2) == 0);
  CHECK(occlusion_map(model, image, 0, {.windows = 4, .share = 0.25}).host<float>()[0] ==
        doctest::Approx(-fall).epsilon(1e-4));
  // One window over everything.
  const Tensor whole = occlusion_map(model, image, 1, {.windows = 1, .share = 1});
  for (const float value : whole.host<float>()) CHECK(value == whole.host<float>()[0]);

  CHECK_ERROR([&] { occlusion_map(model, Tensor::zeros(Shape{1, 8, 8, 1}), 1); }, usage, "u8");
  CHECK_ERROR([&] { occlusion_map(model, Tensor::zeros(Shape{2, 8, 8, 1}, DType::u8), 1); }, usage, "one image");
  CHECK_ERROR([&] { occlusion_map(model, image, 1, {.windows = 0}); }, usage, "window");
  CHECK_ERROR([&] { occlusion_map(model, image, 1, {.share = 1.5}); }, usage, "1.5");
}

TEST_CASE("probabilities come from whatever the last layer gives") {
  const auto graph_ending_in = [](Activation last, int units) {
    auto graph = std::make_unique<Graph>(Shape{4}, 1);
    graph->add(Dense{.units = units, .activation = last}.make(), {0});
    return graph;
  };
  const auto of = [&](Activation last, std::vector<float> outputs) {
    const Tensor p = class_probabilities(*graph_ending_in(last, static_cast<int>(outputs.size())), one_row(outputs));
    return std::vector<float>(p.host<float>().begin(), p.host<float>().end());
  };
  CHECK(of(Activation::sigmoid, {.25f}) == std::vector<float>{.75f, .25f});
  CHECK(of(Activation::softmax, {.25f, .5f, .25f}) == std::vector<float>{.25f, .5f, .25f});
  CHECK(of(Activation::log_softmax, {std::log(.25f), std::log(.75f)})[1] == doctest::Approx(.75));
  CHECK(of(Activation::log_softmax, {1e-7f, -30})[0] == 1);
  CHECK(of(Activation::none, {0}) == std::vector<float>{.5f, .5f});
  CHECK(of(Activation::none, {std::log(3.f), 0})[0] == doctest::Approx(.75));
  CHECK(of(Activation::none, {1000, 0, -1000}) == std::vector<float>{1, 0, 0});
}
