// One decision threshold and what it does; choosing one.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "metrics/confusion.h"

namespace curie {

// Samples with score >= threshold are called positive. Quotients with a zero denominator are NaN.
struct OperatingPoint {
  double threshold = 0;
  std::int64_t true_positives = 0, false_positives = 0, true_negatives = 0, false_negatives = 0;

  double sensitivity() const;  // of the positives, the share that is found
  double specificity() const;  // of the negatives, the share that is left alone
  double precision() const;    // of what is called positive, the share that is (positive predictive value)
  double negative_predictive_value() const;  // of what is called negative, the share that is
  double f1() const;
  double accuracy() const;
};

// `truth` holds class numbers, of which `positive` is the one to be found; `scores` grow with the belief in it. All
// three throw Error(data) for spans of different lengths or a score that is not finite.
OperatingPoint operating_point(std::span<const std::int32_t> truth, std::span<const float> scores, double threshold,
                               std::int32_t positive = 1);

// The highest threshold whose sensitivity on these samples is at least `wanted`, in (0, 1]: of all that find so many,
// the one with the fewest false alarms. Throws Error(usage) for another `wanted`; NaN when the truth holds no positive.
double threshold_for_sensitivity(std::span<const std::int32_t> truth, std::span<const float> scores, double wanted,
                                 std::int32_t positive = 1);

// The threshold with the largest sensitivity + specificity - 1 (Youden, "Index for rating diagnostic tests", 1950), the
// highest of equals; NaN when the truth holds one class only.
double youden_threshold(std::span<const std::int32_t> truth, std::span<const float> scores, std::int32_t positive = 1);

// What the model's own decision does for one class against the rest. The threshold is .5 for two classes, and NaN for
// more, where the likeliest class wins whatever its probability. Throws Error(usage) for a class outside the matrix.
OperatingPoint own_decision(const ConfusionMatrix& confusion, int label);

// Of each sample the probability of one class. `probabilities` holds one value a sample (of class 1) for two classes,
// else `classes` a sample. Throws Error(usage) for a class that is not there, Error(data) for a span that does not
// match.
std::vector<float> scores_of_class(std::span<const float> probabilities, int classes, int label);

}  // namespace curie
