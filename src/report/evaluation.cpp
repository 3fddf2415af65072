#include "report/report.h"
#include "tensor/error.h"

namespace curie {

EvaluationResult evaluation_result(std::string name, double loss, std::span<const std::int32_t> truth,
                                   std::span<const std::int32_t> predicted, std::span<const float> probabilities,
                                   std::span<const std::string> class_names) {
  const std::size_t classes = class_names.size();
  const std::size_t columns = classes == 2 ? 1 : classes;
  CURIE_CHECK(probabilities.size() == truth.size() * columns, data,
              "evaluation of {}: expected {} probabilities for {} samples of {} classes, got {}", name,
              truth.size() * columns, truth.size(), classes, probabilities.size());
  EvaluationResult result;
  result.name = std::move(name);
  result.loss = loss;
  result.confusion = confusion_matrix(truth, predicted, static_cast<int>(classes));
  result.scores = classification_report(result.confusion, class_names);
  std::vector<float> scores(truth.size());
  for (std::size_t column = 0; column < columns; ++column) {
    for (std::size_t i = 0; i < truth.size(); ++i) scores[i] = probabilities[i * columns + column];
    result.roc.push_back(roc_curve(truth, scores, static_cast<std::int32_t>(columns == 1 ? 1 : column)));
  }
  return result;
}

}  // namespace curie
