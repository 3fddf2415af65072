// Convolution and its input gradient in float32, as one correlation (ops/correlation.h): a product of patches (pixels x
// taps) and filters (taps x outputs).
#include "cuda/conv2d.h"
#include "cuda/conv2d_simt.cuh"
#include "cuda/launch.cuh"

namespace curie::CURIE_GPU {
namespace {

// Tile `tile` of the correlation's output, columns fastest: blocks that run together share their patches.
template <Tile kTile, bool kVectors, bool kFiltersAlongDepth, typename T>
__device__ __forceinline__ void correlate(const Correlation& c, unsigned tile,
                                          const CorrelationArguments<T>& arguments) {
  using Sums = SimtSums<kTile>;
  constexpr TileSize kSize = size_of(kTile);
  constexpr int kVector = kVectors ? 4 : 1;
  using PatchShare = Share<kSize.rows, kSize.depth, kSize.threads(), kVector, true>;
  using FilterShare = Share<kSize.columns, kSize.depth, kSize.threads(), kVector, kFiltersAlongDepth>;

  const auto tiles_across = static_cast<unsigned>(c.k + kSize.columns - 1) / kSize.columns;
  const int first_filter = static_cast<int>(tile % tiles_across) * kSize.columns;
  const Radix radix = pixel_radix(c);
  const Position first_pixel = position_of(std::size_t{tile / tiles_across} * kSize.rows, radix);

  PatchRows<PatchShare, T> patches(c, arguments.x, first_pixel);
  FilterRows<FilterShare, T> filters(c, arguments.w, first_filter);
  Sums sums;
  const std::size_t taps = std::size_t{1} * c.r * c.s * c.c;
  multiply(shared<SimtTiles<kTile>>(), patches, filters, static_cast<int>((taps + kSize.depth - 1) / kSize.depth), sums,
           [](int) {});

  CURIE_UNROLL
  for (int i = 0; i < Sums::kRows; ++i) {
    const Position pixel = plus(first_pixel, Sums::row(i / 4) + i % 4, radix);
    if (pixel.high >= c.n) continue;
    T* y = arguments.y + (c.y_offset + pixel.high * c.y_image + pixel.middle * c.y_row + pixel.low * c.y_pixel);
    CURIE_UNROLL
    for (int quad = 0; quad < Sums::kColumns / 4; ++quad) {
      const int column = first_filter + Sums::column(quad);
      float values[4];
      CURIE_UNROLL
      for (int j = 0; j < 4; ++j) {
        values[j] = sums.of[i][4 * quad + j];
        if (column + j >= c.k) continue;
        if (arguments.bias != nullptr) values[j] += arguments.bias[column + j];
        if (arguments.relu && values[j] < 0.0f) values[j] = 0.0f;  // NaN stays
        if constexpr (!kVectors) y[column + j] = rounded<T>(values[j]);
      }
      if constexpr (kVectors) {
        if (column < c.k) store4(y + column, make_float4(values[0], values[1], values[2], values[3]));
      }
    }
  }
}

template <Tile kTile, bool kVectors, typename T>
__global__ void __launch_bounds__(size_of(kTile).threads(), size_of(kTile).resident())
    forward_kernel(Correlation correlation, CorrelationArguments<T> arguments) {
  correlate<kTile, kVectors, true>(correlation, blockIdx.x, arguments);
}

// One residue of the position in x after the other, `tiles` blocks each.
template <Tile kTile, bool kVectors, typename T>
__global__ void __launch_bounds__(size_of(kTile).threads(), size_of(kTile).resident())
    input_gradient_kernel(Conv2dShape shape, unsigned tiles, CorrelationArguments<T> arguments) {
  const int residue = static_cast<int>(blockIdx.x / tiles);
  const Correlation correlation = input_gradient_correlation(shape, residue / shape.stride_w, residue % shape.stride_w);
  correlate<kTile, kVectors, false>(correlation, blockIdx.x % tiles, arguments);
}

template <Tile kTile, bool kVectors, typename T>
void start_forward_tile(Stream stream, const Conv2dShape& shape, const CorrelationArguments<T>& arguments) {
  constexpr TileSize kSize = size_of(kTile);
  const std::size_t pixels = std::size_t(shape.n) * shape.p * shape.q;
  launch({.name = "conv2d_forward",
          .grid = static_cast<unsigned>(tiles_over(pixels, std::size_t(shape.k), kTile)),
          .block = kSize.threads(),
          .stream = stream},
         forward_kernel<kTile, kVectors, T>, forward_correlation(shape), arguments);
}

template <Tile kTile, bool kVectors, typename T>
void start_gradient_tile(Stream stream, const Conv2dShape& shape, const CorrelationArguments<T>& arguments) {
  constexpr TileSize kSize = size_of(kTile);
  const auto tiles = static_cast<unsigned>(tiles_over(residue_pixels(shape), std::size_t(shape.c), kTile));
  launch({.name = "conv2d_input_gradient",
          .grid = tiles * static_cast<unsigned>(shape.stride_h) * static_cast<unsigned>(shape.stride_w),
          .block = kSize.threads(),
          .stream = stream},
         input_gradient_kernel<kTile, kVectors, T>, shape, tiles, arguments);
}

}  // namespace

template <typename T>
void start_forward(Stream stream, Tile tile, bool vectors, const Conv2dShape& shape,
                   const CorrelationArguments<T>& arguments) {
  if (!vectors && tile == Tile::narrow) return start_forward_tile<Tile::narrow, false>(stream, shape, arguments);
  if (!vectors) return start_forward_tile<Tile::square, false>(stream, shape, arguments);
  if (tile == Tile::narrow) return start_forward_tile<Tile::narrow, true>(stream, shape, arguments);
  if (tile == Tile::tall) return start_forward_tile<Tile::tall, true>(stream, shape, arguments);
  if (tile == Tile::large) return start_forward_tile<Tile::large, true>(stream, shape, arguments);
  start_forward_tile<Tile::square, true>(stream, shape, arguments);
}

template <typename T>
void start_input_gradient(Stream stream, Tile tile, bool vectors, const Conv2dShape& shape,
                          const CorrelationArguments<T>& arguments) {
  if (!vectors && tile == Tile::narrow) return start_gradient_tile<Tile::narrow, false>(stream, shape, arguments);
  if (!vectors) return start_gradient_tile<Tile::square, false>(stream, shape, arguments);
  if (tile == Tile::narrow) return start_gradient_tile<Tile::narrow, true>(stream, shape, arguments);
  if (tile == Tile::tall) return start_gradient_tile<Tile::tall, true>(stream, shape, arguments);
  if (tile == Tile::large) return start_gradient_tile<Tile::large, true>(stream, shape, arguments);
  start_gradient_tile<Tile::square, true>(stream, shape, arguments);
}

template void start_forward(Stream, Tile, bool, const Conv2dShape&, const CorrelationArguments<float>&);
template void start_forward(Stream, Tile, bool, const Conv2dShape&, const CorrelationArguments<Bf16>&);
template void start_input_gradient(Stream, Tile, bool, const Conv2dShape&, const CorrelationArguments<float>&);
template void start_input_gradient(Stream, Tile, bool, const Conv2dShape&, const CorrelationArguments<Bf16>&);

}  // namespace curie::CURIE_GPU
