#include "metrics/roc.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>

#include "tensor/error.h"

namespace curie {
namespace {

// Samples called positive down to a threshold, apart by truth.
struct Cut {
  std::int64_t false_positives = 0;
  std::int64_t true_positives = 0;
  double threshold = 0;
};

std::vector<Cut> cuts_by_descending_score(std::span<const std::int32_t> truth, std::span<const float> scores,
                                          std::int32_t positive) {
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [scores](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
  std::vector<Cut> cuts;
  Cut cut;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const float score = scores[order[i]];
    ++(truth[order[i]] == positive ? cut.true_positives : cut.false_positives);
    cut.threshold = static_cast<double>(score);
    if (i + 1 == order.size() || scores[order[i + 1]] != score) cuts.push_back(cut);
  }
  return cuts;
}

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
  CURIE_CHECK(truth.size() == scores.size(), data, "ROC curve: expected one score for each of {} labels, got {}",
              truth.size(), scores.size());
  for (std::size_t i = 0; i < scores.size(); ++i) {
    CURIE_CHECK(std::isfinite(scores[i]), data, "ROC curve: expected finite scores, but that of sample {} is {}", i,
                scores[i]);
  }
  RocCurve curve;
  curve.auc = std::numeric_limits<double>::quiet_NaN();
  std::vector<Cut> cuts = cuts_by_descending_score(truth, scores, positive);
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
