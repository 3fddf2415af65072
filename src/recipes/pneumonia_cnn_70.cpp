// Normal, bacterial or viral pneumonia, from colour images of 70 x 70 pixels as OpenCV reads them.
#include "recipes/recipe.h"

namespace curie {
namespace {

Model network(const Shape& input, std::uint64_t seed) {
  Sequential model(input, seed);
  model.add(Conv2D{.filters = 32, .kernel = 3, .activation = Activation::relu});
  model.add(MaxPool2D{.pool = 2});
  model.add(Conv2D{.filters = 32, .kernel = 3, .activation = Activation::relu});
  model.add(MaxPool2D{.pool = 2});
  model.add(Dropout{.rate = 0.25f});
  model.add(Flatten{});
  model.add(Dense{.units = 128, .activation = Activation::relu});
  model.add(Dropout{.rate = 0.5f});
  model.add(Dense{.units = 3, .activation = Activation::softmax});
  return model;
}

CompileOptions compile() {
  const int epochs = 50;
  const float rate = 0.01f;
  const Sgd sgd{.learning_rate = rate, .momentum = 0.9f, .nesterov = false, .decay = rate / epochs};
  return {.optimizer = sgd, .loss = CategoricalCrossentropy{}};
}

}  // namespace

Recipe pneumonia_cnn_70() {
  Recipe recipe;
  recipe.name = "pneumonia-cnn-70";
  recipe.title = "Normal, bacterial or viral pneumonia, from 70 x 70 chest X-rays";
  recipe.document = "\"Classification on Medical Image. Case Study Industry\" (lecture slides)";
  recipe.description =
      "Two convolutions, 1,059,235 parameters. Colour images of 70 x 70 in OpenCV's order and with its resize; SGD "
      "with "
      "momentum and time-based decay, categorical cross-entropy on one-hot labels. The official test part validates.";
  recipe.classes = {"NORMAL", "PNEUMONIA BACTERIA", "PNEUMONIA VIRUS"};  // as a label encoder sorts them
  recipe.positive_class = -1;
  recipe.phantoms = {
      {PhantomFinding::normal, 700}, {PhantomFinding::consolidation, 1300}, {PhantomFinding::interstitial, 700}};
  recipe.preprocessing = {.width = 70,
                          .height = 70,
                          .channels = 3,
                          .resample = Resample::opencv_linear,
                          .channel_order = ChannelOrder::bgr};
  recipe.test = TestPart::official();
  recipe.validation = ValidationPart::test_part();
  recipe.epochs = 50;
  recipe.batch_size = 32;
  recipe.early_stopping = {.monitor = "val_accuracy", .patience = 0, .mode = MonitorMode::max};
  recipe.best_model = {.monitor = "val_acc", .mode = MonitorMode::max, .verbose = true};
  recipe.network = network;
  recipe.compile = compile;
  recipe.keras_best_model = "model3classes.hdf5";
  recipe.notes = {
      {"The test part chooses the model",
       "As in the document, the test images are the validation images: the best epoch is chosen by the very figures "
       "that are reported. The best model's test accuracy flatters; the last model's, reported here, does not."},
      {"The document's checkpoint never saved",
       "ModelCheckpoint watched \"val_acc\", but with metrics=['accuracy'] TensorFlow 2 names the value "
       "\"val_accuracy\". Keras then warns in each epoch and saves nothing. Here \"val_acc\" is understood as meant."},
      {"The document's report has truth and prediction exchanged",
       "classification_report(y_hasil, y_test) passes the predictions first, where scikit-learn expects the truth. So "
       "its precision is recall, its recall is precision, and its support counts predictions. Accuracy and F1 stand. "
       "Here the truth comes first."},
      {"Blue comes first",
       "cv2.imread gives the channels in the order blue, green, red, and the document keeps it. X-rays are grey, so "
       "this matters only to who feeds the model otherwise; the saved model remembers the order."},
      {"The official test part is shifted",
       "A random split of the training images scores far higher than the official test part: do not compare the two."},
  };
  return recipe;
}

}  // namespace curie
