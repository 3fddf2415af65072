// classes.json, the file that `curie pack` writes beside arrays: what their class numbers mean, how their pixels were
// made, and which file and which patient every image is of.
#pragma once

#include <filesystem>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "data/preprocess.h"

namespace curie {

inline constexpr const char* kArrayNotesFile = "classes.json";

struct ArrayNotes {
  struct Samples {
    std::vector<int> counts;            // of each class, for people
    std::vector<std::string> files;     // one an image, relative to the packed folder
    std::vector<std::string> patients;  // one an image, or empty where no patient is known
  };
  std::vector<std::string> class_names;
  std::optional<Preprocessing> preprocessing;  // files from elsewhere may not tell it
  std::map<std::string, Samples> arrays;       // by the name of the array of images: "X", "X_Train", ...

  // Of the array at `place` ("data/X.npy", "data.npz:X", "data.npz"); null where the file does not tell.
  const Samples* samples_of(const std::string& place) const;
};

nlohmann::json to_json(const ArrayNotes& notes);

// Throws Error(file) that begins with the path: no JSON, no "class_names", fewer than two or one twice, a member of the
// wrong type, lists of files and patients of different lengths.
ArrayNotes read_array_notes(const std::filesystem::path& path);

}  // namespace curie
