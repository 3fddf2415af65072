// Convolution, rung 1: one thread computes one element of y (n, p, q, k), as the formula says. Neighbouring threads
// take neighbouring filters, since those are neighbours in y.
//
// What it costs: at each tap the 32 lanes of a warp read the same element of x, and the weights of 32 filters, which
// lie r*s*c floats apart: 32 sectors of 32 bytes for 128 bytes. For two operations a thread fetches 33 bytes.
#include "cuda/ladder/patches.cuh"
#include "cuda/ladder/rungs.h"
#include "cuda/launch.cuh"

namespace curie::CURIE_GPU::ladder {
namespace {

constexpr int kBlock = 256;

__global__ void __launch_bounds__(kBlock)
    naive_kernel(Conv2dShape shape, const float* __restrict__ x, const float* __restrict__ w, float* __restrict__ y) {
  const unsigned element = blockIdx.x * kBlock + threadIdx.x;
  const int pixel = static_cast<int>(element / shape.k), filter = static_cast<int>(element % shape.k);
  if (pixel >= pixels_of(shape)) return;
  const Corner corner(shape, x, pixel);
  const float* of_filter = w + std::size_t(filter) * taps_of(shape);
  float sum = 0.0f;
  for (int r = 0; r < shape.r; ++r) {
    for (int s = 0; s < shape.s; ++s) {
      const float* values = corner.at(shape, (r * shape.s + s) * shape.c);
      if (values == nullptr) continue;
      const float* weights = of_filter + (r * shape.s + s) * shape.c;
      for (int channel = 0; channel < shape.c; ++channel) sum += values[channel] * weights[channel];
    }
  }
  y[std::size_t(pixel) * shape.k + filter] = sum;
}

}  // namespace

void conv2d_1_naive(Stream stream, const Conv2dShape& shape, const float* x, const float* w, float* y, Scratch) {
  launch({.name = "conv2d_1_naive",
          .grid = blocks_for(shape.output_elements(), kBlock),
          .block = kBlock,
          .stream = stream},
         naive_kernel, shape, x, w, y);
}

}  // namespace curie::CURIE_GPU::ladder
