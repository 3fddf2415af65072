// Convolution and its input gradient in float32, as one correlation (ops/correlation.h): a product of patches (pixels x
// taps) and filters (taps x outputs).
#include "cuda/conv2d.h"
#include "cuda/conv2d_simt.cuh"
#include "cuda/launch.cuh"

namespace curie::CURIE_GPU {
namespace {

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
