// Labels in other forms: names, class numbers, one-hot rows, weights of classes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tensor/tensor.h"

namespace curie {

struct EncodedLabels {
  std::vector<std::string> class_names;  // the distinct names, sorted bytewise
  std::vector<std::int32_t> labels;      // for each sample its position there
};

// scikit-learn's LabelEncoder().
EncodedLabels encode_labels(std::span<const std::string> names);

// (n, classes) f32 with a single 1 in each row. Throws Error(data) for a label outside 0 .. classes - 1.
Tensor one_hot(std::span<const std::int32_t> labels, int classes);

// scikit-learn's class_weight="balanced": samples / (classes * samples of the class), so that every class weighs the
// same in all. Throws Error(data) for a class without samples.
std::vector<double> balanced_class_weights(std::span<const int> class_counts);

}  // namespace curie
