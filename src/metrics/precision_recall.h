// Precision against recall: what finding more of a class costs in false alarms among the finds.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace curie {

// As sklearn.metrics.precision_recall_curve 1.2 gives it: point i is reached when every sample with score >=
// thresholds[i] is called positive; a last point (precision 1, recall 0) has no threshold. Empty when no sample is
// positive.
struct PrecisionRecallCurve {
  std::vector<double> precision, recall;
  std::vector<double> thresholds;  // ascending, one fewer than points
  // The sum over points of precision times the step in recall (sklearn.metrics.average_precision_score): the area under
  // the curve without interpolation. NaN when the curve is empty.
  double average_precision = 0;
  double prevalence = 0;  // the share of positives: the precision of guessing

  bool defined() const { return !thresholds.empty(); }
};

// `truth` holds class numbers, of which `positive` is the one to be found; `scores` grow with the belief in it. Throws
// Error(data) for spans of different lengths or a score that is not finite.
PrecisionRecallCurve precision_recall_curve(std::span<const std::int32_t> truth, std::span<const float> scores,
                                            std::int32_t positive = 1);

}  // namespace curie
