#include "metrics/calibration.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "tensor/error.h"

namespace curie {

CalibrationCurve calibration_curve(std::span<const std::uint8_t> holds, std::span<const float> probabilities,
                                   int bins) {
  CURIE_CHECK(bins >= 1, usage, "calibration curve: expected at least one bin, got {}", bins);
  CURIE_CHECK(holds.size() == probabilities.size(), data,
              "calibration curve: expected one probability for each of {} samples, got {}", holds.size(),
              probabilities.size());
  std::vector<double> edges;  // numpy.linspace(0, 1, bins + 1)
  for (int i = 0; i < bins; ++i) edges.push_back(static_cast<double>(i) * (1.0 / bins));
  edges.push_back(1);

  std::vector<CalibrationBin> all(static_cast<std::size_t>(bins));
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i].low = edges[i];
    all[i].high = edges[i + 1];
  }
  for (std::size_t i = 0; i < probabilities.size(); ++i) {
    const auto p = static_cast<double>(probabilities[i]);
    CURIE_CHECK(p >= 0 && p <= 1, data,
                "calibration curve: expected probabilities from 0 to 1, but that of sample {} is {}", i, p);
    const auto inner = std::lower_bound(edges.begin() + 1, edges.end() - 1, p);
    CalibrationBin& bin = all[static_cast<std::size_t>(inner - edges.begin() - 1)];
    bin.mean_probability += p;
    bin.share += holds[i] != 0 ? 1 : 0;
    ++bin.samples;
  }
  std::erase_if(all, [](const CalibrationBin& bin) { return bin.samples == 0; });

  CalibrationCurve curve;
  curve.expected_error = probabilities.empty() ? std::numeric_limits<double>::quiet_NaN() : 0;
  for (CalibrationBin& bin : all) {
    const auto samples = static_cast<double>(bin.samples);
    bin.mean_probability /= samples;
    bin.share /= samples;
    curve.expected_error +=
        std::abs(bin.share - bin.mean_probability) * samples / static_cast<double>(probabilities.size());
  }
  curve.bins = std::move(all);
  return curve;
}

double brier_score(std::span<const std::int32_t> truth, std::span<const float> probabilities, int columns) {
  CURIE_CHECK(columns >= 1, usage, "Brier score: expected at least one column, got {}", columns);
  const auto width = static_cast<std::size_t>(columns);
  CURIE_CHECK(probabilities.size() == truth.size() * width, data,
              "Brier score: expected {} probabilities for {} samples, got {}", truth.size() * width, truth.size(),
              probabilities.size());
  if (truth.empty()) return std::numeric_limits<double>::quiet_NaN();
  double sum = 0;
  for (std::size_t i = 0; i < probabilities.size(); ++i) {
    const std::int32_t label = truth[i / width];
    const bool own = width == 1 ? label == 1 : label == static_cast<std::int32_t>(i % width);
    const double distance = static_cast<double>(probabilities[i]) - (own ? 1 : 0);
    sum += distance * distance;
  }
  return sum / static_cast<double>(truth.size());
}

}  // namespace curie
