// How a convolution becomes matrix products, and which kernel with which tile computes them: everything that depends on
// the shape and on nothing else. Plain C++, for host and device; a program that wants to print a plan defines CURIE_GPU
// as it likes.
#pragma once

#include <cstddef>

#include "ops/correlation.h"

namespace curie::CURIE_GPU {

// --- the choice of kernels -----------------------------------------------------------------------------------------

// The part of a matrix product that one block computes, and of that the part of one thread (float32 kernels).
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

// The same for tensor cores: the part of one warp, and how many fillings of shared memory are there or on their way. A
// filling is 64 bytes along the depth of every row and column, so a block takes (rows + columns) * 64 * stages bytes:
// up to the 48 KiB that need no opt-in. Two blocks then fit into the 100 KB of the smallest multiprocessors (8.6, 8.9).
inline constexpr int kMmaLineBytes = 64;
struct MmaSize {
  int rows, columns;
  int warp_rows, warp_columns;
  int stages;
  constexpr int threads() const { return rows / warp_rows * (columns / warp_columns) * 32; }
  constexpr int shared_bytes() const { return (rows + columns) * kMmaLineBytes * stages; }
};
constexpr MmaSize mma_size_of(Tile tile) {
  switch (tile) {
    case Tile::narrow:
      return {128, 32, 32, 32, 4};
    case Tile::tall:  // a warp reads 64 + 32 lines for 64 x 32 sums
      return {128, 64, 64, 32, 4};
    case Tile::large:
      return {128, 128, 64, 32, 3};
    case Tile::flat:
      return {32, 128, 32, 32, 4};
    case Tile::square:
      break;
  }
  return {64, 64, 32, 32, 4};
}

// How many blocks keep a large device busy (an H200 has 132 multiprocessors); a constant, so that results do not depend
// on the device.
inline constexpr std::size_t kBusy = 132;

constexpr std::size_t parts_over(std::size_t count, int part) {
  return (count + static_cast<std::size_t>(part) - 1) / static_cast<std::size_t>(part);
}
constexpr std::size_t tiles_over(std::size_t rows, std::size_t columns, Tile tile) {
  const TileSize size = size_of(tile);
  return parts_over(rows, size.rows) * parts_over(columns, size.columns);
}
constexpr std::size_t mma_tiles_over(std::size_t rows, std::size_t columns, Tile tile) {
  const MmaSize size = mma_size_of(tile);
  return parts_over(rows, size.rows) * parts_over(columns, size.columns);
}

// few_channels: convolutions of images of up to 3 channels, whose products are short sums. tf32, bf16: tensor cores.
// vectors: both channel counts are multiples of 4 and all addresses of 16, so that four channels are one load. bf16
// kernels want multiples of 8, 16 bytes too.
enum class Kernel { float32, tf32, few_channels, bf16 };

constexpr bool on_tensor_cores(Kernel kernel) { return kernel == Kernel::tf32 || kernel == Kernel::bf16; }
// Of what arrays hold of float32 with Math::exact and tf32, and of bfloat16 with Math::bf16.
constexpr Kernel product_kernel(Math math, bool vectors, int channels, int filters) {
  if (math == Math::tf32 && vectors) return Kernel::tf32;
  if (math == Math::bf16 && vectors && channels % 8 == 0 && filters % 8 == 0) return Kernel::bf16;
  return Kernel::float32;
}

// A correlation on tensor cores that has few tiles but many taps is cut into `splits` parts of `taps` each, whose sums
// a second kernel adds in order.
struct CorrelationPlan {
  Kernel kernel;
  Tile tile;
  int splits = 1;
  int taps = 0;  // of one part; 0 where the kernel does not ask
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

// On tensor cores: `rows` pixels (of one residue), of which there are `copies`, by `filters` columns, `taps` deep.
constexpr CorrelationPlan plan_mma(Kernel kernel, std::size_t rows, std::size_t copies, int filters, int taps) {
  constexpr std::size_t kMostFloats = std::size_t{1} << 24;
  constexpr int kLeastSteps = 8;  // of a part, so that filling the stages does not count
  const int depth = kMmaLineBytes / (kernel == Kernel::bf16 ? 2 : 4);
  const auto columns = static_cast<std::size_t>(filters);
  const auto tiles = [&](Tile tile) { return mma_tiles_over(rows, columns, tile) * copies; };
  Tile tile = Tile::square;
  if (filters <= 32) {
    tile = Tile::narrow;
  } else if (filters >= 128 && tiles(Tile::large) >= kBusy) {
    tile = Tile::large;
  } else if (tiles(Tile::tall) >= kBusy || (rows > 64 && taps >= 16 * kLeastSteps * depth)) {
    tile = Tile::tall;
  }
  const int steps = (taps + depth - 1) / depth;
  const std::size_t floats = rows * copies * columns;
  std::size_t splits = tiles(tile) == 0 ? 1 : (kBusy + tiles(tile) - 1) / tiles(tile);
  if (splits > static_cast<std::size_t>(steps / kLeastSteps)) splits = static_cast<std::size_t>(steps / kLeastSteps);
  if (floats > 0 && splits > kMostFloats / floats) splits = kMostFloats / floats;
  if (splits < 2) return {kernel, tile, 1, steps * depth};
  const int part = static_cast<int>((static_cast<std::size_t>(steps) + splits - 1) / splits);
  return {kernel, tile, (steps + part - 1) / part, part * depth};
}

constexpr CorrelationPlan plan_forward(const Conv2dShape& shape, Math math, bool vectors) {
  if (shape.c <= kFewChannels && taps_of(shape) <= kFewTaps) return {Kernel::few_channels, Tile::narrow};
  const Kernel kernel = product_kernel(math, vectors, shape.c, shape.k);
  const std::size_t pixels = std::size_t(shape.n) * shape.p * shape.q;
  if (on_tensor_cores(kernel)) return plan_mma(kernel, pixels, 1, shape.k, taps_of(shape));
  return {kernel, correlation_tile(pixels, shape.k, kernel, vectors)};
}

// Along an axis of one output no step is made, and a stride of 1 has the fewest residues.
constexpr Conv2dShape with_least_strides(Conv2dShape shape) {
  if (shape.p == 1) shape.stride_h = 1;
  if (shape.q == 1) shape.stride_w = 1;
  return shape;
}
// The most positions in x that one residue has: the rows of its product.
constexpr std::size_t residue_pixels(const Conv2dShape& shape) {
  return std::size_t(shape.n) * std::size_t(ceil_div(shape.h, shape.stride_h)) *
         std::size_t(ceil_div(shape.w, shape.stride_w));
}

constexpr CorrelationPlan plan_input_gradient(const Conv2dShape& given, Math math, bool vectors) {
  const Conv2dShape shape = with_least_strides(given);
  const Kernel kernel = product_kernel(math, vectors, shape.c, shape.k);
  if (on_tensor_cores(kernel)) {
    const int taps = ceil_div(shape.r, shape.stride_h) * ceil_div(shape.s, shape.stride_w) * shape.k;
    return plan_mma(kernel, residue_pixels(shape), std::size_t(shape.stride_h) * std::size_t(shape.stride_w), shape.c,
                    taps);
  }
  return {kernel, correlation_tile(std::size_t(shape.n) * shape.h * shape.w, shape.c, kernel, vectors)};
}

// --- compute capability 9.0 -----------------------------------------------------------------------------------------

// A block of conv2d_wgmma.cu computes kWgmmaRows pixels by 64 or 128 filters, and fills shared memory with kWgmmaDepth
// channels of one tap at a time.
inline constexpr int kWgmmaRows = 128, kWgmmaDepth = 64;

// Whether the kernel computes it at all: the limits of tensor maps (tensor_map.h).
constexpr bool wgmma_takes(const Correlation& c) {
  constexpr int kMostTaps = 256, kMostStride = 8, kLeastCorner = -128, kMostCorner = 127;
  const auto fits = [](int taps, int stride, int pad, int outputs, int extent) {
    const int upper = (outputs - 1) * stride - pad - extent + 1;
    return taps >= 1 && taps <= kMostTaps && stride <= kMostStride && -pad >= kLeastCorner && -pad <= kMostCorner &&
           upper >= kLeastCorner && upper <= kMostCorner;
  };
  return c.n > 0 && c.p > 0 && c.q > 0 && c.c % 8 == 0 && c.k % 8 == 0 && fits(c.r, c.stride_h, c.pad_top, c.p, c.h) &&
         fits(c.s, c.stride_w, c.pad_left, c.q, c.w);
}
// The filters of a tile with which it is to compute the correlation; 0: conv2d_mma.cuh is to. It has no way to cut the
// taps into parts, so there must be tiles for all multiprocessors, full ones but for the last.
constexpr int wgmma_columns(const Correlation& c) {
  if (!wgmma_takes(c) || c.c % kWgmmaDepth != 0 || c.k % 64 != 0) return 0;
  const std::size_t rows = parts_over(std::size_t(c.n) * std::size_t(c.p) * std::size_t(c.q), kWgmmaRows);
  for (const int columns : {128, 64}) {
    if (c.k % columns == 0 && rows * static_cast<std::size_t>(c.k / columns) >= kBusy) return columns;
  }
  return 0;
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
  const Kernel kernel = product_kernel(math, vectors, shape.c, shape.k);
  if (on_tensor_cores(kernel)) {
    const Tile tile = shape.k <= 32 ? Tile::flat : shape.k >= 128 ? Tile::tall : Tile::square;
    return {kernel, tile, parts.splits, parts.pixels};
  }
  const bool large = vectors && kernel == Kernel::float32 && shape.k >= 128 &&
                     tiles_over(std::size_t(shape.k), std::size_t(taps_of(shape)), Tile::large) >= kBusy;
  return {kernel, large ? Tile::large : shape.k <= 32 ? Tile::flat : Tile::square, parts.splits, parts.pixels};
}

}  // namespace curie::CURIE_GPU
