// Convolution, rung 3: shared memory. Seen as a matrix product (patches.cuh) a convolution can be tiled like one: a
// block of 32 x 32 threads computes 32 pixels of 32 filters, and copies, for 32 taps at a time, the patches and the
// weights that these need to shared memory.
//
// What it buys: an element that a block has fetched serves 32 of its threads: about a thirtieth of the bytes from
// global memory. The matrix of patches is r*s times as large as x, and never written: only the addresses are computed.
//
// Threads read weights of 32 filters at the same tap; rows of 32 + 1 floats put them on 32 different banks.
#include "cuda/ladder/patches.cuh"
#include "cuda/ladder/rungs.h"
#include "cuda/launch.cuh"

namespace curie::CURIE_GPU::ladder {
namespace {

constexpr int kTile = 32;
constexpr int kBlock = kTile * kTile;

struct Tiles {
  float patches[kTile][kTile];      // pixel, tap
  float filters[kTile][kTile + 1];  // filter, tap
};

__global__ void __launch_bounds__(kBlock) shared_tiles_kernel(Conv2dShape shape, const float* __restrict__ x,
                                                              const float* __restrict__ w, float* __restrict__ y) {
  Tiles& tiles = shared<Tiles>();
  const int across = static_cast<int>(threadIdx.x) % kTile, down = static_cast<int>(threadIdx.x) / kTile;
  const unsigned tiles_across = static_cast<unsigned>((shape.k + kTile - 1) / kTile);
  const int pixel = static_cast<int>(blockIdx.x / tiles_across) * kTile + down;
  const int first_filter = static_cast<int>(blockIdx.x % tiles_across) * kTile;
  const Corner corner(shape, x, pixel);
  float sum = 0.0f;
  for (int first = 0; first < taps_of(shape); first += kTile) {
    const float* value = corner.at(shape, first + across);
    tiles.patches[down][across] = value != nullptr ? *value : 0.0f;
    const float* weight = weight_at(shape, w, first_filter + down, first + across);
    tiles.filters[down][across] = weight != nullptr ? *weight : 0.0f;
    __syncthreads();
    CURIE_UNROLL
    for (int tap = 0; tap < kTile; ++tap) sum += tiles.patches[down][tap] * tiles.filters[across][tap];
    __syncthreads();
  }
  const int filter = first_filter + across;
  if (pixel < pixels_of(shape) && filter < shape.k) y[std::size_t(pixel) * shape.k + filter] = sum;
}

}  // namespace

void conv2d_3_shared_tiles(Stream stream, const Conv2dShape& shape, const float* x, const float* w, float* y, Scratch) {
  const unsigned tiles = blocks_for(pixels_of(shape), kTile) * blocks_for(shape.k, kTile);
  launch({.name = "conv2d_3_shared_tiles", .grid = tiles, .block = kBlock, .stream = stream}, shared_tiles_kernel,
         shape, x, w, y);
}

}  // namespace curie::CURIE_GPU::ladder
