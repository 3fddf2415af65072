// Top-k accuracy: how often the truth is among the k classes that the model finds likeliest.
#pragma once

#include <cstdint>
#include <span>

namespace curie {

// `probabilities` holds `classes` values a sample. A class is among the k likeliest as scikit-learn's
// top_k_accuracy_score orders them: by value, of equal values the higher class number first. Throws Error(usage) unless
// 1 <= k <= classes, Error(data) for spans that do not match or a label outside [0, classes); NaN without samples.
double top_k_accuracy(std::span<const std::int32_t> truth, std::span<const float> probabilities, int classes, int k);

// The same for one sample: whether `label` is among the k likeliest of this row.
bool among_top_k(std::span<const float> row, std::int32_t label, int k);

}  // namespace curie
