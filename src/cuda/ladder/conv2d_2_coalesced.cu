// Convolution, rung 2: coalescing, by laying the data out for it. Which thread computes what stays as it was, but a
// first, small kernel writes the filters down once more with the filter last, (r, s, c, k) instead of (k, r, s, c), so
// that what the lanes of a warp want lies side by side.
//
// What it buys: the weights of 32 filters are 4 sectors instead of 32. From 33 sectors for two requests to 5. Writing
// the filters down again costs their bytes twice, once for each call; they are few beside those of the sums.
#include "cuda/ladder/patches.cuh"
#include "cuda/ladder/rungs.h"
#include "cuda/launch.cuh"

namespace curie::CURIE_GPU::ladder {
namespace {

constexpr int kBlock = 256;

// Reads side by side and writes far apart: either of the two has to be.
__global__ void __launch_bounds__(kBlock)
    filters_last_kernel(Conv2dShape shape, const float* __restrict__ w, float* __restrict__ filters_last) {
  const unsigned element = blockIdx.x * kBlock + threadIdx.x;
  const int filter = static_cast<int>(element / taps_of(shape)), tap = static_cast<int>(element % taps_of(shape));
  if (filter < shape.k) filters_last[std::size_t(tap) * shape.k + filter] = w[element];
}

__global__ void __launch_bounds__(kBlock)
    coalesced_kernel(Conv2dShape shape, const float* __restrict__ x, const float* __restrict__ filters_last,
                     float* __restrict__ y) {
  const unsigned element = blockIdx.x * kBlock + threadIdx.x;
  const int pixel = static_cast<int>(element / shape.k), filter = static_cast<int>(element % shape.k);
  if (pixel >= pixels_of(shape)) return;
  const Corner corner(shape, x, pixel);
  float sum = 0.0f;
  for (int r = 0; r < shape.r; ++r) {
    for (int s = 0; s < shape.s; ++s) {
      const int tap = (r * shape.s + s) * shape.c;
      const float* values = corner.at(shape, tap);
      if (values == nullptr) continue;
      const float* weights = filters_last + std::size_t(tap) * shape.k + filter;
      for (int channel = 0; channel < shape.c; ++channel)
        sum += values[channel] * weights[std::size_t(channel) * shape.k];
    }
  }
  y[std::size_t(pixel) * shape.k + filter] = sum;
}

}  // namespace

void conv2d_2_coalesced(Stream stream, const Conv2dShape& shape, const float* x, const float* w, float* y,
                        Scratch scratch) {
  float* const filters_last = reinterpret_cast<float*>(scratch.data);
  launch({.name = "conv2d_2_filters_last",
          .grid = blocks_for(shape.weight_elements(), kBlock),
          .block = kBlock,
          .stream = stream},
         filters_last_kernel, shape, w, filters_last);
  launch({.name = "conv2d_2_coalesced",
          .grid = blocks_for(shape.output_elements(), kBlock),
          .block = kBlock,
          .stream = stream},
         coalesced_kernel, shape, x, filters_last, y);
}

}  // namespace curie::CURIE_GPU::ladder
