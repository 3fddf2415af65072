// Convolution, rung 6: double buffering with cp.async. There are two pairs of tiles. While a block multiplies from one
// pair, the other is on its way: cp.async copies from global to shared memory by itself, past the registers, and writes
// zeros where a patch hangs over the image's edge.
//
// What it buys: the next tiles are asked for before the multiplication starts and waited for after it, so that the
// arithmetic hides their latency. And as nobody writes to the pair that is being read, one barrier a step is enough,
// where there were two.
#include "cuda/copy_async.cuh"
#include "cuda/ladder/patches.cuh"
#include "cuda/ladder/rungs.h"
#include "cuda/ladder/swizzle.cuh"
#include "cuda/launch.cuh"
#include "cuda/vec.cuh"

namespace curie::CURIE_GPU::ladder {
namespace {

constexpr int kTile = 64, kDepth = kSwizzledDepth, kPerThread = 4;
constexpr int kThreadsAcross = kTile / kPerThread;
constexpr int kBlock = kThreadsAcross * kThreadsAcross;
[[maybe_unused]] constexpr int kResident = 2;  // blocks of a multiprocessor, at least: leaves a thread 128 registers

struct Tiles {
  SwizzledTile<kTile> patches, filters;
};
struct Stages {
  Tiles of[2];
};
static_assert(kTile * kDepth / 4 == kBlock, "each thread copies one float4 of each tile");

__device__ __forceinline__ float dot(float4 a, float4 b, float sum) {
  return sum + a.x * b.x + a.y * b.y + a.z * b.z + a.w * b.w;
}

__device__ __forceinline__ void add_products(const Tiles& tiles, int across, int down,
                                             float (&sums)[kPerThread][kPerThread]) {
  CURIE_UNROLL
  for (int d = 0; d < kDepth; d += 4) {
    float4 pixels[kPerThread], filters[kPerThread];
    CURIE_UNROLL
    for (int i = 0; i < kPerThread; ++i) {
      pixels[i] = load4(tiles.patches.quad(down + i * kThreadsAcross, d));
      filters[i] = load4(tiles.filters.quad(across + i * kThreadsAcross, d));
    }
    CURIE_UNROLL
    for (int i = 0; i < kPerThread; ++i) {
      CURIE_UNROLL
      for (int j = 0; j < kPerThread; ++j) sums[i][j] = dot(pixels[i], filters[j], sums[i][j]);
    }
  }
}

__global__ void __launch_bounds__(kBlock, kResident)
    double_buffered_kernel(Conv2dShape shape, const float* __restrict__ x, const float* __restrict__ w,
                           float* __restrict__ y) {
  Stages& stages = shared<Stages>();
  const int across = static_cast<int>(threadIdx.x) % kThreadsAcross;
  const int down = static_cast<int>(threadIdx.x) / kThreadsAcross;
  const unsigned tiles_across = static_cast<unsigned>((shape.k + kTile - 1) / kTile);
  const int first_pixel = static_cast<int>(blockIdx.x / tiles_across) * kTile;
  const int first_filter = static_cast<int>(blockIdx.x % tiles_across) * kTile;
  const int row = static_cast<int>(threadIdx.x) / (kDepth / 4), tap = static_cast<int>(threadIdx.x) % (kDepth / 4) * 4;
  const Corner corner(shape, x, first_pixel + row);
  const auto start_copies = [&](int step) {
    Tiles& tiles = stages.of[step % 2];
    const float* value = corner.at(shape, step * kDepth + tap);
    copy_async_16(tiles.patches.quad(row, tap), value, value != nullptr);
    const float* weight = weight_at(shape, w, first_filter + row, step * kDepth + tap);
    copy_async_16(tiles.filters.quad(row, tap), weight, weight != nullptr);
  };
  const int steps = (taps_of(shape) + kDepth - 1) / kDepth;
  float sums[kPerThread][kPerThread] = {};
  start_copies(0);
  copy_async_commit();
  for (int step = 0; step < steps; ++step) {
    // Each thread waits for its own copies; the barrier makes them everybody's, and tells that all have done with the
    // other stage.
    copy_async_wait<0>();
    __syncthreads();
    if (step + 1 < steps) start_copies(step + 1);
    copy_async_commit();
    add_products(stages.of[step % 2], across, down, sums);
  }
  CURIE_UNROLL
  for (int i = 0; i < kPerThread; ++i) {
    CURIE_UNROLL
    for (int j = 0; j < kPerThread; ++j) {
      const int pixel = first_pixel + down + i * kThreadsAcross;
      const int filter = first_filter + across + j * kThreadsAcross;
      if (pixel < pixels_of(shape) && filter < shape.k) y[std::size_t(pixel) * shape.k + filter] = sums[i][j];
    }
  }
}

}  // namespace

void conv2d_6_double_buffered(Stream stream, const Conv2dShape& shape, const float* x, const float* w, float* y,
                              Scratch) {
  const unsigned tiles = blocks_for(pixels_of(shape), kTile) * blocks_for(shape.k, kTile);
  launch({.name = "conv2d_6_double_buffered", .grid = tiles, .block = kBlock, .stream = stream}, double_buffered_kernel,
         shape, x, w, y);
}

}  // namespace curie::CURIE_GPU::ladder
