// Matrix product, rung 1: one thread computes one element of c, as the formula says, and neighbouring threads take
// neighbouring rows.
//
// What it costs: at each step of the depth the 32 lanes of a warp read 32 rows of a, k floats apart, so that a request
// of 128 bytes touches 32 sectors of 32 bytes, and seven eighths of what memory delivers is not looked at. They all
// read the same element of b. For two operations a thread fetches 33 bytes.
#include "cuda/ladder/rungs.h"
#include "cuda/launch.cuh"

namespace curie::CURIE_GPU::ladder {
namespace {

constexpr int kBlock = 256;

__global__ void __launch_bounds__(kBlock)
    naive_kernel(GemmShape shape, const float* __restrict__ a, const float* __restrict__ b, float* __restrict__ c) {
  const unsigned element = blockIdx.x * kBlock + threadIdx.x;
  const int row = static_cast<int>(element % shape.m), column = static_cast<int>(element / shape.m);
  if (column >= shape.n) return;
  float sum = 0.0f;
  for (int d = 0; d < shape.k; ++d) {
    sum += a[std::size_t(row) * shape.k + d] * b[std::size_t(d) * shape.n + column];
  }
  c[std::size_t(row) * shape.n + column] = sum;
}

}  // namespace

void gemm_1_naive(Stream stream, const GemmShape& shape, const float* a, const float* b, float* c, Scratch) {
  const std::size_t elements = static_cast<std::size_t>(shape.m) * static_cast<std::size_t>(shape.n);
  launch({.name = "gemm_1_naive", .grid = blocks_for(elements, kBlock), .block = kBlock, .stream = stream},
         naive_kernel, shape, a, b, c);
}

}  // namespace curie::CURIE_GPU::ladder
