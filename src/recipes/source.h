// Where a run's samples come from: folders of images, NumPy arrays, or phantoms.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "data/load.h"
#include "recipes/recipe.h"

namespace curie {

struct DataOptions {
  std::filesystem::path folder;  // class folders; or
  struct Arrays {
    std::string x, y;
  };
  Arrays arrays;                       // NumPy arrays; neither: phantoms
  Arrays test_arrays;                  // the data set's own test part, for recipes that test on it
  std::filesystem::path cache_folder;  // empty: no cache
  std::map<std::string, int> limits;   // images of a class, at most, in each part of the data set
  std::uint32_t split_seed = 1;        // of the split, SMOTE, undersampling and the validation cut
  bool by_patient = false;             // a patient's images stay together
  std::uint64_t phantom_seed = 1;
  int threads = 0;
  std::function<void(int done, int total)> progress;
  std::function<bool()> cancelled;
};

struct SourceImages {
  LabelledImages images;
  std::vector<Skipped> skipped;
  std::vector<bool> official_test;    // one a sample where the recipe tests on the data set's own part, else empty
  std::vector<std::string> patients;  // one a sample, or empty where no patient is known
  // How the pixels were made, where that may be otherwise than the recipe says: what arrays' classes.json tells.
  std::optional<Preprocessing> preprocessing;
  std::vector<RecipeNote> notes;  // what the report should say of the data
  std::string place;              // for messages: the folder, the arrays, "the phantoms"
  bool synthetic = false;         // phantoms
  bool from_arrays = false;
  bool named = true;  // sources are names that images keep: files or phantoms, not places in an array
  bool from_cache = false;
  bool cancelled = false;
  double seconds = 0.0;
};

// The patient of each loaded image, `files` telling its position in the scan; nothing where no patient is known, which
// is an Error(data) where patients are `wanted`, as is a metadata.csv that cannot be read. Else that costs a warning.
std::vector<std::string> patients_in(const FolderScan& scan, const std::vector<int>& files, bool wanted);

// Reads the folder or the arrays, or draws phantoms, in the recipe's classes and preprocessing. Arrays hold images of
// the recipe's size, of 0 to 255, or of 0 to 1 as some divide them beforehand, and class numbers. Throws Error(data)
// when a division by patient is wanted and no patient is known, Error(usage) for test arrays that are missing or that
// the recipe has no use for.
SourceImages source_images(const Recipe& recipe, const DataOptions& options);

}  // namespace curie
