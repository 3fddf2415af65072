// Data sets as a pair of NumPy arrays: X of images, Y of classes.
#pragma once

#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/npy.h"

namespace curie {

// x: (n, h, w, c) or (n, h, w), c of 1 or 3, of uint8 or floats. Floats that are all whole numbers from 0 to 255 become
// bytes, as if they had been saved so; others stay f32, and are then taken as they are, without division by 255.
// y: (n) or (n, 1) class numbers of any type, or (n, classes) one-hot rows.
// `class_names` empty: "0", "1", ..., up to the largest number in y, two at least. Sources are "NAME #12".
// Throws Error(data) that names `name` for other shapes, different numbers of samples, a class outside the names,
// a float that is not finite, no samples.
LabelledImages labelled_images(const NpyArray& x, const NpyArray& y, const std::vector<std::string>& class_names,
                               const std::string& name = "X");

// The same from files: "X.npy", "data.npz:X", or "data.npz" that holds one array. Errors name the path.
LabelledImages load_arrays(const std::string& x, const std::string& y, const std::vector<std::string>& class_names);
NpyArray read_array(const std::string& place);

// The images as u8 or f32 (n, h, w, c), and the classes as int64 (n, 1): what labelled_images reads.
NpyArray x_array(const LabelledImages& images);
NpyArray y_array(const LabelledImages& images);

}  // namespace curie
