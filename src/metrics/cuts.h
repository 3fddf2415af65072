// What both the ROC and the precision-recall curve are made of: counts down to each threshold.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace curie {

// Samples with score >= threshold, apart by truth.
struct Cut {
  std::int64_t false_positives = 0;
  std::int64_t true_positives = 0;
  double threshold = 0;
};

// One cut for each distinct score, from the highest down. Throws Error(data), beginning with `what`, for spans of
// different lengths or a score that is not finite.
std::vector<Cut> cuts_by_descending_score(std::span<const std::int32_t> truth, std::span<const float> scores,
                                          std::int32_t positive, std::string_view what);

}  // namespace curie
