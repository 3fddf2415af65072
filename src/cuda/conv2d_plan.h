// How a convolution becomes matrix products, and which kernel with which tile computes them: everything that depends on
// the shape and on nothing else. Plain C++, for host and device; a program that wants to print a plan defines CURIE_GPU
// as it likes.
#pragma once

#include <cstddef>

#include "ops/conv2d.h"

namespace curie::CURIE_GPU {

// --- the choice of kernels -----------------------------------------------------------------------------------------

// The part of a matrix product that one block computes, and of that the part of one thread (float32 kernels; the tensor
// core kernels give each warp 32 x 32).
enum class Tile { narrow, square, tall, large, flat };
struct TileSize {
  int rows, columns;  // of the product
  int depth;          // summed over from one filling of shared memory
  int thread_rows, thread_columns;
  constexpr int threads() const { return rows / thread_rows * (columns / thread_columns); }
  // Blocks that a multiprocessor is to hold at a time: two of 256 threads leave each thread 128 of 65536 registers,
  // too few for 64 sums.
  constexpr int resident() const { return thread_rows * thread_columns < 64 ? 2 : 1; }
};
constexpr TileSize size_of(Tile tile) {
  switch (tile) {
    case Tile::narrow:  // up to 32 filters
      return {128, 32, 16, 4, 4};
    case Tile::tall:  // enough pixels to keep the device busy: each filter read serves twice the rows
      return {128, 64, 16, 8, 4};
    case Tile::large:  // the most arithmetic for each word from shared memory: 64 products for 16 words
      return {128, 128, 8, 8, 8};
    case Tile::flat:  // weight gradients of up to 32 filters
      return {32, 128, 16, 4, 4};
    case Tile::square:
      break;
  }
  return {64, 64, 16, 4, 4};
}

// How many blocks keep a large device busy (an H200 has 132 multiprocessors); a constant, so that results do not depend
// on the device.
inline constexpr std::size_t kBusy = 132;

constexpr std::size_t tiles_over(std::size_t rows, std::size_t columns, Tile tile) {
  const TileSize size = size_of(tile);
  const auto over = [](std::size_t count, int part) {
    return (count + static_cast<std::size_t>(part) - 1) / static_cast<std::size_t>(part);
  };
  return over(rows, size.rows) * over(columns, size.columns);
}

// few_channels: convolutions of images of up to 3 channels, whose products are short sums. vectors: both channel
// counts are multiples of 4 and all addresses of 16, so that four channels are one load.
enum class Kernel { float32, tf32, few_channels };

struct CorrelationPlan {
  Kernel kernel;
  Tile tile;
};

inline constexpr int kFewChannels = 3;
inline constexpr int kFewTaps = 256;  // rows * columns * channels of a filter, of 32 filters in 32 KiB of shared memory

constexpr int taps_of(const Conv2dShape& shape) { return shape.r * shape.s * shape.c; }

// The product of `pixels` rows and `filters` columns.
constexpr Tile correlation_tile(std::size_t pixels, int filters, Kernel kernel, bool vectors) {
  const auto columns = static_cast<std::size_t>(filters);
  if (filters <= 32) return Tile::narrow;
  if (!vectors) return Tile::square;
  if (kernel == Kernel::float32 && filters >= 128 && tiles_over(pixels, columns, Tile::large) >= kBusy) {
    return Tile::large;
  }
  return tiles_over(pixels, columns, Tile::tall) >= kBusy ? Tile::tall : Tile::square;
}

constexpr CorrelationPlan plan_forward(const Conv2dShape& shape, Math math, bool vectors) {
  if (shape.c <= kFewChannels && taps_of(shape) <= kFewTaps) return {Kernel::few_channels, Tile::narrow};
  const Kernel kernel = math == Math::tf32 && vectors ? Kernel::tf32 : Kernel::float32;
  return {kernel, correlation_tile(std::size_t(shape.n) * shape.p * shape.q, shape.k, kernel, vectors)};
}

constexpr CorrelationPlan plan_input_gradient(const Conv2dShape& shape, Math math, bool vectors) {
  const Kernel kernel = math == Math::tf32 && vectors ? Kernel::tf32 : Kernel::float32;
  return {kernel, correlation_tile(std::size_t(shape.n) * shape.h * shape.w, shape.c, kernel, vectors)};
}

// The weight gradient is a product of k rows and r*s*c columns whose sums run over all n*p*q pixels: few tiles, so the
// pixels are cut into `splits` parts of `pixels` each, whose sums a second kernel adds in order.
struct WeightPlan {
  Kernel kernel;
  Tile tile;
  int splits;
  std::size_t pixels;  // of one part
};

struct WeightSplits {
  int splits;
  std::size_t pixels;
};
// Depends on the shape alone: scratch memory is asked for before addresses and arithmetic are known.
constexpr WeightSplits split_pixels(const Conv2dShape& shape) {
  constexpr std::size_t kUnit = 64;  // pixels; a multiple of every kernel's depth
  constexpr std::size_t kLeast = 128, kMostFloats = std::size_t{1} << 24;
  const std::size_t pixels = std::size_t(shape.n) * shape.p * shape.q;
  const std::size_t floats = std::size_t(shape.k) * (std::size_t(taps_of(shape)) + 1);
  const std::size_t tiles =
      tiles_over(std::size_t(shape.k), std::size_t(taps_of(shape)), shape.k <= 32 ? Tile::flat : Tile::square);
  std::size_t splits = 2 * kBusy / tiles;
  if (splits > pixels / kLeast) splits = pixels / kLeast;
  if (splits > kMostFloats / floats) splits = kMostFloats / floats;
  if (splits < 1) splits = 1;
  const std::size_t part = ((pixels + splits - 1) / splits + kUnit - 1) / kUnit * kUnit;
  return {part == 0 ? 1 : static_cast<int>((pixels + part - 1) / part), part};
}

constexpr WeightPlan plan_weights(const Conv2dShape& shape, Math math, bool vectors) {
  const WeightSplits parts = split_pixels(shape);
  if (shape.c <= kFewChannels) return {Kernel::few_channels, Tile::flat, parts.splits, parts.pixels};
  const Kernel kernel = math == Math::tf32 && vectors ? Kernel::tf32 : Kernel::float32;
  const bool large = vectors && kernel == Kernel::float32 && shape.k >= 128 &&
                     tiles_over(std::size_t(shape.k), std::size_t(taps_of(shape)), Tile::large) >= kBusy;
  return {kernel, large ? Tile::large : shape.k <= 32 ? Tile::flat : Tile::square, parts.splits, parts.pixels};
}

// --- convolution as a correlation ----------------------------------------------------------------------------------

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

constexpr int ceil_div(int a, int b) { return a >= 0 ? (a + b - 1) / b : -(-a / b); }

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
// in x, a correlation of dy with stride 1 by every sh-th row and sw-th column of the filters, flipped.
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

// The most positions in x that one residue has: the rows of its product.
constexpr std::size_t residue_pixels(const Conv2dShape& shape) {
  return std::size_t(shape.n) * std::size_t(ceil_div(shape.h, shape.stride_h)) *
         std::size_t(ceil_div(shape.w, shape.stride_w));
}

}  // namespace curie::CURIE_GPU
