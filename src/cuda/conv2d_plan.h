// How a convolution becomes matrix products, and which kernel with which tile computes them: everything that depends on
// the shape and on nothing else. Plain C++, for host and device; a program that wants to print a plan defines CURIE_GPU
// as it likes.
#pragma once

#include <cstddef>

#include "ops/correlation.h"

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

// The most positions in x that one residue has: the rows of its product.
constexpr std::size_t residue_pixels(const Conv2dShape& shape) {
  return std::size_t(shape.n) * std::size_t(ceil_div(shape.h, shape.stride_h)) *
         std::size_t(ceil_div(shape.w, shape.stride_w));
}

}  // namespace curie::CURIE_GPU
