#include "recipes/predictions.h"

#include <algorithm>

#include "model/probabilities.h"

namespace curie {

double Predictions::confidence(int sample) const {
  const auto i = static_cast<std::size_t>(sample);
  const std::size_t width = probabilities.size() / predicted.size();
  if (width > 1) return static_cast<double>(probabilities[i * width + static_cast<std::size_t>(predicted[i])]);
  const auto p = static_cast<double>(probabilities[i]);
  return predicted[i] == 1 ? p : 1.0 - p;
}

Predictions predict_all(Model& model, const LabelledImages& images, int batch_size) {
  Tensor outputs;
  const Evaluation evaluation = model.evaluate_and_predict(ImageDataset(images), outputs, batch_size);
  const Tensor all = class_probabilities(model.graph(), outputs);
  Predictions result{.probabilities = {}, .predicted = {}, .loss = evaluation.loss, .accuracy = evaluation.accuracy};
  const auto classes = static_cast<std::size_t>(all.shape()[1]);
  for (int i = 0; i < all.shape()[0]; ++i) {
    const std::span<const float> row = all.rows(i, 1).host<float>();
    result.probabilities.insert(result.probabilities.end(), row.begin() + (classes == 2 ? 1 : 0), row.end());
    result.predicted.push_back(static_cast<std::int32_t>(std::max_element(row.begin(), row.end()) - row.begin()));
  }
  return result;
}

}  // namespace curie
