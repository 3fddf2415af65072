// The operands of a convolution's matrix products, gathered from images as they are read: the matrix of patches (what
// im2col would write out) exists only as addresses. Each operand hands every thread of a block, in turn, the addresses
// of the elements that it is to bring to shared memory.
#pragma once

#include "cuda/conv2d_plan.h"
#include "cuda/device.cuh"

namespace curie::CURIE_GPU {

// A flat index as a number of three digits: an image's pixel (n, p, q) or a filter's tap (r, s, channel).
struct Position {
  int high, middle, low;
};
struct Radix {
  int middle, low;  // values of these digits
};
template <typename Index>
__host__ __device__ constexpr Position position_of(Index index, Radix radix) {
  const auto low = static_cast<Index>(radix.low), middle = static_cast<Index>(radix.middle);
  return {static_cast<int>(index / low / middle), static_cast<int>(index / low % middle),
          static_cast<int>(index % low)};
}
// Addition digit by digit: no division where the same step is added again and again.
__device__ __forceinline__ void advance(Position& at, const Position& step, Radix radix) {
  at.low += step.low;
  if (at.low >= radix.low) at.low -= radix.low, ++at.middle;
  at.middle += step.middle;
  if (at.middle >= radix.middle) at.middle -= radix.middle, ++at.high;
  at.high += step.high;
}
__device__ __forceinline__ Position plus(Position at, int count, Radix radix) {
  at.low += count;
  at.middle += at.low / radix.low;
  at.low %= radix.low;
  at.high += at.middle / radix.middle;
  at.middle %= radix.middle;
  return at;
}

__device__ __forceinline__ Radix pixel_radix(const Correlation& c) { return {max(c.p, 1), max(c.q, 1)}; }
__device__ __forceinline__ Radix tap_radix(const Correlation& c) { return {max(c.s, 1), c.c}; }

// How `kThreads` threads share the bringing of a tile of kRows x kDepth. Each brings kVector neighbours at a time,
// along the depth or along the rows, whichever memory is contiguous in, and goes on with the next in kPasses passes.
template <int kRows_, int kDepth_, int kThreads, int kVector_, bool kAlongDepth_>
struct Share {
  static constexpr int kRows = kRows_, kDepth = kDepth_, kVector = kVector_;
  static constexpr bool kAlongDepth = kAlongDepth_;
  static constexpr int kAcross = (kAlongDepth ? kDepth : kRows) / kVector;
  static constexpr int kLines = kAlongDepth ? kRows : kDepth;
  static_assert(kThreads % kAcross == 0, "a thread keeps its place across the lines of a tile");
  static constexpr int kLinesAPass = kThreads / kAcross < kLines ? kThreads / kAcross : kLines;
  static constexpr int kPasses = kLines / kLinesAPass;
  static_assert(kLines % kLinesAPass == 0);

  __device__ __forceinline__ static int across() { return static_cast<int>(threadIdx.x) % kAcross * kVector; }
  __device__ __forceinline__ static int line(int pass) {
    return static_cast<int>(threadIdx.x) / kAcross + pass * kLinesAPass;
  }
  // A tile may be too small for the block: the last threads then bring nothing.
  __device__ __forceinline__ static bool takes() {
    return kThreads / kAcross <= kLines || static_cast<int>(threadIdx.x) / kAcross < kLines;
  }
  __device__ __forceinline__ static int row(int pass) { return kAlongDepth ? line(pass) : across(); }
  __device__ __forceinline__ static int depth(int pass) { return kAlongDepth ? across() : line(pass); }
};

// take(pass) gives the address of this thread's elements of the next tile, null where they are zeros. Passes are asked
// for in order, 0 to kPasses - 1; then the next tile follows. T is what memory holds, float or Bf16.

// Patches of the image: rows are pixels of the output, the depth is the taps from `first_tap` on.
template <typename ShareType, typename T>
class PatchRows {
 public:
  using Part = ShareType;
  using Element = T;
  static_assert(Part::kAlongDepth, "channels are contiguous");

  __device__ __forceinline__ PatchRows(const Correlation& c, const T* x, Position first_pixel, int first_tap = 0)
      : c_(c),
        tap_(position_of(static_cast<unsigned>(first_tap + Part::across()), tap_radix(c))),
        step_(position_of(static_cast<unsigned>(Part::kDepth), tap_radix(c))) {
    CURIE_UNROLL
    for (int pass = 0; pass < Part::kPasses; ++pass) {
      const Position pixel = plus(first_pixel, Part::line(pass), pixel_radix(c));
      image_[pass] = x + std::size_t{1} * (pixel.high < c.n ? pixel.high : 0) * c.h * c.w * c.c;
      // A pixel that is not there lies far outside its image.
      top_[pass] = pixel.high < c.n ? pixel.middle * c.stride_h - c.pad_top : -0x40000000;
      left_[pass] = pixel.low * c.stride_w - c.pad_left;
    }
  }

  __device__ __forceinline__ const T* take(int pass) {
    const int row = top_[pass] + tap_.high, column = left_[pass] + tap_.middle;
    const bool inside = tap_.high < c_.r && row >= 0 && row < c_.h && column >= 0 && column < c_.w;
    const std::ptrdiff_t offset = (static_cast<std::ptrdiff_t>(row) * c_.w + column) * c_.c + tap_.low;
    if (pass == Part::kPasses - 1) advance(tap_, step_, tap_radix(c_));
    return inside ? image_[pass] + offset : nullptr;
  }

