// The two halves of the fused convolution + pooling block of the CPU backend.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cpu/conv2d_plan.h"
#include "ops/conv2d.h"
#include "ops/types.h"
#include "tensor/parallel.h"

namespace curie {

// The part of the convolution that pooling looks at: what a window that does not fit would have covered is left out.
Correlation pooled_correlation(const ConvPoolShape& shape);

// Whether windows are pooled from the registers in which they were summed.
bool pools_in_registers(const ConvPoolShape& shape);

// What kept values are multiplied by, forward and backward.
inline float dropout_scale(float rate) { return rate < 1.0f ? 1.0f / (1.0f - rate) : 0.0f; }

struct PooledGradient {
  const float* x;
  const float* w;
  const float* y;  // positive where a gradient passes
  const std::uint8_t* arg_max;
  const float* dy;
  float scale;
  float* dx;  // may be null
  float* dw;
  float* dbias;  // may be null
};

std::size_t pooled_gradient_bytes(const ConvPoolShape& shape, int workers);
void pooled_gradient(const ConvPoolShape& shape, const PooledGradient& gradient, ThreadPool& pool, Scratch scratch);

}  // namespace curie
