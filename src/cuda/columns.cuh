// Sums down the columns of a matrix (rows, channels) that lies row by row. A block of kColumnBlock threads takes
// `width` neighbouring columns, a power of two up to a warp's 32, so that its reads are of whole rows or whole sectors,
// and kColumnBlock / width rows at a time: the row slots, whose sums are added at the end in a fixed order.
#pragma once

#include "cuda/launch.cuh"

namespace curie::CURIE_GPU {

constexpr int kColumnBlock = 256;

// The columns that a block takes of `columns`: no more than there are, as far as a power of two allows.
constexpr int column_width(int columns) {
  int width = 1;
  while (width < columns && width < kWarpSize) width *= 2;
  return width;
}

constexpr unsigned column_groups(int columns) { return blocks_for(columns, column_width(columns)); }

// blockIdx.x is the group of columns. Blocks that share them (blockIdx.y) take rows in turn.
struct ColumnPlace {
  __device__ __forceinline__ explicit ColumnPlace(int width)
      : column(static_cast<int>(blockIdx.x) * width + static_cast<int>(threadIdx.x) % width),
        slot(static_cast<int>(threadIdx.x) / width),
        slots(kColumnBlock / width) {}
  __device__ __forceinline__ long long first_row() const { return static_cast<long long>(blockIdx.y) * slots + slot; }
  __device__ __forceinline__ long long row_stride() const { return static_cast<long long>(gridDim.y) * slots; }
  int column, slot, slots;
};

struct DoubleSum {
  double value;
  __device__ __forceinline__ friend DoubleSum operator+(DoubleSum a, DoubleSum b) { return {a.value + b.value}; }
};

struct TwoSums {
  double first, second;
  __device__ __forceinline__ friend TwoSums operator+(TwoSums a, TwoSums b) {
    return {a.first + b.first, a.second + b.second};
  }
};

template <typename T>
struct ColumnTile {
  T of[kColumnBlock];
};

// The sum over the slots of a column, for the threads of slot 0. Every thread of the block must call it; a second call
// needs a barrier before it, since it uses the same shared memory.
template <typename T>
__device__ __forceinline__ T sum_slots(T value, int width) {
  ColumnTile<T>& tile = shared<ColumnTile<T>>();
  const int thread = static_cast<int>(threadIdx.x);
  tile.of[thread] = value;
  for (int half = kColumnBlock / 2; half >= width; half /= 2) {
    __syncthreads();
    if (thread < half) tile.of[thread] = tile.of[thread] + tile.of[thread + half];
  }
  return tile.of[thread];
}

}  // namespace curie::CURIE_GPU
