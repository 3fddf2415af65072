// Convolution, rung 5: vector loads. Rung 4 with reads four floats wide, from global memory and from shared memory.
// Four neighbouring channels are four neighbouring taps, so tiles are stored along the taps.
//
// What it buys: about a quarter of the load instructions, and with each an address computed from a tap: divisions by c
// and s, which cost more than the load. The bytes and the wavefronts stay as they are.
//
// What it asks: channels in fours, at addresses that are multiples of 16 bytes.
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
static_assert(kTile * kDepth / 4 == kBlock, "each thread copies one float4 of each tile");

__device__ __forceinline__ float4 load4_or_zeros(const float* address) {
  return address != nullptr ? load4(address) : make_float4(0.0f, 0.0f, 0.0f, 0.0f);
}

__device__ __forceinline__ float dot(float4 a, float4 b, float sum) {
  return sum + a.x * b.x + a.y * b.y + a.z * b.z + a.w * b.w;
}

__global__ void __launch_bounds__(kBlock, kResident)
    vector_loads_kernel(Conv2dShape shape, const float* __restrict__ x, const float* __restrict__ w,
                        float* __restrict__ y) {
  Tiles& tiles = shared<Tiles>();
  const int across = static_cast<int>(threadIdx.x) % kThreadsAcross;
  const int down = static_cast<int>(threadIdx.x) / kThreadsAcross;
  const unsigned tiles_across = static_cast<unsigned>((shape.k + kTile - 1) / kTile);
  const int first_pixel = static_cast<int>(blockIdx.x / tiles_across) * kTile;
  const int first_filter = static_cast<int>(blockIdx.x % tiles_across) * kTile;
  const int row = static_cast<int>(threadIdx.x) / (kDepth / 4), tap = static_cast<int>(threadIdx.x) % (kDepth / 4) * 4;
  const Corner corner(shape, x, first_pixel + row);
  float sums[kPerThread][kPerThread] = {};
  for (int first = 0; first < taps_of(shape); first += kDepth) {
    store4(tiles.patches.quad(row, tap), load4_or_zeros(corner.at(shape, first + tap)));
    store4(tiles.filters.quad(row, tap), load4_or_zeros(weight_at(shape, w, first_filter + row, first + tap)));
    __syncthreads();
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

void conv2d_5_vector_loads(Stream stream, const Conv2dShape& shape, const float* x, const float* w, float* y, Scratch) {
  const unsigned tiles = blocks_for(pixels_of(shape), kTile) * blocks_for(shape.k, kTile);
  launch({.name = "conv2d_5_vector_loads", .grid = tiles, .block = kBlock, .stream = stream}, vector_loads_kernel,
         shape, x, w, y);
}

}  // namespace curie::CURIE_GPU::ladder
