#include "metrics/roc.h"

#include <cstddef>
#include <limits>

#include "metrics/cuts.h"

namespace curie {
namespace {

// A point is kept when either count bends there: its second difference is not zero.
std::vector<Cut> without_collinear(const std::vector<Cut>& cuts) {
  if (cuts.size() <= 2) return cuts;
  std::vector<Cut> kept{cuts.front()};
  for (std::size_t i = 1; i + 1 < cuts.size(); ++i) {
    const auto bends = [&](std::int64_t Cut::*count) {
      return cuts[i + 1].*count - 2 * (cuts[i].*count) + cuts[i - 1].*count != 0;
    };
    if (bends(&Cut::false_positives) || bends(&Cut::true_positives)) kept.push_back(cuts[i]);
  }
  kept.push_back(cuts.back());
  return kept;
}

}  // namespace

RocCurve roc_curve(std::span<const std::int32_t> truth, std::span<const float> scores, std::int32_t positive,
                   bool drop_collinear) {
  RocCurve curve;
  curve.auc = std::numeric_limits<double>::quiet_NaN();
  std::vector<Cut> cuts = cuts_by_descending_score(truth, scores, positive, "ROC curve");
  if (cuts.empty() || cuts.back().false_positives == 0 || cuts.back().true_positives == 0) return curve;
  const double negatives = static_cast<double>(cuts.back().false_positives);
  const double positives = static_cast<double>(cuts.back().true_positives);
  if (drop_collinear) cuts = without_collinear(cuts);
  cuts.insert(cuts.begin(), Cut{0, 0, cuts.front().threshold + 1});

  curve.auc = 0;
  for (const Cut& cut : cuts) {
    const double x = static_cast<double>(cut.false_positives) / negatives;
    const double y = static_cast<double>(cut.true_positives) / positives;
    if (curve.defined()) {
      curve.auc += (x - curve.false_positive_rate.back()) * (y + curve.true_positive_rate.back()) / 2;
    }
    curve.false_positive_rate.push_back(x);
    curve.true_positive_rate.push_back(y);
    curve.thresholds.push_back(cut.threshold);
  }
  return curve;
}

}  // namespace curie
