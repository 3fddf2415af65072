#include "metrics/confusion.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "tensor/error.h"

namespace curie {
namespace {

std::size_t cell(const ConfusionMatrix& matrix, int truth, int predicted) {
  CURIE_ASSERT(truth >= 0 && truth < matrix.classes && predicted >= 0 && predicted < matrix.classes,
               "confusion matrix of {} classes asked for cell ({}, {})", matrix.classes, truth, predicted);
  return static_cast<std::size_t>(truth) * static_cast<std::size_t>(matrix.classes) +
         static_cast<std::size_t>(predicted);
}

void check_label(std::int32_t label, int classes, std::size_t index, const char* whose) {
  CURIE_CHECK(label >= 0 && label < classes, data,
              "confusion matrix: expected labels from 0 to {}, but the {} label of sample {} is {}", classes - 1, whose,
              index, label);
}

}  // namespace

std::int64_t ConfusionMatrix::at(int truth, int predicted) const { return counts[cell(*this, truth, predicted)]; }

std::int64_t ConfusionMatrix::truth_total(int truth) const {
  std::int64_t sum = 0;
  for (int predicted = 0; predicted < classes; ++predicted) sum += at(truth, predicted);
  return sum;
}

std::int64_t ConfusionMatrix::predicted_total(int predicted) const {
  std::int64_t sum = 0;
  for (int truth = 0; truth < classes; ++truth) sum += at(truth, predicted);
  return sum;
}

std::int64_t ConfusionMatrix::total() const { return std::accumulate(counts.begin(), counts.end(), std::int64_t{0}); }

std::int64_t ConfusionMatrix::correct() const {
  std::int64_t sum = 0;
  for (int label = 0; label < classes; ++label) sum += at(label, label);
  return sum;
}

double ConfusionMatrix::specificity(int label) const {
  const std::int64_t others = total() - truth_total(label);
  if (others == 0) return std::numeric_limits<double>::quiet_NaN();
  return static_cast<double>(others - (predicted_total(label) - at(label, label))) / static_cast<double>(others);
}

std::vector<std::int32_t> predicted_classes(std::span<const float> probabilities, std::size_t columns) {
  std::vector<std::int32_t> classes;
  for (std::size_t first = 0; first < probabilities.size(); first += columns) {
    const std::span<const float> row = probabilities.subspan(first, columns);
    classes.push_back(columns == 1 ? static_cast<std::int32_t>(row[0] > 0.5f)
                                   : static_cast<std::int32_t>(std::max_element(row.begin(), row.end()) - row.begin()));
  }
  return classes;
}

ConfusionMatrix confusion_matrix(std::span<const std::int32_t> truth, std::span<const std::int32_t> predicted,
                                 int classes) {
  CURIE_CHECK(classes >= 1, usage, "confusion matrix: expected at least one class, got {}", classes);
  CURIE_CHECK(truth.size() == predicted.size(), data,
              "confusion matrix: expected one prediction for each of the {} true labels, got {}", truth.size(),
              predicted.size());
  const std::size_t side = static_cast<std::size_t>(classes);
  ConfusionMatrix matrix{.classes = classes, .counts = std::vector<std::int64_t>(side * side, 0)};
  for (std::size_t i = 0; i < truth.size(); ++i) {
    check_label(truth[i], classes, i, "true");
    check_label(predicted[i], classes, i, "predicted");
    ++matrix.counts[cell(matrix, truth[i], predicted[i])];
  }
  return matrix;
}

double balanced_accuracy(const ConfusionMatrix& confusion) {
  double sum = 0;
  int occurring = 0;
  for (int label = 0; label < confusion.classes; ++label) {
    const std::int64_t support = confusion.truth_total(label);
    if (support == 0) continue;
    sum += static_cast<double>(confusion.at(label, label)) / static_cast<double>(support);
    ++occurring;
  }
  return occurring == 0 ? std::numeric_limits<double>::quiet_NaN() : sum / occurring;
}

double matthews_correlation(const ConfusionMatrix& confusion) {
  const auto samples = static_cast<double>(confusion.total());
  double products = 0, truth_squares = 0, predicted_squares = 0;
  for (int label = 0; label < confusion.classes; ++label) {
    const auto truth = static_cast<double>(confusion.truth_total(label));
    const auto predicted = static_cast<double>(confusion.predicted_total(label));
    products += truth * predicted;
    truth_squares += truth * truth;
    predicted_squares += predicted * predicted;
  }
  const double spread = (samples * samples - truth_squares) * (samples * samples - predicted_squares);
  if (spread == 0) return 0;
  return (static_cast<double>(confusion.correct()) * samples - products) / std::sqrt(spread);
}

}  // namespace curie
