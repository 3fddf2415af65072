// Data sets as pairs of NumPy arrays in a temporary folder.
#pragma once

#include <string>

#include "data/arrays.h"
#include "recipes/source.h"
#include "support/temporary_folder.h"

namespace curie::test {

inline DataOptions::Arrays arrays_in(const TemporaryFolder& folder, const std::string& suffix = "") {
  return {.x = (folder / ("X" + suffix + ".npy")).string(), .y = (folder / ("Y" + suffix + ".npy")).string()};
}

// Writes X{suffix}.npy and Y{suffix}.npy, and tells where they are.
inline DataOptions::Arrays put_arrays(const TemporaryFolder& folder, const LabelledImages& images,
                                      const std::string& suffix = "") {
  const DataOptions::Arrays places = arrays_in(folder, suffix);
  write_npy(places.x, x_array(images));
  write_npy(places.y, y_array(images));
  return places;
}

}  // namespace curie::test
