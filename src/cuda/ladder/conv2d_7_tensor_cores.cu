// Convolution, rung 7: tensor cores. The tiles and their copies are rung 6's. Four warps multiply 32 pixels by 32
// filters each, by instructions that take 16 x 8 elements of the patches and 8 x 8 of the filters from the registers of
// a whole warp.
//
// What it buys: one instruction of a warp does 1024 multiplications instead of 32. And a value that has come from
// shared memory serves the whole warp, not one thread: the products read with an eighth of the wavefronts. The price is
// precision: the operands are rounded to TF32, 10 bits of mantissa; sums are float32.
//
// Both operands lie along the taps, as ldmatrix wants them: eight rows of four floats, a row from each of eight lanes.
// In the swizzled tile (swizzle.cuh) these rows share no bank.
#include "cuda/copy_async.cuh"
#include "cuda/ladder/patches.cuh"
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
constexpr int kRowsApart = kBlock / (kDepth / 4);               // of the quads that a thread copies

struct Tiles {
  SwizzledTile<kTile> patches, filters;
};
struct Stages {
  Tiles of[2];
};

// 16 rows by 8 taps, spread over the lanes as element_of_a says, rounded to TF32.
__device__ __forceinline__ void read_block(const SwizzledTile<kTile>& tile, int row, int depth, unsigned (&x)[4]) {
  const int lane = static_cast<int>(threadIdx.x) % kWarpSize;
  load_matrices(x, tile.quad(row + lane % 16, depth + lane / 16 * 4));
  CURIE_UNROLL
  for (unsigned& value : x) value = to_tf32(__uint_as_float(value));
}

__device__ __forceinline__ void add_products(const Tiles& tiles, int warp_row, int warp_column,
                                             FragmentD (&sums)[kDown][kAcross]) {
  CURIE_UNROLL
  for (int depth = 0; depth < kDepth; depth += 8) {
    FragmentA pixels[kDown];
    FragmentB filters[kAcross];
    CURIE_UNROLL
    for (int i = 0; i < kDown; ++i) read_block(tiles.patches, warp_row + 16 * i, depth, pixels[i].x);
    // Of a block of 16 filters the first eight are registers 0 and 2.
    CURIE_UNROLL
    for (int j = 0; j < kAcross; j += 2) {
      unsigned block[4];
      read_block(tiles.filters, warp_column + 8 * j, depth, block);
      filters[j] = {{block[0], block[2]}};
      filters[j + 1] = {{block[1], block[3]}};
    }
    CURIE_UNROLL
    for (int i = 0; i < kDown; ++i) {
      CURIE_UNROLL
      for (int j = 0; j < kAcross; ++j) mma_tf32(sums[i][j], pixels[i], filters[j]);
    }
  }
}

__global__ void __launch_bounds__(kBlock) tensor_cores_kernel(Conv2dShape shape, const float* __restrict__ x,
                                                              const float* __restrict__ w, float* __restrict__ y) {
  Stages& stages = shared<Stages>();
  const int warp = static_cast<int>(threadIdx.x) / kWarpSize, lane = static_cast<int>(threadIdx.x) % kWarpSize;
  const int warp_row = warp / kWarpsAcross * kWarpTile, warp_column = warp % kWarpsAcross * kWarpTile;
  const unsigned tiles_across = static_cast<unsigned>((shape.k + kTile - 1) / kTile);
  const int first_pixel = static_cast<int>(blockIdx.x / tiles_across) * kTile;
  const int first_filter = static_cast<int>(blockIdx.x % tiles_across) * kTile;
  const int row = static_cast<int>(threadIdx.x) / (kDepth / 4), tap = static_cast<int>(threadIdx.x) % (kDepth / 4) * 4;
  const Corner corners[2] = {Corner(shape, x, first_pixel + row), Corner(shape, x, first_pixel + row + kRowsApart)};
  static_assert(2 * kRowsApart == kTile);
  const auto start_copies = [&](int step) {
    Tiles& tiles = stages.of[step % 2];
    CURIE_UNROLL
    for (int i = 0; i < 2; ++i) {
      const float* value = corners[i].at(shape, step * kDepth + tap);
      copy_async_16(tiles.patches.quad(row + i * kRowsApart, tap), value, value != nullptr);
      const float* weight = weight_at(shape, w, first_filter + row + i * kRowsApart, step * kDepth + tap);
      copy_async_16(tiles.filters.quad(row + i * kRowsApart, tap), weight, weight != nullptr);
    }
  };
  const int steps = (taps_of(shape) + kDepth - 1) / kDepth;
  FragmentD sums[kDown][kAcross] = {};
  start_copies(0);
  copy_async_commit();
  for (int step = 0; step < steps; ++step) {
    copy_async_wait<0>();
    __syncthreads();
    if (step + 1 < steps) start_copies(step + 1);
    copy_async_commit();
    add_products(stages.of[step % 2], warp_row, warp_column, sums);
  }
  // A lane holds pairs of neighbouring filters, so their number is to be even.
  CURIE_UNROLL
  for (int i = 0; i < kDown; ++i) {
    CURIE_UNROLL
    for (int j = 0; j < kAcross; ++j) {
      CURIE_UNROLL
      for (int e = 0; e < 4; e += 2) {
        const Element at = element_of_d(lane, e);
        const int pixel = first_pixel + warp_row + 16 * i + at.row;
        const int filter = first_filter + warp_column + 8 * j + at.column;
        if (pixel >= pixels_of(shape) || filter >= shape.k) continue;
        *reinterpret_cast<float2*>(y + std::size_t(pixel) * shape.k + filter) =
            make_float2(sums[i][j].x[e], sums[i][j].x[e + 1]);
      }
    }
  }
}

}  // namespace

void conv2d_7_tensor_cores(Stream stream, const Conv2dShape& shape, const float* x, const float* w, float* y, Scratch) {
  const unsigned tiles = blocks_for(pixels_of(shape), kTile) * blocks_for(shape.k, kTile);
  launch({.name = "conv2d_7_tensor_cores", .grid = tiles, .block = kBlock, .stream = stream}, tensor_cores_kernel,
         shape, x, w, y);
}

}  // namespace curie::CURIE_GPU::ladder
