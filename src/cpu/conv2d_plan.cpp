#include "cpu/conv2d_plan.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace curie {
namespace {

int ceil_div(int a, int b) { return a >= 0 ? (a + b - 1) / b : -(-a / b); }

}  // namespace

std::size_t Correlation::panel_floats() const { return std::size_t(ceil_div(k, kMaxBlock)) * kMaxBlock * r * run(); }

bool Correlation::padded() const { return pad_top != 0 || pad_left != 0 || strip_rows(p) > h || strip_columns() > w; }

Correlation forward_correlation(const Conv2dShape& shape) {
  Correlation result;
  result.n = shape.n, result.h = shape.h, result.w = shape.w, result.c = shape.c;
  result.k = shape.k, result.r = shape.r, result.s = shape.s;
  result.stride_h = shape.stride_h, result.stride_w = shape.stride_w;
  result.pad_top = shape.pad_top, result.pad_left = shape.pad_left;
  result.p = shape.p, result.q = shape.q;
  result.y_pixel = shape.k;
  result.y_row = std::size_t(shape.q) * shape.k;
  result.y_image = result.y_row * shape.p;
  result.w_in = 1;
  result.w_column = shape.c;
  result.w_row = std::ptrdiff_t(shape.s) * shape.c;
  result.w_out = result.w_row * shape.r;
  return result;
}

Correlation input_gradient_correlation(const Conv2dShape& shape, int a, int b) {
  // With position + pad = stride * t + a: dx[position] = sum over i of dy[t - i] * w[a + stride * i], i < taps.
  struct Axis {
    int taps, first_t, first_position, count;
    Axis(int residue, int filter, int stride, int pad, int extent) {
      taps = std::max(0, ceil_div(filter - residue, stride));
      first_t = ceil_div(pad - residue, stride);
      first_position = stride * first_t + residue - pad;
      count = std::max(0, ceil_div(extent - first_position, stride));
    }
  };
  const Axis rows(a, shape.r, shape.stride_h, shape.pad_top, shape.h);
  const Axis columns(b, shape.s, shape.stride_w, shape.pad_left, shape.w);
  Correlation result;
  result.n = shape.n, result.h = shape.p, result.w = shape.q, result.c = shape.k;
  result.k = shape.c;
  const bool any = rows.taps > 0 && columns.taps > 0;
  result.r = any ? rows.taps : 0, result.s = any ? columns.taps : 0;
  result.pad_top = any ? rows.taps - 1 - rows.first_t : 0;
  result.pad_left = any ? columns.taps - 1 - columns.first_t : 0;
  result.p = rows.count, result.q = columns.count;
  const std::size_t x_row = std::size_t(shape.w) * shape.c;
  result.y_offset = rows.first_position * x_row + std::size_t(columns.first_position) * shape.c;
  result.y_image = x_row * shape.h;
  result.y_row = x_row * shape.stride_h;
  result.y_pixel = std::size_t(shape.stride_w) * shape.c;
  const std::ptrdiff_t filter_row = std::ptrdiff_t(shape.s) * shape.c;
  result.w_out = 1;
  result.w_in = filter_row * shape.r;
  result.w_row = -filter_row * shape.stride_h;
  result.w_column = -std::ptrdiff_t(shape.c) * shape.stride_w;
  result.w_offset = (a + std::ptrdiff_t(shape.stride_h) * (rows.taps - 1)) * filter_row +
                    (b + std::ptrdiff_t(shape.stride_w) * (columns.taps - 1)) * shape.c;
  return result;
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
