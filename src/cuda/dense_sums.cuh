// The second pass of sums that were cut into slices, and sums over the rows of a matrix. Both run in a fixed order.
#pragma once

#include "cuda/launch.cuh"

namespace curie::CURIE_GPU {
namespace {

constexpr int kSumBlock = 256;

// y[i] = activation(bias[i % columns] + sum over slices of parts[slice * count + i])
__global__ void __launch_bounds__(kSumBlock)
    sum_slices_kernel(std::size_t count, int slices, const float* __restrict__ parts, int columns,
                      const float* __restrict__ bias, bool relu, float* __restrict__ y) {
  const std::size_t i = std::size_t{blockIdx.x} * kSumBlock + threadIdx.x;
  if (i >= count) return;
  float sum = parts[i];
  for (int slice = 1; slice < slices; ++slice) sum += parts[slice * count + i];
  if (bias != nullptr) sum += bias[i % static_cast<std::size_t>(columns)];
  y[i] = relu && sum < 0.0f ? 0.0f : sum;
}

inline void sum_slices(Stream stream, std::size_t count, int slices, const float* parts, float* y, int columns = 1,
                       const float* bias = nullptr, bool relu = false) {
  launch({.name = "sum_slices", .grid = blocks_for(count, kSumBlock), .block = kSumBlock, .stream = stream},
         sum_slices_kernel, count, slices, parts, columns, bias, relu, y);
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

}  // namespace
}  // namespace curie::CURIE_GPU
