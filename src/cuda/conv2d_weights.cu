// The gradient of a convolution in its weights, in float32: a product of the output's gradient (filters x pixels) and
// of patches (pixels x taps). There are many pixels and few sums, so the pixels are cut into parts that run side by
// side and write their sums to scratch memory; a second kernel adds the parts in order. The bias gradient, the sum of
// dy, is taken along by the blocks that have the first taps, from the tiles that they hold anyway.
#include "cuda/conv2d.h"
#include "cuda/conv2d_simt.cuh"
#include "cuda/epilogue.cuh"
#include "cuda/launch.cuh"

namespace curie::CURIE_GPU {
namespace {

// blockIdx.x: tiles of dw (k, r*s*c), taps fastest; then parts.
template <Tile kTile, bool kVectors, typename T>
__global__ void __launch_bounds__(size_of(kTile).threads(), size_of(kTile).resident())
    weight_gradient_kernel(Correlation c, const T* __restrict__ x, const T* __restrict__ dy, WeightSums out) {
  using Sums = SimtSums<kTile>;
  constexpr TileSize kSize = size_of(kTile);
  constexpr int kVector = kVectors ? 4 : 1;
  using GradientShare = Share<kSize.rows, kSize.depth, kSize.threads(), kVector, false>;
  using TapShare = Share<kSize.columns, kSize.depth, kSize.threads(), kVector, false>;

  const int taps = c.r * c.s * c.c;
  const WeightTile tile = weight_tile(c, kSize.rows, kSize.columns, blockIdx.x, out.pixels);

  GradientRows<GradientShare, T> gradient(c, dy, tile.first_filter, tile.first_pixel, tile.end_pixel);
  TapRows<TapShare, T> patches(c, x, tile.first_tap, tile.first_pixel, tile.end_pixel);
  Sums sums;
  SimtTiles<kTile>& tiles = shared<SimtTiles<kTile>>();
  const bool sums_bias = out.bias != nullptr && tile.first_tap == 0 && static_cast<int>(threadIdx.x) < kSize.rows;
  float bias = 0.0f;
  multiply(tiles, gradient, patches, tile.steps(kSize.depth), sums, [&](int stage) {
    if (!sums_bias) return;
    for (int depth = 0; depth < kSize.depth; ++depth) bias += tiles.a[stage][depth][threadIdx.x];
  });

  CURIE_UNROLL
  for (int i = 0; i < Sums::kRows; ++i) {
    const int filter = tile.first_filter + Sums::row(i / 4) + i % 4;
    CURIE_UNROLL
    for (int j = 0; j < Sums::kColumns; ++j) {
      const int tap = tile.first_tap + Sums::column(j / 4) + j % 4;
      if (filter < c.k && tap < taps) {
        out.weights[tile.part * out.stride + std::size_t(filter) * std::size_t(taps) + std::size_t(tap)] =
            sums.of[i][j];
      }
    }
  }
  const int filter = tile.first_filter + static_cast<int>(threadIdx.x);
  if (sums_bias && filter < c.k) out.bias[tile.part * out.stride + std::size_t(filter)] = bias;
}

constexpr int kBlock = 256;

__global__ void __launch_bounds__(kBlock)
    weight_total_kernel(std::size_t weights, std::size_t count, WeightSums sums, float* dw, float* dbias) {
  const std::size_t i = std::size_t{blockIdx.x} * kBlock + threadIdx.x;
  if (i >= count) return;
  float total = 0.0f;
  for (int part = 0; part < sums.splits; ++part) {
    total += sums.weights[static_cast<std::size_t>(part) * sums.stride + i];  // dbias lies behind dw
  }
  (i < weights ? dw[i] : dbias[i - weights]) = total;
}

// y = activation(bias + the sum of the parts in order), four neighbouring outputs of a pixel a thread.
template <typename T>
__global__ void __launch_bounds__(kMapBlock)
    output_total_kernel(std::size_t count, int filters, OutputSums sums, T* __restrict__ y) {
  const Quad quad(count, true);
  if (quad.some == 0) return;
  Floats<4> total = quad.load(sums.parts);
  for (int part = 1; part < sums.splits; ++part) {
    const Floats<4> more = quad.load(sums.parts + static_cast<std::size_t>(part) * count);
    CURIE_UNROLL
    for (int i = 0; i < 4; ++i) total.of[i] += more.of[i];
  }
  const auto filter = static_cast<int>(quad.first % static_cast<std::size_t>(filters));
  CURIE_UNROLL
  for (int i = 0; i < 4; ++i) total.of[i] = finished(total.of[i], sums.bias, filter + i, sums.relu);
  quad.store(y, total);
}

template <Tile kTile, bool kVectors, typename T>
void start_tile(Stream stream, const Conv2dShape& shape, const T* x, const T* dy, const WeightSums& sums) {
  const std::size_t tiles = tiles_over(std::size_t(shape.k), std::size_t(taps_of(shape)), kTile);
  launch({.name = "conv2d_weight_gradient",
          .grid = static_cast<unsigned>(tiles * std::size_t(sums.splits)),
          .block = size_of(kTile).threads(),
          .stream = stream},
         weight_gradient_kernel<kTile, kVectors, T>, forward_correlation(shape), x, dy, sums);
}

}  // namespace

template <typename T>
void start_weight_gradient(Stream stream, Tile tile, bool vectors, const Conv2dShape& shape, const T* x, const T* dy,
                           const WeightSums& sums) {
  if (!vectors && tile == Tile::flat) return start_tile<Tile::flat, false>(stream, shape, x, dy, sums);
  if (!vectors) return start_tile<Tile::square, false>(stream, shape, x, dy, sums);
  if (tile == Tile::flat) return start_tile<Tile::flat, true>(stream, shape, x, dy, sums);
  if (tile == Tile::large) return start_tile<Tile::large, true>(stream, shape, x, dy, sums);
  start_tile<Tile::square, true>(stream, shape, x, dy, sums);
}

template void start_weight_gradient(Stream, Tile, bool, const Conv2dShape&, const float*, const float*,
                                    const WeightSums&);
template void start_weight_gradient(Stream, Tile, bool, const Conv2dShape&, const Bf16*, const Bf16*,
                                    const WeightSums&);

template <typename T>
void start_output_total(Stream stream, std::size_t count, int filters, const OutputSums& sums, T* y) {
  launch({.name = "conv2d_output_total", .grid = quad_blocks(count), .block = kMapBlock, .stream = stream},
         output_total_kernel<T>, count, filters, sums, y);
}
template void start_output_total(Stream, std::size_t, int, const OutputSums&, float*);
template void start_output_total(Stream, std::size_t, int, const OutputSums&, Bf16*);

void start_weight_total(Stream stream, std::size_t weights, int filters, const WeightSums& sums, float* dw,
                        float* dbias) {
  const std::size_t count = weights + (dbias == nullptr ? 0 : static_cast<std::size_t>(filters));
  launch({.name = "conv2d_weight_total", .grid = blocks_for(count, kBlock), .block = kBlock, .stream = stream},
         weight_total_kernel, weights, count, sums, dw, dbias);
}

}  // namespace curie::CURIE_GPU
