#include "data/labels.h"

#include <algorithm>
#include <numeric>

namespace curie {

EncodedLabels encode_labels(std::span<const std::string> names) {
  EncodedLabels encoded;
  std::vector<std::string>& classes = encoded.class_names;
  classes.assign(names.begin(), names.end());
  std::sort(classes.begin(), classes.end());
  classes.erase(std::unique(classes.begin(), classes.end()), classes.end());
  for (const std::string& name : names) {
    const auto place = std::lower_bound(classes.begin(), classes.end(), name) - classes.begin();
    encoded.labels.push_back(static_cast<std::int32_t>(place));
  }
  return encoded;
}

Tensor one_hot(std::span<const std::int32_t> labels, int classes) {
  Tensor rows = Tensor::zeros({static_cast<int>(labels.size()), classes});
  float* row = rows.data<float>();
  for (const std::int32_t label : labels) {
    CURIE_CHECK(label >= 0 && label < classes, data, "one-hot: expected labels from 0 to {}, got {}", classes - 1,
                label);
    row[label] = 1.0f;
    row += classes;
  }
  return rows;
}

std::vector<double> balanced_class_weights(std::span<const int> class_counts) {
  const double samples = std::accumulate(class_counts.begin(), class_counts.end(), 0.0);
  std::vector<double> weights;
  for (const int count : class_counts) {
    CURIE_CHECK(count >= 1, data, "class weights: class {} has no samples", weights.size());
    weights.push_back(samples / (static_cast<double>(class_counts.size()) * count));
  }
  return weights;
}

}  // namespace curie
