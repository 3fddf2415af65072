// Softmax, rung 1: one thread a row, in three passes: the largest value, the sum of the exponentials of what lies below
// it, and the quotients. (Without the largest value subtracted the exponentials overflow from 89 on.)
//
// What it costs: the 32 lanes of a warp read 32 rows, each at the same place, so that every request touches 32 sectors
// of 32 bytes for 128 bytes. x is read three times, and every exponential is computed twice.
#include "cuda/ladder/rungs.h"
#include "cuda/launch.cuh"
#include "cuda/reduce.cuh"

namespace curie::CURIE_GPU::ladder {
namespace {

constexpr int kBlock = 256;

__global__ void __launch_bounds__(kBlock)
    naive_kernel(SoftmaxShape shape, const float* __restrict__ x, float* __restrict__ y) {
  const std::size_t row = std::size_t{blockIdx.x} * kBlock + threadIdx.x;
  if (row >= static_cast<std::size_t>(shape.rows)) return;
  const float* from = x + row * static_cast<std::size_t>(shape.classes);
  float* to = y + row * static_cast<std::size_t>(shape.classes);
  float largest = -INFINITY;
  for (int i = 0; i < shape.classes; ++i) largest = Maximum::of(largest, from[i]);
  float sum = 0.0f;
  for (int i = 0; i < shape.classes; ++i) sum += expf(from[i] - largest);
  const float scale = 1.0f / sum;
  for (int i = 0; i < shape.classes; ++i) to[i] = expf(from[i] - largest) * scale;
}

}  // namespace

void softmax_1_naive(Stream stream, const SoftmaxShape& shape, const float* x, float* y) {
  launch({.name = "softmax_1_naive", .grid = blocks_for(shape.rows, kBlock), .block = kBlock, .stream = stream},
         naive_kernel, shape, x, y);
}

}  // namespace curie::CURIE_GPU::ladder
