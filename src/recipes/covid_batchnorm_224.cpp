// Experiment 3 of four: batch normalization before the activations, and a learning rate that decays.
#include <cmath>

#include "recipes/cohen146.h"

namespace curie {
namespace {

Model network(const Shape& input, std::uint64_t seed) {
  Sequential cnn(input, seed);
  cnn.add(Conv2D{.filters = 32, .kernel = 3, .activation = Activation::relu});
  cnn.add(MaxPool2D{.pool = 2});

  cnn.add(Conv2D{.filters = 32, .kernel = 3, .activation = Activation::relu});
  cnn.add(MaxPool2D{.pool = 2});

  cnn.add(Conv2D{.filters = 32, .kernel = 3, .bias = false});
  cnn.add(BatchNormalization{.center = true, .scale = false});
  cnn.add(ReLU{});
  cnn.add(MaxPool2D{.pool = 2});

  cnn.add(Conv2D{.filters = 64, .kernel = 3, .bias = false});
  cnn.add(BatchNormalization{.center = true, .scale = false});
  cnn.add(ReLU{});
  cnn.add(MaxPool2D{.pool = 2});

  cnn.add(Conv2D{.filters = 64, .kernel = 3, .bias = false});
  cnn.add(BatchNormalization{.center = true, .scale = false});
  cnn.add(ReLU{});
  cnn.add(MaxPool2D{.pool = 2});

  cnn.add(Flatten{});

  cnn.add(Dense{.units = 128, .bias = false});
  // Behind a dense layer Keras 2 keeps the batch's biased variance, behind a convolution the unbiased one.
  cnn.add(BatchNormalization{.center = true, .scale = false, .unbiased_running_variance = false});
  cnn.add(ReLU{});

  cnn.add(Dense{.units = 64, .activation = Activation::relu});
  cnn.add(Dropout{.rate = 0.5f});

  cnn.add(Dense{.units = 1, .activation = Activation::sigmoid});
  return cnn;
}

}  // namespace

Recipe covid_batchnorm_224() {
  Recipe recipe = covid_experiment(224, 1);
  recipe.name = "covid-batchnorm-224";
  recipe.title = "COVID-19 or normal, from 146 + 146 chest X-rays of 224 x 224: with batch normalization";
  recipe.description =
      "Experiment 3: three of five convolutions and a dense layer are batch-normalized, 288,065 parameters (576 not "
      "trainable), on images turned, zoomed and mirrored at random; Adam with a rate of .01 * .6^epoch, binary "
      "cross-entropy.";
  recipe.epochs = 25;
  recipe.batch_size = 15;
  recipe.learning_rate_scheduler = LearningRateScheduler{
      .schedule = [](int epoch, float /*rate*/) { return static_cast<float>(0.01 * std::pow(0.6, epoch)); }};
  recipe.network = network;
  recipe.notes.push_back(
      {"Which learning rate",
       "The text speaks of a \"decay of 0.666\", the formula beside it is 0.01 * 0.6^epoch. The formula is used, with "
       "epochs counted from 0 as Keras' LearningRateScheduler does, so training begins at 0.01 and after ten epochs "
       "hardly moves."});
  return recipe;
}

}  // namespace curie
