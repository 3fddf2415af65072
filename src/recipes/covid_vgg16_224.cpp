// Experiment 4 of four: VGG16's convolutions, frozen, under a small head.
#include "model/applications.h"
#include "recipes/cohen146.h"

namespace curie {
namespace {

Model network(const Shape& input, std::uint64_t seed) {
  Model model(input, seed);
  const int base = vgg16_without_top(model, Model::kInput, {Initializer::Kind::he_uniform});
  // construct the head of the model that will be placed on top of the base model
  int head = model.apply(AveragePool2D{.pool = 4}, {base});
  head = model.apply(Flatten{.name = "flatten"}, {head});
  head = model.apply(Dense{.units = 64, .activation = Activation::relu}, {head});
  head = model.apply(Dropout{.rate = 0.5f}, {head});
  model.apply(Dense{.units = 1, .activation = Activation::sigmoid}, {head});
  model.freeze_through("block5_pool");
  return model;
}

}  // namespace

Recipe covid_vgg16_224() {
  Recipe recipe = covid_experiment(224, 3);
  recipe.name = "covid-vgg16-224";
  recipe.title = "COVID-19 or normal, from 146 + 146 chest X-rays of 224 x 224: VGG16, frozen, and a head";
  recipe.description =
      "Experiment 4: VGG16 without its top, frozen, under two dense layers, 14,747,585 parameters (32,897 trained), on "
      "images turned, zoomed and mirrored at random; Adam, binary cross-entropy.";
  recipe.epochs = 25;
  recipe.batch_size = 15;
  recipe.network = network;
  recipe.pretraining = Pretraining{.what = "VGG16's convolutions, trained on ImageNet",
                                   .without =
                                       "VGG16's convolutions are random (He's distribution) and frozen: the head "
                                       "learns from random features, and the document's figures cannot be "
                                       "expected. The document uses ImageNet's weights: --weights FILE.",
                                   .import = {.prefix = "block", .allow_unused = true}};
  recipe.notes.push_back({"Three channels",
                          "The document's table gives the input as 224 x 224 x 1, which VGG16 cannot take; its code "
                          "has 224 x 224 x 3, and "
                          "so has this recipe: a grey image three times."});
  return recipe;
}

}  // namespace curie
