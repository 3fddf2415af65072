// COVID-19 or normal from 147 images of 237 x 237: VGG16's convolutions, frozen, under a small head.
#include "model/applications.h"
#include "recipes/recipe.h"

namespace curie {
namespace {

Model network(const Shape& input, std::uint64_t seed) {
  Model model(input, seed);
  const int base = vgg16_without_top(model, Model::kInput, {Initializer::Kind::he_uniform});
  int top = model.apply(AveragePool2D{.pool = 4}, {base});
  top = model.apply(Flatten{.name = "flatten"}, {top});
  top = model.apply(Dense{.units = 64, .activation = Activation::relu}, {top});
  top = model.apply(Dropout{.rate = 0.2f}, {top});
  model.apply(Dense{.units = 1, .activation = Activation::sigmoid}, {top});
  model.freeze_through("block5_pool");
  return model;
}

}  // namespace

Recipe covid_vgg16_237() {
  Recipe recipe;
  recipe.name = "covid-vgg16-237";
  recipe.title = "COVID-19 or normal, from 237 x 237 chest X-rays in two arrays: VGG16, frozen, and a head";
  recipe.document =
      "\"Automate the process of detecting COVID-19 cases from chest radiograph images\", step 2 (a tutorial in nine "
      "steps)";
  recipe.description =
      "VGG16 without its top, frozen, under two dense layers, 14,747,585 parameters (32,897 trained); Adam, binary "
      "cross-entropy, the last tenth of the training part validates. Reads X_Train.npy and Y_Train.npy, or folders.";
  recipe.classes = {"NORMAL", "COVID"};
  recipe.phantoms = {{PhantomFinding::normal, 73}, {PhantomFinding::ground_glass, 74}};
  recipe.preprocessing = {.width = 237, .height = 237, .channels = 3, .resample = Resample::opencv_linear};
  recipe.test = TestPart::random(0.2);
  recipe.validation = ValidationPart::last(0.1);
  recipe.split_seed = 40;  // the document's random_state
  recipe.epochs = 50;
  recipe.batch_size = 8;
  recipe.early_stopping = {.monitor = "val_loss", .patience = 0, .mode = MonitorMode::min};
  recipe.network = network;
  recipe.pretraining = Pretraining{.what = "VGG16's convolutions, trained on ImageNet",
                                   .without =
                                       "VGG16's convolutions are random (He's distribution) and frozen: the head "
                                       "learns from random features, and the document's figures cannot be "
                                       "expected. The document uses ImageNet's weights: --weights FILE.",
                                   .import = {.prefix = "block", .allow_unused = true}};
  recipe.compile = [] {
    return CompileOptions{.optimizer = Adam{.learning_rate = 1e-3f}, .loss = BinaryCrossentropy{}};
  };
  recipe.keras_model = "modeloc_1.hdf5";
  recipe.contact_sheet = "modelo_1.pdf";
  recipe.notes = {
      {"30 test images or 55",
       "The document splits 147 images into 117 and 30, but reports 54 of 55 test images right and evaluates in two "
       "steps of 32, which 30 images do not take. Its figures come from another run than its code shows. Here a fifth "
       "of the images is the test part."},
      {"Several images of one patient",
       "Drawn at random as in the document, a patient's images can be on both sides of the split. --split-by patient "
       "keeps them together."},
      {"Not VGG16's own preprocessing",
       "VGG16's published weights expect BGR images less a mean colour. The document only divides by 255, and so does "
       "this recipe."},
  };
  return recipe;
}

}  // namespace curie
