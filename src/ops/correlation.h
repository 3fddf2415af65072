// What a convolution and its input gradient have in common: both are correlations with explicit strides in memory. For
// kernels on every device; plain C++.
#pragma once

#include <cstddef>

#include "ops/conv2d.h"

namespace curie {

// Rounded up; b is positive, a may be negative.
constexpr int ceil_div(int a, int b) { return a >= 0 ? (a + b - 1) / b : -(-a / b); }

// y[n, p, q, o] = sum over r, s, i of x[n, p*stride_h + r - pad_top, q*stride_w + s - pad_left, i] * w[o, r, s, i], x
// being 0 outside the image. Padding may be negative (the image is cropped), and there may be no taps at all.
struct Correlation {
  int n = 0, h = 0, w = 0, c = 0;
  int k = 0, r = 0, s = 0;
  int stride_h = 1, stride_w = 1;
  int pad_top = 0, pad_left = 0;
  int p = 0, q = 0;
  // y[n, p, q, :] is at y_offset + n*y_image + p*y_row + q*y_pixel, w[o, r, s, i] at w_offset + o*w_out + r*w_row +
  // s*w_column + i*w_in.
  std::ptrdiff_t y_offset = 0, y_image = 0, y_row = 0, y_pixel = 0;
  std::ptrdiff_t w_offset = 0, w_out = 0, w_row = 0, w_column = 0, w_in = 0;

  constexpr int run() const { return s * c; }  // values of one filter row, contiguous in x
  constexpr int strip_rows(int output_rows) const {
    return (output_rows > 0 ? output_rows - 1 : 0) * stride_h + (r > 0 ? r : 1);
  }
  constexpr int strip_columns() const { return (q > 0 ? q - 1 : 0) * stride_w + (s > 0 ? s : 1); }
  // Some output reads outside the image.
  constexpr bool padded() const { return pad_top != 0 || pad_left != 0 || strip_rows(p) > h || strip_columns() > w; }
};

constexpr Correlation forward_correlation(const Conv2dShape& shape) {
  Correlation result;
  result.n = shape.n, result.h = shape.h, result.w = shape.w, result.c = shape.c;
  result.k = shape.k, result.r = shape.r, result.s = shape.s;
  result.stride_h = shape.stride_h, result.stride_w = shape.stride_w;
  result.pad_top = shape.pad_top, result.pad_left = shape.pad_left;
  result.p = shape.p, result.q = shape.q;
  result.y_pixel = shape.k;
  result.y_row = result.y_pixel * shape.q;
  result.y_image = result.y_row * shape.p;
  result.w_in = 1;
  result.w_column = shape.c;
  result.w_row = result.w_column * shape.s;
  result.w_out = result.w_row * shape.r;
  return result;
}

// One axis of an input gradient. With position + pad = stride * t + residue, dx[position] = sum over i < taps of
// dy[t - i] * w[residue + stride * i].
struct GradientAxis {
  int taps, first_t, first_position, positions;
};
constexpr GradientAxis gradient_axis(int residue, int filter, int stride, int pad, int extent) {
  const int first_t = ceil_div(pad - residue, stride);
  const int first = stride * first_t + residue - pad;
  return {filter > residue ? ceil_div(filter - residue, stride) : 0, first_t, first,
          extent > first ? ceil_div(extent - first, stride) : 0};
}

// The gradient in x of a convolution with stride (sh, sw) is, for each of the sh * sw residues (a, b) of the position
// in x, a correlation of dy with stride 1 by every sh-th row and sw-th column of the filters, flipped. Empty (n is 0)
// where x has no such position.
constexpr Correlation input_gradient_correlation(const Conv2dShape& shape, int a, int b) {
  const GradientAxis rows = gradient_axis(a, shape.r, shape.stride_h, shape.pad_top, shape.h);
  const GradientAxis columns = gradient_axis(b, shape.s, shape.stride_w, shape.pad_left, shape.w);
  Correlation result;
  result.h = shape.p, result.w = shape.q, result.c = shape.k;
  result.k = shape.c;
  if (rows.taps > 0 && columns.taps > 0) {
    result.r = rows.taps, result.s = columns.taps;
    result.pad_top = rows.taps - 1 - rows.first_t;
    result.pad_left = columns.taps - 1 - columns.first_t;
  }
  if (rows.positions > 0 && columns.positions > 0) {
    result.n = shape.n, result.p = rows.positions, result.q = columns.positions;
  }
  const std::ptrdiff_t x_row = std::ptrdiff_t{1} * shape.w * shape.c;
  result.y_offset = rows.first_position * x_row + std::ptrdiff_t{1} * columns.first_position * shape.c;
  result.y_image = x_row * shape.h;
  result.y_row = x_row * shape.stride_h;
  result.y_pixel = std::ptrdiff_t{1} * shape.stride_w * shape.c;
  const std::ptrdiff_t filter_row = std::ptrdiff_t{1} * shape.s * shape.c;
  result.w_out = 1;
  result.w_in = filter_row * shape.r;
  result.w_row = -filter_row * shape.stride_h;
  result.w_column = -std::ptrdiff_t{1} * shape.c * shape.stride_w;
  result.w_offset = (a + std::ptrdiff_t{1} * shape.stride_h * (rows.taps - 1)) * filter_row +
                    (b + std::ptrdiff_t{1} * shape.stride_w * (columns.taps - 1)) * shape.c;
  return result;
}

}  // namespace curie
