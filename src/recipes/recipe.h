// A recipe: one documented experiment, complete from folders of images to a trained model.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "data/augmentation.h"
#include "data/phantom.h"
#include "data/preprocess.h"
#include "io/import_weights.h"
#include "model/callbacks.h"
#include "model/model.h"
#include "recipes/division.h"

namespace curie {

// What is done to the training part, and to it only.
struct Resampling {
  double smote_ratio = 0.7;  // SMOTE until minority / majority is this
  int smote_neighbours = 5;
  double undersample_ratio = 1.0;  // then random undersampling until it is this
};

// A trap in the document, or a decision that it left open; printed in the report.
struct RecipeNote {
  std::string title, text;
};

// Weights that a recipe can start from instead of random ones.
struct Pretraining {
  std::string what;     // "VGG16's convolutions, trained on ImageNet"
  std::string without;  // what a run without them trains, for the report
  ImportOptions import;
};

struct Recipe {
  std::string name;      // "covid-cnn-64"
  std::string title;     // one line for people
  std::string document;  // where it was described
  std::string description;

  std::vector<std::string> classes;  // class numbers are positions here
  int positive_class = 1;            // whose scores are headline figures; -1: no class is special
  // What stands in for each class where there is no data set.
  struct Phantoms {
    PhantomFinding finding = PhantomFinding::normal;
    int count = 0;
  };
  std::vector<Phantoms> phantoms;
  Preprocessing preprocessing;
  TestPart test = TestPart::stratified(0.2);
  std::optional<Resampling> resampling;                     // of what is left for training
  ValidationPart validation = ValidationPart::random(0.1);  // of what resampling left
  std::optional<Augmentation> augmentation;                 // of the training part, anew in each epoch
  std::uint32_t split_seed = 1;                             // scikit-learn's random_state

  int epochs = 50;
  int batch_size = 256;
  EarlyStopping early_stopping;  // patience 0: every epoch is run
  // Which epoch's model is kept as the best one.
  struct BestModel {
    std::string monitor = "val_loss";
    MonitorMode mode = MonitorMode::min;
    bool verbose = false;
  };
  BestModel best_model;
  std::optional<LearningRateScheduler> learning_rate_scheduler;

  // The network for images of (height, width, channels). Throws Error(usage) for an image too small for its layers.
  std::function<Model(const Shape& input, std::uint64_t seed)> network;
  std::function<CompileOptions()> compile;
  std::optional<Pretraining> pretraining;
  std::vector<RecipeNote> notes;

  // Files that the document's code leaves, by its names for them; empty: none.
  std::string keras_model;       // the trained model as Keras' HDF5
  std::string keras_best_model;  // the same of the best epoch
  std::string contact_sheet;     // every test image with its labels, PDF

  // The network for the recipe's own images. Throws Error(usage) that names the smallest size for a smaller one.
  Model build(std::uint64_t seed) const;
};

// Extents of images that a recipe is asked for, instead of its own.
inline constexpr int kSmallestImage = 16, kLargestImage = 2048;

const std::vector<Recipe>& all_recipes();
// Throws Error(usage) for an unknown name, suggesting the nearest.
const Recipe& find_recipe(const std::string& name);

Recipe covid_cnn_64();
Recipe pneumonia_cnn_70();
Recipe covid_basic_180();
Recipe covid_dropout_224();
Recipe covid_batchnorm_224();
Recipe covid_vgg16_224();
Recipe radiography_lenet_128();
Recipe radiography_lenet_128_augmented();
Recipe radiography_resnet18();
Recipe covid_vgg16_237();

}  // namespace curie
