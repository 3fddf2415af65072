// Pooling over windows of an NHWC tensor.
//
//   max:     y = max over the window (padding never wins; the first maximum takes the gradient; NaN propagates)
//   average: y = sum over the window / number of cells (padding counts only with count_padding)
//   l2:      y = sqrt(sum of squares over the window);  dx = dy * x / y, 0 where y is 0
//   global average: y[n,c] = mean over h,w of x[n,h,w,c]
#pragma once

#include <compare>
#include <cstddef>

namespace curie {

struct PoolShape {
  int n = 0, h = 0, w = 0, c = 0;
  int window_h = 2, window_w = 2;  // at most 256 cells: the arg-max is stored as one byte, row * window_w + column
  int stride_h = 2, stride_w = 2;
  int pad_top = 0, pad_left = 0;
  int p = 0, q = 0;            // output rows and columns
  bool count_padding = false;  // average pooling: true as PyTorch, false as Keras

  std::size_t input_elements() const { return std::size_t(n) * h * w * c; }
  std::size_t output_elements() const { return std::size_t(n) * p * q * c; }
  auto operator<=>(const PoolShape&) const = default;
};

}  // namespace curie
