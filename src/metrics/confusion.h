// The confusion matrix: how often each true class was taken for each class.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace curie {

// counts[truth * classes + predicted]; rows are the truth, columns the prediction, as in scikit-learn.
struct ConfusionMatrix {
  int classes = 0;
  std::vector<std::int64_t> counts;

  std::int64_t at(int truth, int predicted) const;
  std::int64_t truth_total(int truth) const;          // the sum of a row: samples of that class
  std::int64_t predicted_total(int predicted) const;  // the sum of a column: samples taken for that class
  std::int64_t total() const;
  std::int64_t correct() const;  // the sum of the diagonal
  // Of the samples of other classes, the share that was not taken for this one; NaN when there are none.
  double specificity(int label) const;
};

// Class numbers from so many probabilities a sample: above .5 for one, else the first of the largest.
std::vector<std::int32_t> predicted_classes(std::span<const float> probabilities, std::size_t columns);

// Labels are class numbers in [0, classes). Throws Error(data) for a label outside that range or for spans of different
// lengths; no samples give a matrix of zeros.
ConfusionMatrix confusion_matrix(std::span<const std::int32_t> truth, std::span<const std::int32_t> predicted,
                                 int classes);

// The mean recall of the classes that have samples, as sklearn.metrics.balanced_accuracy_score; NaN without samples.
double balanced_accuracy(const ConfusionMatrix& confusion);

// Matthews' correlation coefficient, for any number of classes Gorodkin's R_K (2004), as
// sklearn.metrics.matthews_corrcoef: 1 when all is right, 0 when the prediction says nothing about the truth or either
// of them holds one class only.
double matthews_correlation(const ConfusionMatrix& confusion);

}  // namespace curie
