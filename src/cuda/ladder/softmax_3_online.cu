// Softmax, rung 3: the largest value and the sum in one pass (Milakov, Gimelshein: Online normalizer calculation for
// softmax, 2018). A lane keeps the sum relative to the largest value that it has seen; when a larger one comes, the sum
// so far is multiplied by exp(old - new).
//
// What it buys: x is read twice instead of three times, so three quarters of the bytes from and to memory are left.
// Two lanes' results are put together by the same rule, so one reduction of pairs does for both.
#include "cuda/ladder/rungs.h"
#include "cuda/launch.cuh"
#include "cuda/reduce.cuh"

namespace curie::CURIE_GPU::ladder {
namespace {

constexpr int kBlock = 256, kRows = kBlock / kWarpSize;

struct Online {
  float largest, sum;  // of exp(x - largest)
};

// A lane that has seen no class has a largest of -infinity; of two such lanes -infinity - -infinity would be NaN.
__device__ __forceinline__ Online together(Online a, Online b) {
  const float largest = Maximum::of(a.largest, b.largest);
  if (largest == -INFINITY) return a;
  return {largest, a.sum * expf(a.largest - largest) + b.sum * expf(b.largest - largest)};
}

__global__ void __launch_bounds__(kBlock)
    online_kernel(SoftmaxShape shape, const float* __restrict__ x, float* __restrict__ y) {
  const int lane = static_cast<int>(threadIdx.x) % kWarpSize;
  const std::size_t row = std::size_t{blockIdx.x} * kRows + threadIdx.x / kWarpSize;
  const int classes = row < static_cast<std::size_t>(shape.rows) ? shape.classes : 0;
  const std::size_t first = row * static_cast<std::size_t>(shape.classes);
  Online of = {-INFINITY, 0.0f};
  for (int i = lane; i < classes; i += kWarpSize) of = together(of, {x[first + i], 1.0f});
  CURIE_UNROLL
  for (int offset = kWarpSize / 2; offset > 0; offset /= 2) {
    // Each lane of a pair computes the same bits, since the lower one's part is always the first.
    const Online other = {__shfl_xor_sync(kFullWarp, of.largest, offset), __shfl_xor_sync(kFullWarp, of.sum, offset)};
    of = (lane & offset) == 0 ? together(of, other) : together(other, of);
  }
  const float scale = 1.0f / of.sum;
  for (int i = lane; i < classes; i += kWarpSize) y[first + i] = expf(x[first + i] - of.largest) * scale;
}

}  // namespace

void softmax_3_online(Stream stream, const SoftmaxShape& shape, const float* x, float* y) {
  launch({.name = "softmax_3_online", .grid = blocks_for(shape.rows, kRows), .block = kBlock, .stream = stream},
         online_kernel, shape, x, y);
}

}  // namespace curie::CURIE_GPU::ladder
