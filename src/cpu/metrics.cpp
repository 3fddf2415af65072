#include <algorithm>
#include <cmath>

#include "cpu/backend.h"

namespace curie {
namespace {

bool any_nan(int classes, const float* row) {
  return std::any_of(row, row + classes, [](float value) { return std::isnan(value); });
}

int largest(int classes, const float* row) { return static_cast<int>(std::max_element(row, row + classes) - row); }

bool same_side(int classes, const float* a, const float* b) {
  return std::equal(a, a + classes, b, [](float left, float right) { return (left > 0.5f) == (right > 0.5f); });
}

}  // namespace

void CpuBackend::count_correct(MatchRule rule, int rows, int classes, const float* predictions, const void* targets,
                               MetricTotals* totals) {
  const auto* const classes_wanted = static_cast<const std::int32_t*>(targets);
  const auto* const columns_wanted = static_cast<const float*>(targets);
  int correct = 0;
  for (int r = 0; r < rows; ++r) {
    const std::size_t at = std::size_t(r) * classes;
    const float* const row = predictions + at;
    if (any_nan(classes, row)) continue;
    switch (rule) {
      case MatchRule::binary:
        correct += same_side(classes, row, columns_wanted + at);
        break;
      case MatchRule::categorical:
        correct += largest(classes, row) == largest(classes, columns_wanted + at);
        break;
      case MatchRule::sparse:
        correct += largest(classes, row) == classes_wanted[r];
        break;
    }
  }
  totals->correct += correct;
}

}  // namespace curie
