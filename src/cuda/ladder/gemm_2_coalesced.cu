// Matrix product, rung 2: coalescing. The kernel is rung 1 but for one line: neighbouring threads take neighbouring
// columns instead of neighbouring rows.
//
// What it buys: the lanes of a warp now read 32 neighbouring floats of b, which are 4 sectors, and all the same element
// of a, which is one. From 33 sectors for two requests to 5, and c is written in 4 sectors a request instead of 32. No
// thread does anything else than before: only which thread does it has changed.
#include "cuda/ladder/rungs.h"
#include "cuda/launch.cuh"

namespace curie::CURIE_GPU::ladder {
namespace {

constexpr int kBlock = 256;

__global__ void __launch_bounds__(kBlock)
    coalesced_kernel(GemmShape shape, const float* __restrict__ a, const float* __restrict__ b, float* __restrict__ c) {
  const unsigned element = blockIdx.x * kBlock + threadIdx.x;
  const int row = static_cast<int>(element / shape.n), column = static_cast<int>(element % shape.n);  // was: by m
  if (row >= shape.m) return;
  float sum = 0.0f;
  for (int d = 0; d < shape.k; ++d) {
    sum += a[std::size_t(row) * shape.k + d] * b[std::size_t(d) * shape.n + column];
  }
  c[std::size_t(row) * shape.n + column] = sum;
}

}  // namespace

void gemm_2_coalesced(Stream stream, const GemmShape& shape, const float* a, const float* b, float* c, Scratch) {
  const std::size_t elements = static_cast<std::size_t>(shape.m) * static_cast<std::size_t>(shape.n);
  launch({.name = "gemm_2_coalesced", .grid = blocks_for(elements, kBlock), .block = kBlock, .stream = stream},
         coalesced_kernel, shape, a, b, c);
}

}  // namespace curie::CURIE_GPU::ladder
