// Matrix product, rung 3: shared memory. A block of 32 x 32 threads computes a tile of 32 x 32 elements. For every 32
// steps of the depth it first copies a tile of a and a tile of b to shared memory, each element once, then multiplies
// from there.
//
// What it buys: in rung 2 each element of a is fetched by the n / 32 warps of its row, and each of b by all m rows.
// Here an element that a block has fetched serves 32 of its threads: a thirty-second of the bytes from global memory.
// The price is two barriers for every tile: nobody may read a tile before all of it is written, nor overwrite it before
// everybody has read it.
#include "cuda/ladder/rungs.h"
#include "cuda/launch.cuh"

namespace curie::CURIE_GPU::ladder {
namespace {

constexpr int kTile = 32;
constexpr int kBlock = kTile * kTile;

struct Tiles {
  float a[kTile][kTile];  // row, depth
  float b[kTile][kTile];  // depth, column
};

__global__ void __launch_bounds__(kBlock) shared_tiles_kernel(GemmShape shape, const float* __restrict__ a,
                                                              const float* __restrict__ b, float* __restrict__ c) {
  Tiles& tiles = shared<Tiles>();
  const int x = static_cast<int>(threadIdx.x) % kTile, y = static_cast<int>(threadIdx.x) / kTile;
  const int tiles_across = (shape.n + kTile - 1) / kTile;
  const int row = static_cast<int>(blockIdx.x) / tiles_across * kTile + y;
  const int column = static_cast<int>(blockIdx.x) % tiles_across * kTile + x;
  float sum = 0.0f;
  for (int first = 0; first < shape.k; first += kTile) {
    // Zeros outside the matrices add nothing, so only the writing of c asks for its bounds again.
    const bool in_a = row < shape.m && first + x < shape.k, in_b = first + y < shape.k && column < shape.n;
    tiles.a[y][x] = in_a ? a[std::size_t(row) * shape.k + first + x] : 0.0f;
    tiles.b[y][x] = in_b ? b[std::size_t(first + y) * shape.n + column] : 0.0f;
    __syncthreads();
    CURIE_UNROLL
    for (int d = 0; d < kTile; ++d) sum += tiles.a[y][d] * tiles.b[d][x];
    __syncthreads();
  }
  if (row < shape.m && column < shape.n) c[std::size_t(row) * shape.n + column] = sum;
}

}  // namespace

void gemm_3_shared_tiles(Stream stream, const GemmShape& shape, const float* a, const float* b, float* c, Scratch) {
  const unsigned tiles = blocks_for(shape.m, kTile) * blocks_for(shape.n, kTile);
  launch({.name = "gemm_3_shared_tiles", .grid = tiles, .block = kBlock, .stream = stream}, shared_tiles_kernel, shape,
         a, b, c);
}

}  // namespace curie::CURIE_GPU::ladder
