// Whether probabilities mean what they say: of the samples that were given .8, are 80 % what was predicted?
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace curie {

struct CalibrationBin {
  double low = 0, high = 0;     // probabilities in (low, high], the first bin from 0 on
  double mean_probability = 0;  // of its samples
  double share = 0;             // of its samples, those for which the prediction holds
  std::int64_t samples = 0;
};

struct CalibrationCurve {
  std::vector<CalibrationBin> bins;  // of equal width, those with samples
  // Expected calibration error: the mean over samples of |share - mean_probability| of their bin (Naeini, Cooper,
  // Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning", AAAI 2015). NaN without samples.
  double expected_error = 0;
};

// holds[i] tells whether what was predicted with probabilities[i] is true. The bins' contents are those of
// sklearn.calibration.calibration_curve(strategy="uniform"). Throws Error(data) for spans of different lengths or a
// probability outside [0, 1], Error(usage) for fewer than 1 bins.
CalibrationCurve calibration_curve(std::span<const std::uint8_t> holds, std::span<const float> probabilities,
                                   int bins = 10);

// Brier's score, the mean squared distance of the probabilities from the truth. One value a sample (of class 1): the
// mean of (p - y)^2, in [0, 1], as sklearn.metrics.brier_score_loss. `columns` > 1 values a sample: the sum over
// classes, in [0, 2], as Brier defined it (1950). Throws Error(data) for spans that do not match; NaN without samples.
double brier_score(std::span<const std::int32_t> truth, std::span<const float> probabilities, int columns);

}  // namespace curie
