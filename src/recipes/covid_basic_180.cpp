// Experiment 1 of four: a basic convolutional network on augmented images of 180 x 180.
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

  cnn.add(Dense{.units = 1, .activation = Activation::sigmoid});
  return cnn;
}

}  // namespace

Recipe covid_basic_180() {
  Recipe recipe = covid_experiment(180, 1);
  recipe.name = "covid-basic-180";
  recipe.title = "COVID-19 or normal, from 146 + 146 chest X-rays of 180 x 180: a basic CNN";
  recipe.description =
      "Experiment 1: five convolutions with max pooling, 156,417 parameters, on images turned, shifted, zoomed and "
      "mirrored at random; Adam, binary cross-entropy.";
  recipe.augmentation->width_shift = 0.15;
  recipe.augmentation->height_shift = 0.15;
  recipe.epochs = 30;
  recipe.batch_size = 20;
  recipe.network = network;
  return recipe;
}

}  // namespace curie
