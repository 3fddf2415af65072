// The geometry of pooling that every instruction set shares.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "ops/pool.h"

namespace curie {

enum class PoolKind { max, average, l2 };

// What a pooling gradient reads and writes; null where a kind does not need it.
struct PoolGradient {
  const std::uint8_t* arg_max;
  const float* x;
  const float* y;
  const float* dy;
  float* dx;
};

inline std::size_t sample_offset(const PoolShape& shape, int n) { return std::size_t(n) * shape.h * shape.w * shape.c; }
inline std::size_t output_offset(const PoolShape& shape, int n, int p, int q) {
  return ((std::size_t(n) * shape.p + p) * shape.q + q) * shape.c;
}

// The cells of one window that lie inside the image, numbered as rows and columns of the window.
struct PoolWindow {
  PoolWindow(const PoolShape& shape, int p, int q)
      : top(p * shape.stride_h - shape.pad_top),
        left(q * shape.stride_w - shape.pad_left),
        row_begin(std::max(0, -top)),
        row_end(std::min(shape.window_h, shape.h - top)),
        column_begin(std::max(0, -left)),
        column_end(std::min(shape.window_w, shape.w - left)) {}

  // Of a cell's first channel, from the start of the sample.
  std::size_t offset(const PoolShape& shape, int row, int column) const {
    return (std::size_t(top + row) * shape.w + std::size_t(left + column)) * shape.c;
  }
  // The divisor of the average.
  int cells(const PoolShape& shape) const {
    return shape.count_padding ? shape.window_h * shape.window_w : (row_end - row_begin) * (column_end - column_begin);
  }

  int top, left;
  int row_begin, row_end, column_begin, column_end;
};

}  // namespace curie
