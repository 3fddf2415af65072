// Convolution, rung 4: register blocking. A thread computes 4 pixels of 4 filters instead of one of one; 256 threads a
// tile of 64 x 64.
//
// What it buys: in rung 3 every multiplication reads two floats from shared memory. Here a thread reads 4 + 4 floats
// and multiplies each with each: 16 multiplications for 8 reads, a quarter of the wavefronts. The larger tile also
// halves the bytes from global memory.
//
// Tiles are stored tap by tap, in rows of 64 + 2 floats: reads of 16 neighbours and writes of 16 taps times two rows
// both come to 32 different banks.
#include "cuda/ladder/patches.cuh"
#include "cuda/ladder/rungs.h"
#include "cuda/launch.cuh"

namespace curie::CURIE_GPU::ladder {
namespace {

constexpr int kTile = 64, kDepth = 16, kPerThread = 4;
constexpr int kThreadsAcross = kTile / kPerThread;
constexpr int kBlock = kThreadsAcross * kThreadsAcross;

struct Tiles {
  float patches[kDepth][kTile + 2];  // tap, pixel
  float filters[kDepth][kTile + 2];  // tap, filter
};

__global__ void __launch_bounds__(kBlock) register_blocking_kernel(Conv2dShape shape, const float* __restrict__ x,
                                                                   const float* __restrict__ w, float* __restrict__ y) {
  Tiles& tiles = shared<Tiles>();
  const int across = static_cast<int>(threadIdx.x) % kThreadsAcross;
  const int down = static_cast<int>(threadIdx.x) / kThreadsAcross;
  const unsigned tiles_across = static_cast<unsigned>((shape.k + kTile - 1) / kTile);
  const int first_pixel = static_cast<int>(blockIdx.x / tiles_across) * kTile;
  const int first_filter = static_cast<int>(blockIdx.x % tiles_across) * kTile;
  float sums[kPerThread][kPerThread] = {};
  for (int first = 0; first < taps_of(shape); first += kDepth) {
    // A thread copies one tap of four pixels and of four filters.
    CURIE_UNROLL
    for (int i = 0; i < kPerThread; ++i) {
      const int row = down + i * kThreadsAcross;
      const float* value = Corner(shape, x, first_pixel + row).at(shape, first + across);
      tiles.patches[across][row] = value != nullptr ? *value : 0.0f;
      const float* weight = weight_at(shape, w, first_filter + row, first + across);
      tiles.filters[across][row] = weight != nullptr ? *weight : 0.0f;
    }
    __syncthreads();
    CURIE_UNROLL
    for (int tap = 0; tap < kDepth; ++tap) {
      float pixels[kPerThread], filters[kPerThread];
      CURIE_UNROLL
      for (int i = 0; i < kPerThread; ++i) {
        pixels[i] = tiles.patches[tap][down + i * kThreadsAcross];
        filters[i] = tiles.filters[tap][across + i * kThreadsAcross];
      }
      CURIE_UNROLL
      for (int i = 0; i < kPerThread; ++i) {
        CURIE_UNROLL
        for (int j = 0; j < kPerThread; ++j) sums[i][j] += pixels[i] * filters[j];
      }
    }
    __syncthreads();
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

void conv2d_4_register_blocking(Stream stream, const Conv2dShape& shape, const float* x, const float* w, float* y,
                                Scratch) {
  const unsigned tiles = blocks_for(pixels_of(shape), kTile) * blocks_for(shape.k, kTile);
  launch({.name = "conv2d_4_register_blocking", .grid = tiles, .block = kBlock, .stream = stream},
         register_blocking_kernel, shape, x, w, y);
}

}  // namespace curie::CURIE_GPU::ladder