 private:
  const Correlation& c_;
  Position tap_, step_;
  const T* image_[Part::kPasses];
  int top_[Part::kPasses], left_[Part::kPasses];
};

// Filters: rows are the outputs o, the depth is the taps from `first_tap` on. Contiguous along the depth in the forward
// direction, along the rows in the input gradient.
template <typename ShareType, typename T>
class FilterRows {
 public:
  using Part = ShareType;
  using Element = T;

  __device__ __forceinline__ FilterRows(const Correlation& c, const T* w, int first_filter, int first_tap = 0)
      : c_(c),
        w_(w),
        filter_(first_filter + Part::row(0)),
        tap_(position_of(static_cast<unsigned>(first_tap + Part::depth(0)), tap_radix(c))),
        step_(position_of(static_cast<unsigned>(Part::kAlongDepth ? Part::kDepth : Part::kLinesAPass), tap_radix(c))) {}

  __device__ __forceinline__ const T* take(int pass) {
    const int filter = Part::kAlongDepth ? filter_ + pass * Part::kLinesAPass : filter_;
    const bool inside = tap_.high < c_.r && filter < c_.k;
    const std::ptrdiff_t offset =
        c_.w_offset + filter * c_.w_out + tap_.high * c_.w_row + tap_.middle * c_.w_column + tap_.low * c_.w_in;
    if (!Part::kAlongDepth || pass == Part::kPasses - 1) advance(tap_, step_, tap_radix(c_));
    return inside ? w_ + offset : nullptr;
  }

 private:
  const Correlation& c_;
  const T* w_;
  int filter_;
  Position tap_, step_;
};

// The output's gradient: rows are filters, the depth is the pixels from `first` to `end`.
template <typename ShareType, typename T>
class GradientRows {
 public:
  using Part = ShareType;
  using Element = T;
  static_assert(!Part::kAlongDepth, "filters are contiguous");

  __device__ __forceinline__ GradientRows(const Correlation& c, const T* dy, int first_filter, std::size_t first,
                                          std::size_t end)
      : dy_(dy),
        filters_(c.k),
        filter_(first_filter + Part::across()),
        pixel_(first + static_cast<std::size_t>(Part::line(0))),
        end_(end) {}

  __device__ __forceinline__ const T* take(int) {
    const bool inside = pixel_ < end_ && filter_ < filters_;
    const std::size_t offset = pixel_ * static_cast<std::size_t>(filters_) + static_cast<std::size_t>(filter_);
    pixel_ += Part::kLinesAPass;
    return inside ? dy_ + offset : nullptr;
  }

 private:
  const T* dy_;
  int filters_, filter_;
  std::size_t pixel_, end_;
};

// Patches of the image, transposed: rows are taps, the depth is the pixels from `first` to `end`.
template <typename ShareType, typename T>
class TapRows {
 public:
  using Part = ShareType;
  using Element = T;
  static_assert(!Part::kAlongDepth, "channels are contiguous");

  __device__ __forceinline__ TapRows(const Correlation& c, const T* x, int first_tap, std::size_t first,
                                     std::size_t end)
      : c_(c),
        x_(x),
        tap_(position_of(static_cast<unsigned>(first_tap + Part::across()), tap_radix(c))),
        pixel_(plus(position_of(first, pixel_radix(c)), Part::line(0), pixel_radix(c))),
        step_(position_of(static_cast<unsigned>(Part::kLinesAPass), pixel_radix(c))),
        index_(first + static_cast<std::size_t>(Part::line(0))),
        end_(end) {}

  __device__ __forceinline__ const T* take(int) {
    const int row = pixel_.middle * c_.stride_h - c_.pad_top + tap_.high;
    const int column = pixel_.low * c_.stride_w - c_.pad_left + tap_.middle;
    const bool inside = index_ < end_ && tap_.high < c_.r && row >= 0 && row < c_.h && column >= 0 && column < c_.w;
    const std::ptrdiff_t line = static_cast<std::ptrdiff_t>(pixel_.high) * c_.h + row;
    const std::ptrdiff_t offset = (line * c_.w + column) * c_.c + tap_.low;
    advance(pixel_, step_, pixel_radix(c_));
    index_ += Part::kLinesAPass;
    return inside ? x_ + offset : nullptr;
  }

 private:
  const Correlation& c_;
  const T* x_;
  Position tap_, pixel_, step_;
  std::size_t index_, end_;
};

// The part of a weight gradient that block `block` computes: a tile of dw (k, r*s*c), summed over some of the pixels.
// Tiles come first, taps fastest, then the parts that the pixels are cut into.
struct WeightTile {
  int first_filter, first_tap;
  std::size_t part, first_pixel, end_pixel;

  __device__ __forceinline__ int steps(int depth) const {
    if (first_pixel >= end_pixel) return 0;
    const auto each = static_cast<std::size_t>(depth);
    return static_cast<int>((end_pixel - first_pixel + each - 1) / each);
  }
};
__device__ __forceinline__ WeightTile weight_tile(const Correlation& c, int rows, int columns, unsigned block,
                                                  std::size_t pixels_of_part) {
  const auto across = static_cast<unsigned>((c.r * c.s * c.c + columns - 1) / columns);
  const auto down = static_cast<unsigned>((c.k + rows - 1) / rows);
  WeightTile tile{};
  tile.first_tap = static_cast<int>(block % across) * columns;
  tile.first_filter = static_cast<int>(block / across % down) * rows;
  tile.part = block / across / down;
  tile.first_pixel = tile.part * pixels_of_part;
  const std::size_t end = tile.first_pixel + pixels_of_part, pixels = std::size_t{1} * c.n * c.p * c.q;
  tile.end_pixel = end < pixels ? end : pixels;
  return tile;
}

}  // namespace curie::CURIE_GPU
