// Experiment 2 of four: the basic network on images of 224 x 224, with a dropout before the last layer.
#include "recipes/cohen146.h"

namespace curie {
namespace {

Model network(const Shape& input, std::uint64_t seed) {
  Sequential cnn(input, seed);
  cnn.add(Conv2D{.filters = 32, .kernel = 3, .activation = Activation::relu});
  cnn.add(MaxPool2D{.pool = 2});

  cnn.add(Conv2D{.filters = 32, .kernel = 3, .activation = Activation::relu});
  cnn.add(MaxPool2D{.pool = 2});

  cnn.add(Conv2D{.filters = 32, .kernel = 3, .activation = Activation::relu});
  cnn.add(MaxPool2D{.pool = 2});

  cnn.add(Conv2D{.filters = 64, .kernel = 3, .activation = Activation::relu});
  cnn.add(MaxPool2D{.pool = 2});

  cnn.add(Conv2D{.filters = 64, .kernel = 3, .activation = Activation::relu});
  cnn.add(MaxPool2D{.pool = 2});

  cnn.add(Flatten{});

  cnn.add(Dense{.units = 128, .activation = Activation::relu});
  cnn.add(Dense{.units = 64, .activation = Activation::relu});
  cnn.add(Dropout{.rate = 0.5f});

  cnn.add(Dense{.units = 1, .activation = Activation::sigmoid});
  return cnn;
}

}  // namespace

Recipe covid_dropout_224() {
  Recipe recipe = covid_experiment(224, 1);
  recipe.name = "covid-dropout-224";
  recipe.title = "COVID-19 or normal, from 146 + 146 chest X-rays of 224 x 224: with dropout";
  recipe.description =
      "Experiment 2: five convolutions with max pooling and a dropout, 287,489 parameters, on images turned, zoomed "
      "and "
      "mirrored at random; Adam, binary cross-entropy.";
  recipe.epochs = 30;
  recipe.batch_size = 15;
  recipe.network = network;
  return recipe;
}

}  // namespace curie
