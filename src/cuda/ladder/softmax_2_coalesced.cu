// Softmax, rung 2: coalescing. A warp takes a row together: its lanes read 32 neighbouring classes, and what each has
// found is put together by shuffles, in five exchanges for 32 lanes.
//
// What it buys: a request touches 4 sectors instead of 32. There are also 32 times as many threads, without which few
// rows leave a GPU idle.
#include "cuda/ladder/rungs.h"
#include "cuda/launch.cuh"
#include "cuda/reduce.cuh"

namespace curie::CURIE_GPU::ladder {
namespace {

constexpr int kBlock = 256, kRows = kBlock / kWarpSize;

__global__ void __launch_bounds__(kBlock)
    coalesced_kernel(SoftmaxShape shape, const float* __restrict__ x, float* __restrict__ y) {
  const int lane = static_cast<int>(threadIdx.x) % kWarpSize;
  const std::size_t row = std::size_t{blockIdx.x} * kRows + threadIdx.x / kWarpSize;
  // Behind the last row there are no classes, but the lanes take part in the shuffles.
  const int classes = row < static_cast<std::size_t>(shape.rows) ? shape.classes : 0;
  const std::size_t first = row * static_cast<std::size_t>(shape.classes);
  float largest = -INFINITY;
  for (int i = lane; i < classes; i += kWarpSize) largest = Maximum::of(largest, x[first + i]);
  largest = warp_reduce<Maximum>(largest);
  float sum = 0.0f;
  for (int i = lane; i < classes; i += kWarpSize) sum += expf(x[first + i] - largest);
  const float scale = 1.0f / warp_reduce<Sum>(sum);
  for (int i = lane; i < classes; i += kWarpSize) y[first + i] = expf(x[first + i] - largest) * scale;
}

}  // namespace

void softmax_2_coalesced(Stream stream, const SoftmaxShape& shape, const float* x, float* y) {
  launch({.name = "softmax_2_coalesced", .grid = blocks_for(shape.rows, kRows), .block = kBlock, .stream = stream},
         coalesced_kernel, shape, x, y);
}

}  // namespace curie::CURIE_GPU::ladder
