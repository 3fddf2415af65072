// Matrix product, rung 5: vector loads. Rung 4 with every access four floats wide: from global memory to shared memory,
// from there to registers, and for c.
//
// What it buys: a quarter of the load and store instructions, with all the work that each brings: an address, a bounds
// check, a slot in the queue of the memory unit. The bytes and the wavefronts stay as they are. A thread now takes four
// steps of the depth at a time, and four neighbouring columns.
//
// What it asks: rows of whole float4, at addresses that are multiples of 16 bytes; so n and k are multiples of 4.
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
static_assert(kTile * kDepth / 4 == kBlock, "each thread copies one float4 of each tile");

__device__ __forceinline__ void copy_tiles(const GemmShape& shape, const float* a, const float* b, int first_row,
                                           int first_column, int first_depth, Tiles& tiles) {
  const int thread = static_cast<int>(threadIdx.x);
  const float4 zeros = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
  const int row = thread / (kDepth / 4), across = thread % (kDepth / 4) * 4;
  const bool in_a = first_row + row < shape.m && first_depth + across < shape.k;
  store4(&tiles.a[row][across],
         in_a ? load4(a + std::size_t(first_row + row) * shape.k + first_depth + across) : zeros);
  const int down = thread / (kTile / 4), column = thread % (kTile / 4) * 4;
  const bool in_b = first_depth + down < shape.k && first_column + column < shape.n;
  store4(&tiles.b[down][column],
         in_b ? load4(b + std::size_t(first_depth + down) * shape.n + first_column + column) : zeros);
}

__device__ __forceinline__ void add_scaled(float4& sums, float factor, float4 values) {
  sums.x += factor * values.x, sums.y += factor * values.y;
  sums.z += factor * values.z, sums.w += factor * values.w;
}

__global__ void __launch_bounds__(kBlock) vector_loads_kernel(GemmShape shape, const float* __restrict__ a,
                                                              const float* __restrict__ b, float* __restrict__ c) {
  Tiles& tiles = shared<Tiles>();
  const int x = static_cast<int>(threadIdx.x) % kThreadsAcross, y = static_cast<int>(threadIdx.x) / kThreadsAcross;
  const int tiles_across = (shape.n + kTile - 1) / kTile;
  const int first_row = static_cast<int>(blockIdx.x) / tiles_across * kTile;
  const int first_column = static_cast<int>(blockIdx.x) % tiles_across * kTile;
  float4 sums[kPerThread] = {};  // of a row each
  for (int first = 0; first < shape.k; first += kDepth) {
    copy_tiles(shape, a, b, first_row, first_column, first, tiles);
    __syncthreads();
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
    __syncthreads();
  }
  CURIE_UNROLL
  for (int i = 0; i < kPerThread; ++i) {
    const int row = first_row + y + i * kThreadsAcross, column = first_column + 4 * x;
    if (row < shape.m && column < shape.n) store4(c + std::size_t(row) * shape.n + column, sums[i]);
  }
}

}  // namespace

void gemm_5_vector_loads(Stream stream, const GemmShape& shape, const float* a, const float* b, float* c, Scratch) {
  const unsigned tiles = blocks_for(shape.m, kTile) * blocks_for(shape.n, kTile);
  launch({.name = "gemm_5_vector_loads", .grid = tiles, .block = kBlock, .stream = stream}, vector_loads_kernel, shape,
         a, b, c);
}

}  // namespace curie::CURIE_GPU::ladder
