// Samples from NumPy arrays, and what the classes.json beside them tells.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "recipes/source.h"

namespace curie {

struct ArrayImages {
  LabelledImages images;
  std::vector<std::string> patients;           // one an image, or empty where no patient is known
  std::optional<Preprocessing> preprocessing;  // how the pixels were made, where classes.json tells it
  bool named = false;                          // sources are files, which classes.json lists
};

// A pair of NumPy arrays: images of the shape of `wanted`, of 0 to 255, or of 0 to 1 as some divide them beforehand,
// and class numbers. Pixels become u8. A classes.json beside them (data/array_notes.h) names the classes behind the
// numbers, the images' files, which become their sources, and their patients. Pixels that were made otherwise than
// `wanted`, which `whose` ("recipe covid-cnn-64", "the model") asks for, are a warning that names both and the options
// of `curie pack` that help. Throws Error that names the array: data for what is no such pair or does not fit its
// classes.json, usage for another shape.
ArrayImages images_from_arrays(const DataOptions::Arrays& arrays, const std::vector<std::string>& classes,
                               const Preprocessing& wanted, std::string_view whose);

// The samples of options.arrays and options.test_arrays; see source_images.
SourceImages read_arrays(const Recipe& recipe, const DataOptions& options);

}  // namespace curie
