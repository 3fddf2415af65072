// A recipe: one documented experiment, complete from folders of images to a trained model.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "data/preprocess.h"
#include "model/callbacks.h"
#include "model/model.h"

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

struct Recipe {
  std::string name;      // "covid-cnn-64"
  std::string title;     // one line for people
  std::string document;  // where it was described
  std::string description;

  std::vector<std::string> classes;  // class numbers are positions here
  int positive_class = 1;
  std::vector<int> phantoms;  // how many of each class stand in where there is no data set
  Preprocessing preprocessing;
  double test_fraction = 0.2;  // stratified
  std::optional<Resampling> resampling;
  double validation_fraction = 0.1;  // of what remains after resampling

  int epochs = 50;
  int batch_size = 256;
  EarlyStopping early_stopping;

  std::function<Model(std::uint64_t seed)> build;
  std::function<CompileOptions()> compile;
  std::vector<RecipeNote> notes;
};

const std::vector<Recipe>& all_recipes();
// Throws Error(usage) for an unknown name, suggesting the nearest.
const Recipe& find_recipe(const std::string& name);

Recipe covid_cnn_64();

}  // namespace curie
