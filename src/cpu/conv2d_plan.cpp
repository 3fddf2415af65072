#include "cpu/conv2d_plan.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace curie {

std::size_t panel_floats(const Correlation& shape) {
  return std::size_t(ceil_div(shape.k, kMaxBlock)) * kMaxBlock * shape.r * shape.run();
}

BandPlan plan_bands(const Correlation& shape, int row_multiple) {
  // Enough tasks to keep 64 cores busy; input rows that stay in a core's second-level cache (256 KiB).
  constexpr int kTasks = 128;
  constexpr std::size_t kStripFloats = 65536;
  BandPlan plan;
  if (shape.n == 0 || shape.p < row_multiple || shape.q == 0) return plan;
  const int units = shape.p / row_multiple + (shape.p % row_multiple != 0);
  int bands = std::min(units, ceil_div(kTasks, shape.n));
  const std::size_t row_floats = std::size_t(shape.strip_columns()) * shape.c * shape.stride_h;
  if (row_floats > 0) {
    const int fitting = static_cast<int>(std::max<std::size_t>(1, kStripFloats / (row_floats * row_multiple)));
    bands = std::max(bands, ceil_div(units, fitting));
  }
  plan.rows = ceil_div(units, bands) * row_multiple;
  plan.bands = ceil_div(shape.p, plan.rows);
  if (shape.padded()) plan.strip_floats = std::size_t(shape.strip_rows(plan.rows)) * shape.strip_columns() * shape.c;
  return plan;
}

void copy_strip(const float* image, int h, int w, int c, int first_row, int rows, int first_column, int columns,
                float* strip) {
  const int begin = std::clamp(-first_column, 0, columns);               // columns left of the image
  const int end = std::max(begin, std::min(columns, w - first_column));  // first column right of it
  const std::size_t row_floats = std::size_t(columns) * c;
  for (int row = 0; row < rows; ++row, strip += row_floats) {
    const int y = first_row + row;
    if (y < 0 || y >= h || begin == end) {
      std::fill_n(strip, row_floats, 0.0f);
      continue;
    }
    const float* from = image + (std::size_t(y) * w + (first_column + begin)) * c;
    std::fill_n(strip, std::size_t(begin) * c, 0.0f);
    std::memcpy(strip + std::size_t(begin) * c, from, std::size_t(end - begin) * c * sizeof(float));
    std::fill_n(strip + std::size_t(end) * c, std::size_t(columns - end) * c, 0.0f);
  }
}

std::byte* aligned_start(std::byte* data) {
  const auto address = reinterpret_cast<std::uintptr_t>(data);
  return data + ((64 - address % 64) % 64);
}

}  // namespace curie
