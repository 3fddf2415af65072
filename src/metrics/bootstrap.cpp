#include "metrics/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "tensor/error.h"
#include "tensor/random.h"

namespace curie {
namespace {

// Samples that are drawn among each other: those of one class, or all.
using Stratum = std::vector<std::size_t>;

std::vector<Stratum> strata_of(std::span<const std::int32_t> truth, bool stratified) {
  std::map<std::int32_t, Stratum> strata;
  for (std::size_t i = 0; i < truth.size(); ++i) strata[stratified ? truth[i] : 0].push_back(i);
  std::vector<Stratum> result;
  for (auto& entry : strata) result.push_back(std::move(entry.second));
  return result;
}

void draw(const std::vector<Stratum>& strata, const RandomStream& stream, std::span<std::int32_t> times) {
  std::fill(times.begin(), times.end(), 0);
  std::uint64_t element = 0;
  for (const Stratum& stratum : strata) {
    for (std::size_t i = 0; i < stratum.size(); ++i) {
      ++times[stratum[below(stream, element++, static_cast<std::uint32_t>(stratum.size()))]];
    }
  }
}

double percentile(const std::vector<double>& sorted, double share) {
  const double position = share * static_cast<double>(sorted.size() - 1);
  const auto lower = static_cast<std::size_t>(position);
  const std::size_t upper = std::min(lower + 1, sorted.size() - 1);
  return sorted[lower] + (sorted[upper] - sorted[lower]) * (position - static_cast<double>(lower));
}

}  // namespace

std::vector<Interval> bootstrap_intervals(std::span<const std::int32_t> truth, int figures,
                                          const BootstrapStatistic& statistic, const BootstrapOptions& options) {
  CURIE_CHECK(options.draws >= 0, usage, "bootstrap: expected 0 or more draws, got {}", options.draws);
  CURIE_CHECK(options.confidence > 0 && options.confidence < 1, usage,
              "bootstrap: expected a confidence between 0 and 1, got {}", options.confidence);
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  std::vector<Interval> intervals(static_cast<std::size_t>(figures), Interval{kNone, kNone});
  if (truth.empty() || options.draws == 0) return intervals;

  const std::vector<Stratum> strata = strata_of(truth, options.stratified);
  std::vector<std::vector<double>> values(intervals.size());
  std::vector<std::int32_t> times(truth.size());
  std::vector<double> of_draw(intervals.size());
  for (int i = 0; i < options.draws; ++i) {
    draw(strata, RandomStream{.seed = options.seed, .stream = 0, .step = static_cast<std::uint32_t>(i)}, times);
    statistic(times, of_draw);
    for (std::size_t k = 0; k < of_draw.size(); ++k) {
      if (!std::isnan(of_draw[k])) values[k].push_back(of_draw[k]);
    }
  }
  for (std::size_t k = 0; k < values.size(); ++k) {
    if (2 * values[k].size() < static_cast<std::size_t>(options.draws)) continue;
    std::sort(values[k].begin(), values[k].end());
    const double tail = (1 - options.confidence) / 2;
    intervals[k] = {percentile(values[k], tail), percentile(values[k], 1 - tail)};
  }
  return intervals;
}

}  // namespace curie
