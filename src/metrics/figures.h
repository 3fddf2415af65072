// The figures of a classifier on one part of the data, each with its bootstrap interval.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/bootstrap.h"

namespace curie {

struct Figure {
  std::string key;    // "roc_auc": its name in metrics.json
  std::string label;  // "ROC-AUC"
  double value = 0;   // NaN: not defined on these samples
  Interval interval{};
  bool lower_is_better = false;
};

// Two classes: accuracy, balanced_accuracy, sensitivity, specificity, precision, f1 (the last four of the class
// `positive`), roc_auc, pr_auc, matthews, brier, calibration_error. More: accuracy, top_2_accuracy, balanced_accuracy,
// macro_precision, macro_specificity, macro_f1, roc_auc and pr_auc (means over the classes that have samples, each
// against the rest), matthews, brier, calibration_error (of the probability given to the predicted class).
// `probabilities` holds one value a sample (of class 1) for two classes, else `classes` a sample. The calibration error
// has no interval: a draw with repetitions is always worse calibrated than the samples it comes from.
// Throws Error(data) for spans that do not match, labels out of range, probabilities outside [0, 1] or no samples.
std::vector<Figure> classification_figures(std::span<const std::int32_t> truth, std::span<const std::int32_t> predicted,
                                           std::span<const float> probabilities, int classes, int positive = 1,
                                           const BootstrapOptions& bootstrap = {});

// The figure of that key; null when there is none.
const Figure* find_figure(std::span<const Figure> figures, std::string_view key);

}  // namespace curie
