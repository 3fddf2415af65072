#include "metrics/precision_recall.h"

#include <limits>

#include "metrics/cuts.h"

namespace curie {

PrecisionRecallCurve precision_recall_curve(std::span<const std::int32_t> truth, std::span<const float> scores,
                                            std::int32_t positive) {
  PrecisionRecallCurve curve;
  curve.average_precision = std::numeric_limits<double>::quiet_NaN();
  const std::vector<Cut> cuts = cuts_by_descending_score(truth, scores, positive, "precision-recall curve");
  if (cuts.empty() || cuts.back().true_positives == 0) return curve;
  const auto positives = static_cast<double>(cuts.back().true_positives);
  curve.prevalence = positives / static_cast<double>(truth.size());
  for (auto cut = cuts.rbegin(); cut != cuts.rend(); ++cut) {
    const auto hits = static_cast<double>(cut->true_positives);
    curve.precision.push_back(hits / static_cast<double>(cut->true_positives + cut->false_positives));
    curve.recall.push_back(hits / positives);
    curve.thresholds.push_back(cut->threshold);
  }
  curve.precision.push_back(1);
  curve.recall.push_back(0);
  curve.average_precision = 0;
  for (std::size_t i = 0; i < curve.thresholds.size(); ++i) {
    curve.average_precision += (curve.recall[i] - curve.recall[i + 1]) * curve.precision[i];
  }
  return curve;
}

}  // namespace curie
