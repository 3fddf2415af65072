// Confidence intervals by the bootstrap: the same figures on samples drawn again, with replacement, from the same test
// set (Efron, Tibshirani, "An introduction to the bootstrap", 1993, percentile intervals).
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace curie {

struct Interval {
  double low, high;  // NaN: not known
  bool known() const { return low == low && high == high; }
};

struct BootstrapOptions {
  int draws = 1000;          // 0: no intervals
  double confidence = 0.95;  // the share of draws between the limits
  std::uint64_t seed = 1;    // the same seed, the same intervals
  bool stratified = true;    // every draw has as many samples of each class as the test set
};

// times[i] tells how often sample i was drawn; `figures` is to be filled with the values on that draw.
using BootstrapStatistic = std::function<void(std::span<const std::int32_t> times, std::span<double> figures)>;

// One interval for each of `figures` values, between the percentiles of their values over all draws (NumPy's linear
// interpolation). Draws on which a figure is NaN do not count for it; an interval from fewer than half the draws is not
// known. Throws Error(usage) for negative draws or a confidence outside (0, 1).
std::vector<Interval> bootstrap_intervals(std::span<const std::int32_t> truth, int figures,
                                          const BootstrapStatistic& statistic, const BootstrapOptions& options = {});

}  // namespace curie
