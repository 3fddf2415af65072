// Tiles of 16 floats a row, in shared memory, without bank conflicts. Two rows fill the 32 banks. Read row by row they
// are fine; but eight threads that each read four floats at the same place of eight rows, as tensor cores want them,
// would meet on two groups of banks. So the four quads of a row change places from one pair of rows to the next.
#pragma once

#include "cuda/device.cuh"

namespace curie::CURIE_GPU::ladder {

constexpr int kSwizzledDepth = 16;

template <int kRows>
struct SwizzledTile {
  alignas(16) float cell[kRows][kSwizzledDepth];

  // Four neighbours along the depth; `depth` is a multiple of 4.
  __device__ __forceinline__ float* quad(int row, int depth) { return &cell[row][place(row, depth)]; }
  __device__ __forceinline__ const float* quad(int row, int depth) const { return &cell[row][place(row, depth)]; }

 private:
  __device__ __forceinline__ static int place(int row, int depth) { return (depth / 4 ^ row / 2 % 4) * 4; }
};

}  // namespace curie::CURIE_GPU::ladder
