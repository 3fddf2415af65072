#include "metrics/operating_point.h"

#include <limits>

#include "metrics/cuts.h"
#include "tensor/error.h"

namespace curie {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

double quotient(std::int64_t numerator, std::int64_t denominator) {
  return denominator == 0 ? kNone : static_cast<double>(numerator) / static_cast<double>(denominator);
}

}  // namespace

double OperatingPoint::sensitivity() const { return quotient(true_positives, true_positives + false_negatives); }
double OperatingPoint::specificity() const { return quotient(true_negatives, true_negatives + false_positives); }
double OperatingPoint::precision() const { return quotient(true_positives, true_positives + false_positives); }
double OperatingPoint::negative_predictive_value() const {
  return quotient(true_negatives, true_negatives + false_negatives);
}
double OperatingPoint::f1() const {
  return quotient(2 * true_positives, 2 * true_positives + false_positives + false_negatives);
}
double OperatingPoint::accuracy() const {
  return quotient(true_positives + true_negatives, true_positives + true_negatives + false_positives + false_negatives);
}

OperatingPoint operating_point(std::span<const std::int32_t> truth, std::span<const float> scores, double threshold,
                               std::int32_t positive) {
  OperatingPoint point{.threshold = threshold};
  const std::vector<Cut> cuts = cuts_by_descending_score(truth, scores, positive, "operating point");
  for (const Cut& cut : cuts) {
    if (cut.threshold < threshold) break;
    point.true_positives = cut.true_positives;
    point.false_positives = cut.false_positives;
  }
  if (cuts.empty()) return point;
  point.false_negatives = cuts.back().true_positives - point.true_positives;
  point.true_negatives = cuts.back().false_positives - point.false_positives;
  return point;
}

double threshold_for_sensitivity(std::span<const std::int32_t> truth, std::span<const float> scores, double wanted,
                                 std::int32_t positive) {
  CURIE_CHECK(wanted > 0 && wanted <= 1, usage, "threshold: expected a sensitivity in (0, 1], got {}", wanted);
  const std::vector<Cut> cuts = cuts_by_descending_score(truth, scores, positive, "threshold");
  for (const Cut& cut : cuts) {
    if (quotient(cut.true_positives, cuts.back().true_positives) >= wanted) return cut.threshold;
  }
  return kNone;
}

double youden_threshold(std::span<const std::int32_t> truth, std::span<const float> scores, std::int32_t positive) {
  const std::vector<Cut> cuts = cuts_by_descending_score(truth, scores, positive, "threshold");
  double best = -std::numeric_limits<double>::infinity(), threshold = kNone;
  for (const Cut& cut : cuts) {
    const double index = quotient(cut.true_positives, cuts.back().true_positives) -
                         quotient(cut.false_positives, cuts.back().false_positives);
    if (index > best) {
      best = index;
      threshold = cut.threshold;
    }
  }
  return threshold;
}

OperatingPoint own_decision(const ConfusionMatrix& confusion, int label) {
  CURIE_CHECK(label >= 0 && label < confusion.classes, usage, "operating point: expected a class from 0 to {}, got {}",
              confusion.classes - 1, label);
  const std::int64_t hits = confusion.at(label, label);
  const std::int64_t misses = confusion.truth_total(label) - hits, alarms = confusion.predicted_total(label) - hits;
  return {.threshold = confusion.classes == 2 ? 0.5 : kNone,
          .true_positives = hits,
          .false_positives = alarms,
          .true_negatives = confusion.total() - hits - misses - alarms,
          .false_negatives = misses};
}

std::vector<float> scores_of_class(std::span<const float> probabilities, int classes, int label) {
  CURIE_CHECK(classes >= 2 && label >= 0 && label < classes, usage, "scores: expected a class from 0 to {}, got {}",
              classes - 1, label);
  const std::size_t columns = classes == 2 ? 1 : static_cast<std::size_t>(classes);
  CURIE_CHECK(probabilities.size() % columns == 0, data,
              "scores: expected {} probabilities a sample, got {} probabilities", columns, probabilities.size());
  std::vector<float> scores;
  for (std::size_t first = 0; first < probabilities.size(); first += columns) {
    const float own = probabilities[first + (columns == 1 ? 0 : static_cast<std::size_t>(label))];
    scores.push_back(columns == 1 && label == 0 ? 1.0f - own : own);
  }
  return scores;
}

}  // namespace curie
