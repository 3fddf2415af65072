#include "recipes/predictions.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace curie {

std::vector<std::int32_t> predicted_classes(const Tensor& outputs) {
  const std::span<const float> values = outputs.host<float>();
  const auto width = static_cast<std::size_t>(outputs.shape()[1]);
  std::vector<std::int32_t> classes;
  for (std::size_t first = 0; first < values.size(); first += width) {
    const std::span<const float> row = values.subspan(first, width);
    classes.push_back(width == 1 ? static_cast<std::int32_t>(row[0] > 0.5f)
                                 : static_cast<std::int32_t>(std::max_element(row.begin(), row.end()) - row.begin()));
  }
  return classes;
}

double Predictions::confidence(int sample) const {
  const auto i = static_cast<std::size_t>(sample);
  const std::size_t width = probabilities.size() / predicted.size();
  if (width > 1) return static_cast<double>(probabilities[i * width + static_cast<std::size_t>(predicted[i])]);
  const auto p = static_cast<double>(probabilities[i]);
  return predicted[i] == 1 ? p : 1.0 - p;
}

nlohmann::json class_scores(const ClassificationReport& report) {
  nlohmann::json classes = nlohmann::json::object();
  for (const ClassScores& row : report.classes) {
    classes[row.name] = {{"precision", row.scores.precision},
                         {"recall", row.scores.recall},
                         {"f1", row.scores.f1},
                         {"support", row.support}};
  }
  return classes;
}

Predictions predict_all(Model& model, const LabelledImages& images, int batch_size) {
  const ImageDataset dataset(images);
  const Tensor outputs = model.predict(dataset, batch_size);
  const Evaluation evaluation = model.evaluate(dataset, batch_size);
  const std::span<const float> values = outputs.host<float>();
  return {.probabilities = {values.begin(), values.end()},
          .predicted = predicted_classes(outputs),
          .loss = evaluation.loss,
          .accuracy = evaluation.accuracy};
}

}  // namespace curie
