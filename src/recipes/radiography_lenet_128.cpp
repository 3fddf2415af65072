// Four classes by a small network of the document's own, as PyTorch builds and trains it.
#include "recipes/radiography.h"

namespace curie {
namespace {

constexpr Initializer kTorch = {Initializer::Kind::pytorch_uniform};

Conv2D conv(int filters) {
  return {.filters = filters,
          .kernel = 5,
          .activation = Activation::relu,
          .kernel_initializer = kTorch,
          .bias_initializer = kTorch};
}

Dense linear(int units, Activation activation) {
  return {.units = units, .activation = activation, .kernel_initializer = kTorch, .bias_initializer = kTorch};
}

Model network(const Shape& input, std::uint64_t seed) {
  Sequential model(input, seed);
  model.set_normalization(imagenet_normalization());
  model.add(conv(6));
  model.add(MaxPool2D{.pool = 8, .stride = 8});
  model.add(conv(16));
  model.add(MaxPool2D{.pool = 8, .stride = 8});
  model.add(Flatten{});
  model.add(linear(100, Activation::relu));
  model.add(linear(50, Activation::relu));
  model.add(linear(4, Activation::log_softmax));
  return model;
}

CompileOptions compile() {
  return {.optimizer = Sgd{.learning_rate = 0.01f, .momentum = 0.9f, .convention = Convention::pytorch},
          .loss = NegativeLogLikelihood{}};
}

}  // namespace

Recipe radiography_lenet_128() {
  Recipe recipe = radiography_experiment();
  recipe.name = "radiography-lenet-128";
  recipe.title = "Normal, COVID-19, viral pneumonia or lung opacity, from 128 x 128 chest X-rays";
  recipe.description =
      "Two 5 x 5 convolutions with 8 x 8 max pooling and three dense layers, 9,826 parameters; SGD with momentum, "
      "log-softmax and negative log likelihood; ImageNet's mean and deviation.";
  recipe.network = network;
  recipe.compile = compile;
  recipe.notes.push_back({"Why the first dense layer has 16 inputs",
                          "The pools have stride 8: 128 -> 124 -> 15 -> 11 -> 1 pixels, by 16 channels. The second "
                          "pool drops 3 of 11 rows "
                          "and columns."});
  return recipe;
}

}  // namespace curie
