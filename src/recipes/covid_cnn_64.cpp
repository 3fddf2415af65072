// COVID-19 or normal from one chest X-ray: the headline recipe. Keras' code of the document and this file read alike.
#include "recipes/recipe.h"

namespace curie {
namespace {

Model network(const Shape& input, std::uint64_t seed) {
  Sequential model(input, seed);
  model.add(Conv2D{.filters = 32, .kernel = 3, .activation = Activation::relu});
  model.add(MaxPool2D{.pool = 2});
  model.add(Dropout{.rate = 0.3f});

  model.add(Conv2D{.filters = 64, .kernel = 3, .activation = Activation::relu});
  model.add(MaxPool2D{.pool = 2});
  model.add(Dropout{.rate = 0.5f});

  model.add(Conv2D{.filters = 64, .kernel = 3, .activation = Activation::relu});
  model.add(Flatten{});
  model.add(Dense{.units = 64, .activation = Activation::relu});
  model.add(Dropout{.rate = 0.2f});

  model.add(Dense{.units = 1, .activation = Activation::sigmoid});
  return model;
}

}  // namespace

Recipe covid_cnn_64() {
  Recipe recipe;
  recipe.name = "covid-cnn-64";
  recipe.title = "COVID-19 or normal, from 64 x 64 chest X-rays";
  recipe.document = "\"Klasifikasi Deep Learning untuk COVID-19 dengan Citra CXR\" (R. Alvanzah)";
  recipe.description =
      "Three convolutions, 645,697 parameters. Grey 64 x 64 images; the training part is balanced by SMOTE and random "
      "undersampling; Adam, binary cross-entropy, early stopping on the validation loss.";
  recipe.classes = {"Normal", "COVID"};
  // The data set's own proportion, so that resampling has something to do.
  recipe.phantoms = {{PhantomFinding::normal, 4500}, {PhantomFinding::ground_glass, 1596}};
  recipe.preprocessing = {.width = 64, .height = 64, .channels = 1, .resample = Resample::bicubic};
  recipe.test = TestPart::stratified(0.2);
  recipe.resampling = Resampling{.smote_ratio = 0.7, .smote_neighbours = 5, .undersample_ratio = 1.0};
  recipe.validation = ValidationPart::random(0.1);
  recipe.epochs = 50;
  recipe.batch_size = 256;
  recipe.early_stopping = {.monitor = "val_loss", .patience = 4, .mode = MonitorMode::min};
  recipe.network = network;
  recipe.compile = [] { return CompileOptions{.optimizer = Adam{}, .loss = BinaryCrossentropy{}}; };
  recipe.notes = {
      {"The validation part is cut after SMOTE",
       "As in the document, the training part is resampled first and the validation part is taken from the result. So "
       "it holds synthetic images and relatives of training images, and its figures flatter; only the test part is "
       "clean."},
      {"Early stopping with patience 4 is a lottery",
       "The validation loss jitters from epoch to epoch. Four unlucky epochs end the run, so the same recipe can stop "
       "at epoch 15 or at 35 depending on the seed, and the last epoch's weights are used, as in the document, not "
       "the best ones. --patience 12 takes most of the luck out; best.safetensors holds the best epoch of any run."},
      {"Near-duplicates",
       "The COVID class of the public database holds near-duplicates, so a random split flatters every method."},
  };
  return recipe;
}

}  // namespace curie
