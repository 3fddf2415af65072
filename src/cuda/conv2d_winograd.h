// Winograd's method for convolutions of 3x3 filters at strides of 1: which shapes it suits, and the kernels' start. The
// plan is plain C++ and depends on the shape alone, as conv2d_plan.h.
//
// F(4x4, 3x3) (Winograd 1980; Lavin, Gray, "Fast algorithms for convolutional neural networks", CVPR 2016): with
// matrices B, G and A of small rational numbers, a tile of 4x4 outputs is A^T [(G w G^T) * (B^T x B)] A, where x is the
// tile's 6x6 patch and * multiplies element by element. Summed over channels, each of the 36 elements is a matrix
// product of its own: tiles by filters. That is 36 multiplications in the place of 144. The price is memory: patches
// and sums are written out, 36/16 of the image each, and read again; and rounding, some times that of a plain sum (a
// test has the bound). A NaN or an infinity in a patch reaches all 16 outputs.
#pragma once

#include "cuda/conv2d.h"

namespace curie::CURIE_GPU {

inline constexpr int kWinogradOutputs = 4, kWinogradInputs = 6, kWinogradElements = 36;

struct WinogradPlan {
  bool wins;             // over the direct product, by the estimate below
  Tile tile;             // of the products
  int down, across;      // tiles of one image
  std::size_t tiles;     // of all images
  std::size_t together;  // tiles that are transformed, multiplied and transformed back at a time
  std::size_t floats;    // of scratch memory
};

constexpr bool winograd_takes(const Correlation& c) {
  return c.r == 3 && c.s == 3 && c.stride_h == 1 && c.stride_w == 1 && c.c > 0 && c.c % 4 == 0 && c.k > 0 &&
         c.k % 4 == 0 && c.n > 0 && c.p > 0 && c.q > 0;
}

// Precondition: winograd_takes(c).
constexpr WinogradPlan plan_winograd(const Correlation& c) {
  // Patches and sums of the tiles that go together, so that they stay in the second-level cache (40 to 60 MB of large
  // GPUs) between the kernels. But not fewer than the transformed filters, which each round reads.
  constexpr std::size_t kTogetherFloats = std::size_t{8} << 20;
  constexpr std::size_t kRows = 128;  // of the largest tile
  const auto channels = static_cast<std::size_t>(c.c), filters = static_cast<std::size_t>(c.k);
  WinogradPlan plan{};
  plan.down = ceil_div(c.p, kWinogradOutputs);
  plan.across = ceil_div(c.q, kWinogradOutputs);
  plan.tiles = std::size_t(c.n) * std::size_t(plan.down) * std::size_t(plan.across);
  const std::size_t filter_floats = kWinogradElements * channels * filters;
  const std::size_t floats = filter_floats > kTogetherFloats ? filter_floats : kTogetherFloats;
  const std::size_t fitting = floats / (kWinogradElements * (channels + filters)) / kRows * kRows;
  plan.together = fitting < kRows ? kRows : fitting;
  if (plan.together > plan.tiles) plan.together = plan.tiles;
  plan.floats = filter_floats + kWinogradElements * plan.together * (channels + filters);

  const auto blocks = [&](Tile tile) { return kWinogradElements * tiles_over(plan.together, filters, tile); };
  plan.tile = c.k >= 128 && blocks(Tile::large) >= kBusy ? Tile::large
              : blocks(Tile::tall) >= kBusy              ? Tile::tall
                                                         : Tile::square;

  // In operations; moving a float takes as long as kOfFloat of them (an H200: 67 TFLOP/s beside 4.3 TB/s).
  constexpr double kOfFloat = 62.0, kMargin = 1.25;
  const TileSize size = size_of(plan.tile);
  const auto padded = [](std::size_t count, int part) {
    return static_cast<double>(parts_over(count, part)) * static_cast<double>(part);
  };
  const double rows = padded(plan.tiles, size.rows), columns = padded(filters, size.columns);
  const double direct_columns = c.k <= 32 ? size_of(Tile::narrow).columns : columns;
  const double pixels = static_cast<double>(c.n) * c.p * c.q;
  const double direct = 2.0 * 9 * c.c * padded(static_cast<std::size_t>(pixels), size.rows) * direct_columns;
  const double products = 2.0 * kWinogradElements * c.c * rows * columns;
  const double rounds = static_cast<double>(parts_over(plan.tiles, static_cast<int>(plan.together)));
  const double moved = 2.0 * kWinogradElements * static_cast<double>(plan.tiles) * (c.c + c.k) +
                       static_cast<double>(filter_floats) * (1.0 + rounds);
  plan.wins = kMargin * (products + kOfFloat * moved) < direct;
  return plan;
}

// y = correlation of x with w, plus bias, through ReLU where wanted, in plan.floats of scratch memory at a multiple of
// 16 bytes. x, w and y lie at such addresses too. along_depth: a filter's channels are contiguous in memory, else a
// channel's filters.
void start_winograd(Stream stream, const WinogradPlan& plan, const Correlation& correlation, bool along_depth,
                    const CorrelationArguments<float>& arguments, float* scratch);

}  // namespace curie::CURIE_GPU
