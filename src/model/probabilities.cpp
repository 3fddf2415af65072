#include "model/probabilities.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "model/graph.h"

namespace curie {
namespace {

void softmax(std::span<double> row) {
  const double highest = *std::max_element(row.begin(), row.end());
  double sum = 0;
  for (double& value : row) sum += value = std::exp(value - highest);
  for (double& value : row) value /= sum;
}

}  // namespace

Tensor class_probabilities(const Graph& graph, const Tensor& outputs) {
  const int n = outputs.shape()[0], width = outputs.shape()[1];
  const Activation last = graph.last_activation();
  const bool logits = last != Activation::sigmoid && last != Activation::softmax && last != Activation::log_softmax;
  Tensor result = Tensor::zeros(Shape{n, std::max(width, 2)});
  for (int i = 0; i < n; ++i) {
    const std::span<const float> given = outputs.rows(i, 1).host<float>();
    std::vector<double> row(given.begin(), given.end());
    if (last == Activation::log_softmax) {
      for (double& value : row) value = std::min(1.0, std::exp(value));
    } else if (logits && width == 1) {
      row[0] = 1 / (1 + std::exp(-row[0]));
    } else if (logits) {
      softmax(row);
    }
    if (width == 1) row = {1 - row[0], row[0]};
    std::transform(row.begin(), row.end(), result.rows(i, 1).host<float>().begin(),
                   [](double value) { return static_cast<float>(value); });
  }
  return result;
}

}  // namespace curie
