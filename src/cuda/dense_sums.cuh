// The second pass of sums that were cut into slices, and sums over the rows of a matrix. Both run in a fixed order.
#pragma once

#include <type_traits>

#include "cuda/launch.cuh"
#include "cuda/vec.cuh"

namespace curie::CURIE_GPU {
namespace {

constexpr int kSumBlock = 256;

// y[i] = activation(bias[i % columns] + sum over slices of parts[slice * count + i])
template <typename T>
__global__ void __launch_bounds__(kSumBlock)
    sum_slices_kernel(std::size_t count, int slices, const float* __restrict__ parts, int columns,
                      const float* __restrict__ bias, bool relu, T* __restrict__ y) {
  const std::size_t i = std::size_t{blockIdx.x} * kSumBlock + threadIdx.x;
  if (i >= count) return;
  float sum = parts[i];
  for (int slice = 1; slice < slices; ++slice) sum += parts[slice * count + i];
  if (bias != nullptr) sum += bias[i % static_cast<std::size_t>(columns)];
  y[i] = rounded<T>(relu && sum < 0.0f ? 0.0f : sum);
}

constexpr int kSumColumns = 32, kSumRows = kSumBlock / kSumColumns;

struct ColumnPartials {
  float of_row[kSumRows][kSumColumns];
};

// y[column] = sum over rows of source(row, column). blockIdx.y: a slice of the rows, with a result row of its own.
template <typename Source>
__global__ void __launch_bounds__(kSumBlock)
    sum_columns_kernel(Source source, std::size_t rows, std::size_t rows_per_slice, std::size_t columns,
                       float* __restrict__ y) {
  auto& partials = shared<ColumnPartials>();
  const unsigned x = threadIdx.x % kSumColumns, row_of_block = threadIdx.x / kSumColumns;
  const std::size_t column = std::size_t{blockIdx.x} * kSumColumns + x;
  const std::size_t begin = blockIdx.y * rows_per_slice;
  const std::size_t end = begin + rows_per_slice < rows ? begin + rows_per_slice : rows;
  float sum = 0.0f;
  if (column < columns) {
    for (std::size_t row = begin + row_of_block; row < end; row += kSumRows) sum += source(row, column);
  }
  partials.of_row[row_of_block][x] = sum;
  __syncthreads();
  if (row_of_block == 0 && column < columns) {
    for (int row = 1; row < kSumRows; ++row) sum += partials.of_row[row][x];
    y[blockIdx.y * columns + column] = sum;
  }
}

template <typename Source>
void sum_columns(Stream stream, const Source& source, std::size_t rows, std::size_t columns, int slices, float* y) {
  const std::size_t per_slice = (rows + static_cast<std::size_t>(slices) - 1) / static_cast<std::size_t>(slices);
  launch({.name = "sum_columns",
          .grid = dim3(blocks_for(columns, kSumColumns), static_cast<unsigned>(slices)),
          .block = kSumBlock,
          .stream = stream},
         sum_columns_kernel<Source>, source, rows, per_slice, columns, y);
}

template <typename T>
struct Elements {
  const T* values;
  std::size_t columns;
  __device__ __forceinline__ float operator()(std::size_t row, std::size_t column) const {
    return value_of(values[row * columns + column]);
  }
};

// Many slices are added by several threads an element, so that their reads do not wait for each other.
template <typename T>
void sum_slices(Stream stream, std::size_t count, int slices, const float* parts, T* y, int columns = 1,
                const float* bias = nullptr, bool relu = false) {
  if constexpr (std::is_same_v<T, float>) {
    if (slices >= 2 * kSumRows && bias == nullptr && !relu) {
      sum_columns(stream, Elements<float>{parts, count}, static_cast<std::size_t>(slices), count, 1, y);
      return;
    }
  }
  launch({.name = "sum_slices", .grid = blocks_for(count, kSumBlock), .block = kSumBlock, .stream = stream},
         sum_slices_kernel<T>, count, slices, parts, columns, bias, relu, y);
}

}  // namespace
}  // namespace curie::CURIE_GPU
