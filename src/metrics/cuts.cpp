#include "metrics/cuts.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "tensor/error.h"

namespace curie {

std::vector<Cut> cuts_by_descending_score(std::span<const std::int32_t> truth, std::span<const float> scores,
                                          std::int32_t positive, std::string_view what) {
  CURIE_CHECK(truth.size() == scores.size(), data, "{}: expected one score for each of {} labels, got {}", what,
              truth.size(), scores.size());
  for (std::size_t i = 0; i < scores.size(); ++i) {
    CURIE_CHECK(std::isfinite(scores[i]), data, "{}: expected finite scores, but that of sample {} is {}", what, i,
                scores[i]);
  }
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

}  // namespace curie
