#include "metrics/top_k.h"

#include <limits>

#include "tensor/error.h"

namespace curie {

bool among_top_k(std::span<const float> row, std::int32_t label, int k) {
  const auto own = static_cast<std::size_t>(label);
  int before = 0;
  for (std::size_t i = 0; i < row.size(); ++i) before += row[i] > row[own] || (row[i] == row[own] && i > own);
  return before < k;
}

double top_k_accuracy(std::span<const std::int32_t> truth, std::span<const float> probabilities, int classes, int k) {
  CURIE_CHECK(classes >= 1 && k >= 1 && k <= classes, usage, "top-k accuracy: expected k from 1 to {} classes, got {}",
              classes, k);
  const auto width = static_cast<std::size_t>(classes);
  CURIE_CHECK(probabilities.size() == truth.size() * width, data,
              "top-k accuracy: expected {} probabilities for {} samples of {} classes, got {}", truth.size() * width,
              truth.size(), classes, probabilities.size());
  if (truth.empty()) return std::numeric_limits<double>::quiet_NaN();
  std::int64_t hits = 0;
  for (std::size_t i = 0; i < truth.size(); ++i) {
    CURIE_CHECK(truth[i] >= 0 && truth[i] < classes, data,
                "top-k accuracy: expected labels from 0 to {}, but that of sample {} is {}", classes - 1, i, truth[i]);
    hits += among_top_k(probabilities.subspan(i * width, width), truth[i], k);
  }
  return static_cast<double>(hits) / static_cast<double>(truth.size());
}

}  // namespace curie
