// The receiver operating characteristic: what each decision threshold costs in false alarms and gains in finds.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace curie {

// Point i is reached when every sample with score >= thresholds[i] is called positive. The first point is (0, 0), with
// scikit-learn 1.2's threshold max score + 1; the last is (1, 1). Empty when the truth holds one class only, for then
// one of the rates has no meaning.
struct RocCurve {
  std::vector<double> false_positive_rate;
  std::vector<double> true_positive_rate;
  std::vector<double> thresholds;  // descending
  double auc = 0;                  // the area under the curve, by trapezoids; NaN when the curve is empty

  bool defined() const { return !thresholds.empty(); }
};

// `truth` holds class numbers, of which `positive` is the one to be found and all others are the rest; `scores` grow
// with the belief in it. Samples of equal score form one point. `drop_collinear` leaves out inner points of straight
// runs as scikit-learn does, which changes neither the drawing nor the area.
// Throws Error(data) for spans of different lengths or a score that is not finite.
RocCurve roc_curve(std::span<const std::int32_t> truth, std::span<const float> scores, std::int32_t positive = 1,
                   bool drop_collinear = true);

}  // namespace curie
