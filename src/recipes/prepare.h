// From images to the parts that a recipe trains on, validates with and is tested on.
#pragma once

#include <string>
#include <vector>

#include "data/leak.h"
#include "recipes/source.h"

namespace curie {

struct ClassCounts {
  std::string step;  // "loaded", "test", ...
  std::vector<int> counts;
};

struct PreparedData {
  LabelledImages train, validation, test;
  std::vector<ClassCounts> counts;  // after each step
  LeakReport leaks;                 // of the validation part
  LeakReport test_leaks;
  std::string resampling_note;  // why SMOTE was left out, if it was
  std::string division;         // which samples test and validate, in a sentence
  // Where patients are known: of each test sample, and how many test samples show a patient who is in training too.
  std::vector<std::string> test_patients;
  int test_of_known_patients = 0;
  double split_seconds = 0.0, resample_seconds = 0.0;
};

// Test part, resampling of the rest, validation part: scikit-learn's and imbalanced-learn's results for
// random_state = split_seed. By patient, test and validation part are cut first (GroupShuffleSplit), with the recipe's
// fractions. Takes the images out of `source`. Throws Error(data) when a part would be without a class.
PreparedData prepare(const Recipe& recipe, SourceImages& source, const DataOptions& options);
PreparedData prepare(const Recipe& recipe, LabelledImages images, const DataOptions& options);

}  // namespace curie
