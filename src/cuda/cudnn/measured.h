// Written by scripts/update_results from bench/results/gpu-*.json: where --kernels auto takes NVIDIA's libraries. A
// primitive is named when the libraries' geometric mean over the recipes' shapes is the shorter one.
#pragma once

#include <array>

#include "cuda/cudnn/primitives.h"

namespace curie::CURIE_GPU {

inline constexpr std::array<Measurement, 0> kMeasurements{};

}  // namespace curie::CURIE_GPU
