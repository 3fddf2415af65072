// Matrix product, rung 6: double buffering with cp.async. There are two pairs of tiles. While a block multiplies from
// one pair, the other is on its way: cp.async copies from global to shared memory by itself, past the registers.
//
// What it buys: in rung 5 a block waits for memory, then computes, then waits again. Here the next tiles are asked for
// before the multiplication starts and waited for after it, so that the arithmetic hides their latency. And as nobody
// writes to the pair that is being read, one barrier a step is enough, where there were two.
#include "cuda/copy_async.cuh"
#include "cuda/ladder/rungs.h"
#include "cuda/launch.cuh"
#include "cuda/vec.cuh"

namespace curie::CURIE_GPU::ladder {
namespace {

constexpr int kTile = 64, kDepth = 16, kPerThread = 4;
constexpr int kThreadsAcross = kTile / kPerThread;
constexpr int kBlock = kThreadsAcross * kThreadsAcross;

struct Tiles {
  alignas(16) float a[kTile][kDepth];
  alignas(16) float b[kDepth][kTile];
};
struct Stages {
  Tiles of[2];
};
static_assert(kTile * kDepth / 4 == kBlock, "each thread copies one float4 of each tile");

// Starts the copies and does not wait. Outside the matrices they write zeros and read nothing.
__device__ __forceinline__ void start_copies(const GemmShape& shape, const float* a, const float* b, int first_row,
                                             int first_column, int first_depth, Tiles& tiles) {
  const int thread = static_cast<int>(threadIdx.x);
  const int row = thread / (kDepth / 4), across = thread % (kDepth / 4) * 4;
  const bool in_a = first_row + row < shape.m && first_depth + across < shape.k;
  const std::size_t at_a = in_a ? std::size_t(first_row + row) * shape.k + first_depth + across : 0;
  copy_async_16(&tiles.a[row][across], a + at_a, in_a);
  const int down = thread / (kTile / 4), column = thread % (kTile / 4) * 4;
  const bool in_b = first_depth + down < shape.k && first_column + column < shape.n;
  const std::size_t at_b = in_b ? std::size_t(first_depth + down) * shape.n + first_column + column : 0;
  copy_async_16(&tiles.b[down][column], b + at_b, in_b);
}

__device__ __forceinline__ void add_scaled(float4& sums, float factor, float4 values) {
  sums.x += factor * values.x, sums.y += factor * values.y;
  sums.z += factor * values.z, sums.w += factor * values.w;
}

__device__ __forceinline__ void add_products(const Tiles& tiles, int x, int y, float4 (&sums)[kPerThread]) {
  CURIE_UNROLL
  for (int d = 0; d < kDepth; d += 4) {
    float4 rows[kPerThread], columns[4];
    CURIE_UNROLL
    for (int i = 0; i < kPerThread; ++i) rows[i] = load4(&tiles.a[y + i * kThreadsAcross][d]);
    CURIE_UNROLL
    for (int i = 0; i < 4; ++i) columns[i] = load4(&tiles.b[d + i][4 * x]);
    CURIE_UNROLL
    for (int i = 0; i < kPerThread; ++i) {
      add_scaled(sums[i], rows[i].x, columns[0]);
      add_scaled(sums[i], rows[i].y, columns[1]);
      add_scaled(sums[i], rows[i].z, columns[2]);
      add_scaled(sums[i], rows[i].w, columns[3]);
    }
  }
}

__global__ void __launch_bounds__(kBlock) double_buffered_kernel(GemmShape shape, const float* __restrict__ a,
                                                                 const float* __restrict__ b, float* __restrict__ c) {
  Stages& stages = shared<Stages>();
  const int x = static_cast<int>(threadIdx.x) % kThreadsAcross, y = static_cast<int>(threadIdx.x) / kThreadsAcross;
  const int tiles_across = (shape.n + kTile - 1) / kTile;
  const int first_row = static_cast<int>(blockIdx.x) / tiles_across * kTile;
  const int first_column = static_cast<int>(blockIdx.x) % tiles_across * kTile;
  const int steps = (shape.k + kDepth - 1) / kDepth;
  float4 sums[kPerThread] = {};
  start_copies(shape, a, b, first_row, first_column, 0, stages.of[0]);
  copy_async_commit();
  for (int step = 0; step < steps; ++step) {
    // Each thread waits for its own copies; the barrier makes them everybody's, and tells that all have done with the
    // other stage.
    copy_async_wait<0>();
    __syncthreads();
    if (step + 1 < steps) {
      start_copies(shape, a, b, first_row, first_column, (step + 1) * kDepth, stages.of[(step + 1) % 2]);
    }
    copy_async_commit();
    add_products(stages.of[step % 2], x, y, sums);
  }
  CURIE_UNROLL
  for (int i = 0; i < kPerThread; ++i) {
    const int row = first_row + y + i * kThreadsAcross, column = first_column + 4 * x;
    if (row < shape.m && column < shape.n) store4(c + std::size_t(row) * shape.n + column, sums[i]);
  }
}

}  // namespace

void gemm_6_double_buffered(Stream stream, const GemmShape& shape, const float* a, const float* b, float* c, Scratch) {
  const unsigned tiles = blocks_for(shape.m, kTile) * blocks_for(shape.n, kTile);
  launch({.name = "gemm_6_double_buffered", .grid = tiles, .block = kBlock, .stream = stream}, double_buffered_kernel,
         shape, a, b, c);
}

}  // namespace curie::CURIE_GPU::ladder
