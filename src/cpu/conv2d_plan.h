// What forward convolution, its input gradient and the fused convolution share: how a correlation is cut into tasks,
// and the layout of its scratch memory. Nothing here depends on the number of threads or on the instruction set.
#pragma once

#include <cstddef>

#include "ops/correlation.h"

namespace curie {

// Upper bound of the lanes of a vector and of the filters of a block, for sizes that must hold on every target.
inline constexpr int kMaxLanes = 16;
inline constexpr int kMaxBlock = 2 * kMaxLanes;

// Floats of all filters of a correlation, in blocks padded to whole vectors.
std::size_t panel_floats(const Correlation& shape);

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
