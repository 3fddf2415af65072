// Matrix product, rung 4: register blocking. A thread computes 4 x 4 elements instead of one; 256 threads a tile of
// 64 x 64.
//
// What it buys: in rung 3 every multiplication reads two floats from shared memory, which delivers one request of a
// warp at a time. Here a thread reads 4 + 4 floats and multiplies each with each: 16 multiplications for 8 reads, a
// quarter of the wavefronts. The larger tile also halves the bytes from global memory.
//
// A thread's rows and columns lie 16 apart, so that the reads of neighbouring threads lie side by side.
#include "cuda/ladder/rungs.h"
#include "cuda/launch.cuh"

namespace curie::CURIE_GPU::ladder {
namespace {

constexpr int kTile = 64, kDepth = 16, kPerThread = 4;
constexpr int kThreadsAcross = kTile / kPerThread;
constexpr int kBlock = kThreadsAcross * kThreadsAcross;

struct Tiles {
  float a[kTile][kDepth];
  float b[kDepth][kTile];
};

__device__ __forceinline__ void copy_tiles(const GemmShape& shape, const float* a, const float* b, int first_row,
                                           int first_column, int first_depth, Tiles& tiles) {
  CURIE_UNROLL
  for (int i = 0; i < kTile * kDepth / kBlock; ++i) {
    const int element = static_cast<int>(threadIdx.x) + i * kBlock;
    const int row = element / kDepth, across = element % kDepth;
    const bool in_a = first_row + row < shape.m && first_depth + across < shape.k;
    tiles.a[row][across] = in_a ? a[std::size_t(first_row + row) * shape.k + first_depth + across] : 0.0f;
    const int down = element / kTile, column = element % kTile;
    const bool in_b = first_depth + down < shape.k && first_column + column < shape.n;
    tiles.b[down][column] = in_b ? b[std::size_t(first_depth + down) * shape.n + first_column + column] : 0.0f;
  }
}

__global__ void __launch_bounds__(kBlock) register_blocking_kernel(GemmShape shape, const float* __restrict__ a,
                                                                   const float* __restrict__ b, float* __restrict__ c) {
  Tiles& tiles = shared<Tiles>();
  const int x = static_cast<int>(threadIdx.x) % kThreadsAcross, y = static_cast<int>(threadIdx.x) / kThreadsAcross;
  const int tiles_across = (shape.n + kTile - 1) / kTile;
  const int first_row = static_cast<int>(blockIdx.x) / tiles_across * kTile;
  const int first_column = static_cast<int>(blockIdx.x) % tiles_across * kTile;
  float sums[kPerThread][kPerThread] = {};
  for (int first = 0; first < shape.k; first += kDepth) {
    copy_tiles(shape, a, b, first_row, first_column, first, tiles);
    __syncthreads();
    CURIE_UNROLL
    for (int d = 0; d < kDepth; ++d) {
      float rows[kPerThread], columns[kPerThread];
      CURIE_UNROLL
      for (int i = 0; i < kPerThread; ++i) {
        rows[i] = tiles.a[y + i * kThreadsAcross][d];
        columns[i] = tiles.b[d][x + i * kThreadsAcross];
      }
      CURIE_UNROLL
      for (int i = 0; i < kPerThread; ++i) {
        CURIE_UNROLL
        for (int j = 0; j < kPerThread; ++j) sums[i][j] += rows[i] * columns[j];
      }
    }
    __syncthreads();
  }
  CURIE_UNROLL
  for (int i = 0; i < kPerThread; ++i) {
    CURIE_UNROLL
    for (int j = 0; j < kPerThread; ++j) {
      const int row = first_row + y + i * kThreadsAcross, column = first_column + x + j * kThreadsAcross;
      if (row < shape.m && column < shape.n) c[std::size_t(row) * shape.n + column] = sums[i][j];
    }
  }
}

}  // namespace

void gemm_4_register_blocking(Stream stream, const GemmShape& shape, const float* a, const float* b, float* c,
                              Scratch) {
  const unsigned tiles = blocks_for(shape.m, kTile) * blocks_for(shape.n, kTile);
  launch({.name = "gemm_4_register_blocking", .grid = tiles, .block = kBlock, .stream = stream},
         register_blocking_kernel, shape, a, b, c);
}

}  // namespace curie::CURIE_GPU::ladder
