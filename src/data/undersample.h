// Random undersampling: drop samples of the larger classes (imbalanced-learn 0.10, RandomUnderSampler without
// replacement; same members in the same order for the same seed).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace curie {

// Two classes: the larger one shrinks until smaller / larger = ratio, to int(smaller / ratio) samples. Returns the
// indices kept, sorted by class (shuffle afterwards); with equally many of each, the lower class counts as the smaller.
// Throws usage for a ratio outside (0, 1] or one that would need more samples, data unless two classes are present.
std::vector<int> random_undersample(std::span<const std::int32_t> labels, double ratio, std::uint32_t random_state);

// Any number of classes: every class shrinks to the size of the smallest one present. Throws data for no labels.
std::vector<int> random_undersample_to_minority(std::span<const std::int32_t> labels, std::uint32_t random_state);

}  // namespace curie
