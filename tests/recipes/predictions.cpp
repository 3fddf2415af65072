#include "recipes/predictions.h"

#include <doctest/doctest.h>

#include "tensor/random.h"

using namespace curie;

namespace {

LabelledImages images(int classes) {
  LabelledImages drawn;
  drawn.pixels = Tensor::zeros(Shape{9, 4, 4, 1}, DType::u8);
  const RandomStream random{.seed = 8};
  for (std::size_t i = 0; i < drawn.pixels.elements(); ++i) {
    drawn.pixels.host<std::uint8_t>()[i] = static_cast<std::uint8_t>(random.bits(i) >> 24);
  }
  for (int i = 0; i < 9; ++i) drawn.labels.push_back(i % classes);
  for (int i = 0; i < classes; ++i) drawn.class_names.push_back(std::to_string(i));
  return drawn;
}

Predictions predict(const LabelledImages& images, int units, Activation last, const Loss& loss) {
  Sequential model({4, 4, 1}, 3);
  model.add(Flatten{}).add(Dense{.units = units, .activation = last});
  model.compile({.loss = loss, .device = "cpu"});
  return predict_all(model, images);
}

}  // namespace

TEST_CASE("predictions are probabilities, one a sample for two classes, whatever the model ends in") {
  const LabelledImages two = images(2), four = images(4);
  const Predictions sigmoid = predict(two, 1, Activation::sigmoid, BinaryCrossentropy{});
  const Predictions pair = predict(two, 2, Activation::softmax, CategoricalCrossentropy{});
  const Predictions softmax = predict(four, 4, Activation::softmax, CategoricalCrossentropy{});
  const Predictions logs = predict(four, 4, Activation::log_softmax, NegativeLogLikelihood{});
  CHECK(sigmoid.probabilities.size() == 9);
  CHECK(pair.probabilities.size() == 9);
  REQUIRE(softmax.probabilities.size() == 36);
  REQUIRE(logs.probabilities.size() == 36);
  // The same weights: log-softmax is the logarithm of softmax, and so are the two losses.
  for (std::size_t i = 0; i < 36; ++i) CHECK(logs.probabilities[i] == doctest::Approx(softmax.probabilities[i]));
  CHECK(logs.predicted == softmax.predicted);
  CHECK(logs.loss == doctest::Approx(softmax.loss));
  for (const Predictions* one : {&sigmoid, &pair, &softmax, &logs}) {
    int right = 0;
    for (std::size_t i = 0; i < 9; ++i) {
      CHECK(one->confidence(static_cast<int>(i)) > 0.2499);
      right += one->predicted[i] == (one->probabilities.size() == 9 ? two : four).labels[i];
    }
    CHECK(one->accuracy == doctest::Approx(right / 9.0));
  }
}
