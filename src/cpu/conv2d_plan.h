// What forward convolution, its input gradient and the fused convolution share: one correlation with explicit strides,
// how it is cut into tasks, and the layout of its scratch memory. Nothing here depends on the number of threads or on
// the instruction set.
#pragma once

#include <cstddef>

#include "ops/conv2d.h"

namespace curie {

// Upper bound of the lanes of a vector and of the filters of a block, for sizes that must hold on every target.
inline constexpr int kMaxLanes = 16;
inline constexpr int kMaxBlock = 2 * kMaxLanes;

// y[n, p, q, o] = bias[o] + sum over r, s, i of x[n, p*stride_h + r - pad_top, q*stride_w + s - pad_left, i] *
// w[o, r, s, i], x being 0 outside the image. Padding may be negative (the image is cropped) and r, s may be 0.
struct Correlation {
  int n = 0, h = 0, w = 0, c = 0;
  int k = 0, r = 0, s = 0;
  int stride_h = 1, stride_w = 1;
  int pad_top = 0, pad_left = 0;
  int p = 0, q = 0;
  // Where y[n, p, q, :] is: y_offset + n*y_image + p*y_row + q*y_pixel floats from the start.
  std::size_t y_offset = 0, y_image = 0, y_row = 0, y_pixel = 0;
  // Where w[o, r, s, i] is: w_offset + o*w_out + r*w_row + s*w_column + i*w_in floats from the start.
  std::ptrdiff_t w_offset = 0, w_out = 0, w_row = 0, w_column = 0, w_in = 0;

  int run() const { return s * c; }  // values of one filter row, contiguous in x
  std::size_t panel_floats() const;  // all filters, in blocks padded to whole vectors
  bool padded() const;               // some output reads outside the image
  int strip_rows(int output_rows) const { return (output_rows > 0 ? output_rows - 1 : 0) * stride_h + (r > 0 ? r : 1); }
  int strip_columns() const { return (q > 0 ? q - 1 : 0) * stride_w + (s > 0 ? s : 1); }
};

Correlation forward_correlation(const Conv2dShape& shape);

// The gradient in x of a convolution with stride (sh, sw) is, for each of the sh * sw residues of the position in x, a
// convolution of dy with stride 1 by every sh-th row and sw-th column of the filters, flipped. Residue (a, b); p or q
// is 0 where x has no such position.
Correlation input_gradient_correlation(const Conv2dShape& shape, int a, int b);

// Rows of output that one task computes, and tasks an image. Padded images are copied, a band at a time, into a strip
// of the worker's scratch with the zeros written out, so that the kernel knows no borders.
struct BandPlan {
  int rows = 0;   // output rows of a band
  int bands = 0;  // of an image
  std::size_t strip_floats = 0;
};
// row_multiple: bands hold whole multiples of it (the rows of a pooling window).
BandPlan plan_bands(const Correlation& shape, int row_multiple);

// Writes rows [first_row, first_row + rows) x columns [first_column, first_column + columns) of an image (h, w, c) to
// `strip`, zeros where they lie outside.
void copy_strip(const float* image, int h, int w, int c, int first_row, int rows, int first_column, int columns,
                float* strip);

// Deals out consecutive, 64-byte aligned pieces of a block of memory. With a null block it only adds up sizes, so that
// the function that counts and the function that uses the memory are the same.
class Arena {
 public:
  explicit Arena(std::byte* data) : data_(data) {}
  template <typename T>
  T* take(std::size_t count) {
    const std::size_t offset = used_;
    used_ += (count * sizeof(T) + 63) / 64 * 64;
    return data_ == nullptr ? nullptr : reinterpret_cast<T*>(data_ + offset);
  }
  std::size_t used() const { return used_; }

 private:
  std::byte* data_;
  std::size_t used_ = 0;
};

// Scratch may begin anywhere; the arena begins at the next multiple of 64.
inline constexpr std::size_t kAlignmentSlack = 64;
std::byte* aligned_start(std::byte* data);

}  // namespace curie
