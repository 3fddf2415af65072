// Sums down the columns of a matrix (rows, channels) that lies row by row. A block of kColumnBlock threads takes
// `width` neighbouring columns, a power of two up to a warp's 32, so that its reads are of whole rows or whole sectors,
// and kColumnBlock / width rows at a time: the row slots, whose sums are added at the end in a fixed order.
#pragma once

#include "cuda/floats.cuh"

namespace curie::CURIE_GPU {

constexpr int kColumnBlock = 256;

// The columns that a block takes of `columns`: no more than there are, as far as a power of two allows.
constexpr int column_width(int columns, int most = kWarpSize) {
  int width = 1;
  while (width < columns && width < most) width *= 2;
  return width;
}

constexpr unsigned column_groups(int columns, int width) { return blocks_for(columns, width); }

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

// --- a thread's rows -------------------------------------------------------------------------------------------------

template <int Rows>
__device__ __forceinline__ float sum_by_pairs(float (&part)[Rows]) {
  CURIE_UNROLL
  for (int half = Rows / 2; half > 0; half /= 2) {
    CURIE_UNROLL
    for (int k = 0; k < half; ++k) part[k] += part[k + half];
  }
  return part[0];
}

// `Width` neighbouring elements: in one access, or one by one, whatever the address.
template <int Width, bool kWide, typename T>
__device__ __forceinline__ Floats<Width> load_any(const T* address) {
  if constexpr (kWide) {
    return load<Width>(address);
  } else {
    Floats<Width> values;
    CURIE_UNROLL
    for (int i = 0; i < Width; ++i) values.of[i] = value_of(address[i]);
    return values;
  }
}

// Neighbouring channels of `Rows` rows that lie `step` elements apart. Those from `some` on are 0.
template <int Width, int Rows, bool kWide>
struct Group {
  template <typename T>
  __device__ __forceinline__ Group(const T* address, std::size_t step, int some) {
    CURIE_UNROLL
    for (int k = 0; k < Rows; ++k) row[k] = k < some ? load_any<Width, kWide>(address + k * step) : Floats<Width>{};
  }
  Floats<Width> row[Rows];
};

// Calls take(offset of the first element, rows) for a thread's rows of a block, a group of `Rows` at a time, fewer in
// the last. The count of a whole group is known to the compiler.
template <int Rows, typename Take>
__device__ __forceinline__ void for_groups(const ColumnPlace& at, int rows, int channels, const Take& take) {
  const long long stride = at.row_stride(), group = stride * Rows;
  long long row = at.first_row();
  for (; row + group - stride < rows; row += group) take(static_cast<std::size_t>(row) * channels, Rows);
  if (row < rows) take(static_cast<std::size_t>(row) * channels, static_cast<int>((rows - row + stride - 1) / stride));
}

// --- sums over the slots ---------------------------------------------------------------------------------------------

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

template <typename T, int N>
struct ColumnTile {
  T of[N][kColumnBlock];
};

// Each of N sums over the slots of a column, for the threads of slot 0. Every thread of the block must call it; a
// second call needs a barrier before it, since it uses the same shared memory.
template <typename T, int N>
__device__ __forceinline__ void sum_slots(T (&values)[N], int width) {
  ColumnTile<T, N>& tile = shared<ColumnTile<T, N>>();
  const int thread = static_cast<int>(threadIdx.x);
  CURIE_UNROLL
  for (int i = 0; i < N; ++i) tile.of[i][thread] = values[i];
  for (int half = kColumnBlock / 2; half >= width; half /= 2) {
    __syncthreads();
    if (thread >= half) continue;
    CURIE_UNROLL
    for (int i = 0; i < N; ++i) tile.of[i][thread] = tile.of[i][thread] + tile.of[i][thread + half];
  }
  CURIE_UNROLL
  for (int i = 0; i < N; ++i) values[i] = tile.of[i][thread];
}

template <typename T>
__device__ __forceinline__ T sum_slots(T value, int width) {
  T values[1] = {value};
  sum_slots(values, width);
  return values[0];
}

}  // namespace curie::CURIE_GPU
