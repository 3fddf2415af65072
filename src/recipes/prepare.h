// From images to the parts that a recipe trains on, validates with and is tested on.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "data/leak.h"
#include "data/load.h"
#include "recipes/recipe.h"

namespace curie {

struct DataOptions {
  std::filesystem::path folder;        // empty: phantoms
  std::filesystem::path cache_folder;  // empty: no cache
  std::map<std::string, int> limits;   // images of a class, at most
  std::uint32_t split_seed = 1;        // of the split, SMOTE, undersampling and the validation cut
  std::uint64_t phantom_seed = 1;
  int threads = 0;
  std::function<void(int done, int total)> progress;
  std::function<bool()> cancelled;
};

struct ClassCounts {
  std::string step;  // "loaded", "test", ...
  std::vector<int> counts;
};

struct SourceImages {
  LabelledImages images;
  std::vector<Skipped> skipped;
  bool synthetic = false;  // phantoms
  bool from_cache = false;
  bool cancelled = false;
  double seconds = 0.0;
};

// Reads the folder, or draws phantoms, in the recipe's classes and preprocessing.
SourceImages source_images(const Recipe& recipe, const DataOptions& options);

struct PreparedData {
  LabelledImages train, validation, test;
  std::vector<ClassCounts> counts;  // after each step
  LeakReport leaks;                 // of the validation part
  LeakReport test_leaks;
  std::string resampling_note;  // why SMOTE was left out, if it was
  double split_seconds = 0.0, resample_seconds = 0.0;
};

// Stratified test split, resampling of the rest, validation cut: scikit-learn's and imbalanced-learn's results for
// random_state = split_seed.
PreparedData prepare(const Recipe& recipe, LabelledImages images, const DataOptions& options);

}  // namespace curie
