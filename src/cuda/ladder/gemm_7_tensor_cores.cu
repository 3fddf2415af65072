// Matrix product, rung 7: tensor cores. The tiles and their copies are rung 6's. Four warps multiply 32 x 32 elements
// each, by instructions that take a 16 x 8 block of a and an 8 x 8 block of b from the registers of a whole warp.
//
// What it buys: one instruction of a warp does 1024 multiplications instead of 32. And a value that has come from
// shared memory serves the whole warp, not one thread: the products read with an eighth of the wavefronts. The price is
// precision: the operands are rounded to TF32, 10 bits of mantissa; sums are float32.
//
// The blocks of a come by ldmatrix, 8 rows at a time, from a tile without bank conflicts (swizzle.cuh). Those of b lie
// along the depth, element by element: rows of 64 + 8 floats put 4 depths times 8 columns on 32 different banks.
#include "cuda/copy_async.cuh"
#include "cuda/ladder/rungs.h"
#include "cuda/ladder/swizzle.cuh"
#include "cuda/launch.cuh"
#include "cuda/mma.cuh"

namespace curie::CURIE_GPU::ladder {
namespace {

constexpr int kTile = 64, kDepth = kSwizzledDepth, kWarpTile = 32;
constexpr int kWarpsAcross = kTile / kWarpTile;
constexpr int kBlock = kWarpsAcross * kWarpsAcross * kWarpSize;
constexpr int kDown = kWarpTile / 16, kAcross = kWarpTile / 8;  // fragments of a warp

struct Tiles {
  SwizzledTile<kTile> a;
  alignas(16) float b[kDepth][kTile + 8];
};
struct Stages {
  Tiles of[2];
};

__device__ __forceinline__ void start_copies(const GemmShape& shape, const float* a, const float* b, int first_row,
                                             int first_column, int first_depth, Tiles& tiles) {
  CURIE_UNROLL
  for (int i = 0; i < kTile * kDepth / 4 / kBlock; ++i) {
    const int quad = static_cast<int>(threadIdx.x) + i * kBlock;
    const int row = quad / (kDepth / 4), across = quad % (kDepth / 4) * 4;
    const bool in_a = first_row + row < shape.m && first_depth + across < shape.k;
    const std::size_t at_a = in_a ? std::size_t(first_row + row) * shape.k + first_depth + across : 0;
    copy_async_16(tiles.a.quad(row, across), a + at_a, in_a);
    const int down = quad / (kTile / 4), column = quad % (kTile / 4) * 4;
    const bool in_b = first_depth + down < shape.k && first_column + column < shape.n;
    const std::size_t at_b = in_b ? std::size_t(first_depth + down) * shape.n + first_column + column : 0;
    copy_async_16(&tiles.b[down][column], b + at_b, in_b);
  }
}

__device__ __forceinline__ void add_products(const Tiles& tiles, int warp_row, int warp_column,
                                             FragmentD (&sums)[kDown][kAcross]) {
  const int lane = static_cast<int>(threadIdx.x) % kWarpSize;
  CURIE_UNROLL
  for (int depth = 0; depth < kDepth; depth += 8) {
    FragmentA a[kDown];
    FragmentB b[kAcross];
    CURIE_UNROLL
    for (int i = 0; i < kDown; ++i) {
      load_matrices(a[i].x, tiles.a.quad(warp_row + 16 * i + lane % 16, depth + lane / 16 * 4));
      CURIE_UNROLL
      for (unsigned& x : a[i].x) x = to_tf32(__uint_as_float(x));
    }
    CURIE_UNROLL
    for (int j = 0; j < kAcross; ++j) {
      CURIE_UNROLL
      for (int e = 0; e < 2; ++e) {
        const Element at = element_of_b(lane, e);
        b[j].x[e] = to_tf32(tiles.b[depth + at.row][warp_column + 8 * j + at.column]);
      }
    }
    CURIE_UNROLL
    for (int i = 0; i < kDown; ++i) {
      CURIE_UNROLL
      for (int j = 0; j < kAcross; ++j) mma_tf32(sums[i][j], a[i], b[j]);
    }
  }
}

__global__ void __launch_bounds__(kBlock) tensor_cores_kernel(GemmShape shape, const float* __restrict__ a,
                                                              const float* __restrict__ b, float* __restrict__ c) {
  Stages& stages = shared<Stages>();
  const int warp = static_cast<int>(threadIdx.x) / kWarpSize, lane = static_cast<int>(threadIdx.x) % kWarpSize;
  const int warp_row = warp / kWarpsAcross * kWarpTile, warp_column = warp % kWarpsAcross * kWarpTile;
  const int tiles_across = (shape.n + kTile - 1) / kTile;
  const int first_row = static_cast<int>(blockIdx.x) / tiles_across * kTile;
  const int first_column = static_cast<int>(blockIdx.x) % tiles_across * kTile;
  const int steps = (shape.k + kDepth - 1) / kDepth;
  FragmentD sums[kDown][kAcross] = {};
  start_copies(shape, a, b, first_row, first_column, 0, stages.of[0]);
  copy_async_commit();
  for (int step = 0; step < steps; ++step) {
    copy_async_wait<0>();
    __syncthreads();
    if (step + 1 < steps) {
      start_copies(shape, a, b, first_row, first_column, (step + 1) * kDepth, stages.of[(step + 1) % 2]);
    }
    copy_async_commit();
    add_products(stages.of[step % 2], warp_row, warp_column, sums);
  }
  // A lane holds pairs of neighbouring columns.
  CURIE_UNROLL
  for (int i = 0; i < kDown; ++i) {
    CURIE_UNROLL
    for (int j = 0; j < kAcross; ++j) {
      CURIE_UNROLL
      for (int e = 0; e < 4; e += 2) {
        const Element at = element_of_d(lane, e);
        const int row = first_row + warp_row + 16 * i + at.row;
        const int column = first_column + warp_column + 8 * j + at.column;
        if (row >= shape.m || column >= shape.n) continue;
        *reinterpret_cast<float2*>(c + std::size_t(row) * shape.n + column) =
            make_float2(sums[i][j].x[e], sums[i][j].x[e + 1]);
      }
    }
  }
}

}  // namespace

void gemm_7_tensor_cores(Stream stream, const GemmShape& shape, const float* a, const float* b, float* c, Scratch) {
  const unsigned tiles = blocks_for(shape.m, kTile) * blocks_for(shape.n, kTile);
  launch({.name = "gemm_7_tensor_cores", .grid = tiles, .block = kBlock, .stream = stream}, tensor_cores_kernel, shape,
         a, b, c);
}

}  // namespace curie::CURIE_GPU::ladder
