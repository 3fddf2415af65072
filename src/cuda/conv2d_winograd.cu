// Convolution and its input gradient by Winograd's method (conv2d_winograd.h), in four kernels: filters, patches, 36
// matrix products, outputs. Patches and sums of the tiles that go together take turns in the same memory.
#include <algorithm>

#include "cuda/conv2d_simt.cuh"
#include "cuda/conv2d_winograd.h"
#include "cuda/launch.cuh"

namespace curie::CURIE_GPU {
namespace {

constexpr int kBlock = 256;
constexpr int kOut = kWinogradOutputs, kIn = kWinogradInputs, kTaps = 3;

// --- the transforms along one axis --------------------------------------------------------------------------------

// B^T: rows (4 0 -5 0 1 0), (0 -4 -4 1 1 0), (0 4 -4 -1 1 0), (0 -2 -1 2 1 0), (0 2 -1 -2 1 0), (0 4 0 -5 0 1).
__device__ __forceinline__ void transform_input(const float (&x)[kIn], float (&to)[kIn]) {
  const float even = fmaf(-4.0f, x[2], x[4]), odd = fmaf(-4.0f, x[1], x[3]);
  const float near = x[4] - x[2], far = 2.0f * (x[3] - x[1]);
  to[0] = fmaf(4.0f, x[0], fmaf(-5.0f, x[2], x[4]));
  to[1] = even + odd;
  to[2] = even - odd;
  to[3] = near + far;
  to[4] = near - far;
  to[5] = fmaf(4.0f, x[1], fmaf(-5.0f, x[3], x[5]));
}

// G: rows (1/4 0 0), -(1 1 1)/6, -(1 -1 1)/6, (1 2 4)/24, (1 -2 4)/24, (0 0 1).
__device__ __forceinline__ void transform_filter(const float (&w)[kTaps], float (&to)[kIn]) {
  const float ends = w[0] + w[2], slopes = fmaf(4.0f, w[2], w[0]), twice = 2.0f * w[1];
  to[0] = 0.25f * w[0];
  to[1] = (ends + w[1]) * (-1.0f / 6.0f);
  to[2] = (ends - w[1]) * (-1.0f / 6.0f);
  to[3] = (slopes + twice) * (1.0f / 24.0f);
  to[4] = (slopes - twice) * (1.0f / 24.0f);
  to[5] = w[2];
}

// A^T: rows (1 1 1 1 1 0), (0 1 -1 2 -2 0), (0 1 1 4 4 0), (0 1 -1 8 -8 1).
__device__ __forceinline__ void transform_output(const float (&m)[kIn], float (&to)[kOut]) {
  const float near = m[1] + m[2], across = m[1] - m[2], far = m[3] + m[4], over = m[3] - m[4];
  to[0] = m[0] + near + far;
  to[1] = fmaf(2.0f, over, across);
  to[2] = fmaf(4.0f, far, near);
  to[3] = fmaf(8.0f, over, across) + m[5];
}

// Along the columns, then along the rows.
template <int From, int To, typename Line>
__device__ __forceinline__ void transform(const float (&from)[From][From], float (&to)[To][To], Line line) {
  float half[To][From];
  CURIE_UNROLL
  for (int s = 0; s < From; ++s) {
    float column[From], result[To];
    CURIE_UNROLL
    for (int r = 0; r < From; ++r) column[r] = from[r][s];
    line(column, result);
    CURIE_UNROLL
    for (int r = 0; r < To; ++r) half[r][s] = result[r];
  }
  CURIE_UNROLL
  for (int r = 0; r < To; ++r) line(half[r], to[r]);
}

// --- kernels --------------------------------------------------------------------------------------------------------

// Tiles `first` to `first + count` of all images, row by row.
struct Round {
  std::size_t first, count;
  int down, across;
  __device__ __forceinline__ Position position(std::size_t tile) const {
    return position_of(first + tile, {down, across});
  }
};

__device__ __forceinline__ void write_elements(const float (&elements)[kIn][kIn], float* to, std::size_t plane,
                                               std::size_t index) {
  CURIE_UNROLL
  for (int r = 0; r < kIn; ++r) {
    CURIE_UNROLL
    for (int s = 0; s < kIn; ++s) to[std::size_t(r * kIn + s) * plane + index] = elements[r][s];
  }
}

// filters[element] is a matrix as w's one tap is: its faster axis stays the faster one.
template <bool kAlongDepth>
__global__ void __launch_bounds__(kBlock) filters_kernel(Correlation c, const float* __restrict__ w, float* filters) {
  const std::size_t count = std::size_t{1} * c.c * c.k, index = std::size_t{blockIdx.x} * kBlock + threadIdx.x;
  if (index >= count) return;
  const auto fast = static_cast<std::size_t>(kAlongDepth ? c.c : c.k);
  const auto inner = static_cast<std::ptrdiff_t>(index % fast), outer = static_cast<std::ptrdiff_t>(index / fast);
  const float* first =
      w + c.w_offset + inner * (kAlongDepth ? c.w_in : c.w_out) + outer * (kAlongDepth ? c.w_out : c.w_in);
  float taps[kTaps][kTaps], result[kIn][kIn];
  CURIE_UNROLL
  for (int r = 0; r < kTaps; ++r) {
    CURIE_UNROLL
    for (int s = 0; s < kTaps; ++s) taps[r][s] = first[r * c.w_row + s * c.w_column];
  }
  transform(taps, result, [](const auto& from, auto& to) { transform_filter(from, to); });
  write_elements(result, filters, count, index);
}

// patches[element] (count, c)
__global__ void __launch_bounds__(kBlock)
    patches_kernel(Correlation c, Round round, const float* __restrict__ x, float* patches) {
  const std::size_t index = std::size_t{blockIdx.x} * kBlock + threadIdx.x;
  const auto channels = static_cast<std::size_t>(c.c);
  const std::size_t tile = index / channels;
  if (tile >= round.count) return;
  const Position at = round.position(tile);
  const int top = at.middle * kOut - c.pad_top, left = at.low * kOut - c.pad_left;
  const float* image = x + std::size_t{1} * at.high * c.h * c.w * c.c + index % channels;
  float patch[kIn][kIn], result[kIn][kIn];
  CURIE_UNROLL
  for (int r = 0; r < kIn; ++r) {
    CURIE_UNROLL
    for (int s = 0; s < kIn; ++s) {
      const int row = top + r, column = left + s;
      const bool inside = row >= 0 && row < c.h && column >= 0 && column < c.w;
      patch[r][s] = inside ? image[(std::ptrdiff_t{1} * row * c.w + column) * c.c] : 0.0f;
    }
  }
  transform(patch, result, [](const auto& from, auto& to) { transform_input(from, to); });
  write_elements(result, patches, round.count * channels, index);
}

// blockIdx.y: the element. Each is a convolution of one row of `count` pixels by 1x1 filters.
template <Tile kTile, bool kAlongDepth>
__global__ void __launch_bounds__(size_of(kTile).threads(), size_of(kTile).resident())
    products_kernel(Correlation c, const float* patches, const float* filters, float* sums) {
  const auto element = static_cast<std::size_t>(blockIdx.y);
  const auto channels = static_cast<std::size_t>(c.c), outputs = static_cast<std::size_t>(c.k),
             count = static_cast<std::size_t>(c.q);
  correlate<kTile, true, kAlongDepth>(c, blockIdx.x,
                                      CorrelationArguments<float>{.x = patches + element * count * channels,
                                                                  .w = filters + element * channels * outputs,
                                                                  .bias = nullptr,
                                                                  .relu = false,
                                                                  .y = sums + element * count * outputs});
}

// From sums[element] (count, k).
__global__ void __launch_bounds__(kBlock)
    outputs_kernel(Correlation c, Round round, const float* __restrict__ sums, const float* __restrict__ bias,
                   bool relu, float* __restrict__ y) {
  const std::size_t index = std::size_t{blockIdx.x} * kBlock + threadIdx.x;
  const auto outputs = static_cast<std::size_t>(c.k);
  const std::size_t tile = index / outputs, output = index % outputs, plane = round.count * outputs;
  if (tile >= round.count) return;
  float m[kIn][kIn], result[kOut][kOut];
  CURIE_UNROLL
  for (int r = 0; r < kIn; ++r) {
    CURIE_UNROLL
    for (int s = 0; s < kIn; ++s) m[r][s] = sums[std::size_t(r * kIn + s) * plane + index];
  }
  transform(m, result, [](const auto& from, auto& to) { transform_output(from, to); });
  const Position at = round.position(tile);
  const float shift = bias != nullptr ? bias[output] : 0.0f;
  float* image = y + c.y_offset + at.high * c.y_image + static_cast<std::ptrdiff_t>(output);
  CURIE_UNROLL
  for (int r = 0; r < kOut; ++r) {
    const int row = at.middle * kOut + r;
    CURIE_UNROLL
    for (int s = 0; s < kOut; ++s) {
      const int column = at.low * kOut + s;
      if (row >= c.p || column >= c.q) continue;
      float value = result[r][s] + shift;
      if (relu && value < 0.0f) value = 0.0f;  // NaN stays
      image[row * c.y_row + column * c.y_pixel] = value;
    }
  }
}

template <Tile kTile, bool kAlongDepth>
void start_products(Stream stream, const Correlation& c, const float* patches, const float* filters, float* sums) {
  const std::size_t blocks = tiles_over(static_cast<std::size_t>(c.q), static_cast<std::size_t>(c.k), kTile);
  launch({.name = "conv2d_winograd_products",
          .grid = dim3(static_cast<unsigned>(blocks), kWinogradElements),
          .block = size_of(kTile).threads(),
          .stream = stream},
         products_kernel<kTile, kAlongDepth>, c, patches, filters, sums);
}

template <bool kAlongDepth>
void start_products(Stream stream, Tile tile, const Correlation& c, const float* patches, const float* filters,
                    float* sums) {
  if (tile == Tile::large) return start_products<Tile::large, kAlongDepth>(stream, c, patches, filters, sums);
  if (tile == Tile::tall) return start_products<Tile::tall, kAlongDepth>(stream, c, patches, filters, sums);
  start_products<Tile::square, kAlongDepth>(stream, c, patches, filters, sums);
}

// One row of `count` pixels, and filters as filters_kernel lays them out.
Correlation pixels_by_filters(const Correlation& c, std::size_t count, bool along_depth) {
  Correlation product;
  product.n = product.h = product.p = product.r = product.s = 1;
  product.w = product.q = static_cast<int>(count);
  product.c = c.c, product.k = c.k;
  product.y_pixel = c.k;
  product.w_out = along_depth ? c.c : 1;
  product.w_in = along_depth ? 1 : c.k;
  return product;
}

}  // namespace

void start_winograd(Stream stream, const WinogradPlan& plan, const Correlation& c, bool along_depth,
                    const CorrelationArguments<float>& arguments, float* scratch) {
  const auto channels = static_cast<std::size_t>(c.c), outputs = static_cast<std::size_t>(c.k);
  float* const filters = scratch;
  float* const patches = filters + kWinogradElements * channels * outputs;
  float* const sums = patches + kWinogradElements * plan.together * channels;
  const auto over = [&](const char* name, std::size_t threads) {
    return Launch{.name = name, .grid = blocks_for(threads, kBlock), .block = kBlock, .stream = stream};
  };
  launch(over("conv2d_winograd_filters", channels * outputs),
         along_depth ? filters_kernel<true> : filters_kernel<false>, c, arguments.w, filters);
  for (std::size_t first = 0; first < plan.tiles; first += plan.together) {
    const Round round{first, std::min(plan.together, plan.tiles - first), plan.down, plan.across};
    const Correlation product = pixels_by_filters(c, round.count, along_depth);
    launch(over("conv2d_winograd_patches", round.count * channels), patches_kernel, c, round, arguments.x, patches);
    if (along_depth) {
      start_products<true>(stream, plan.tile, product, patches, filters, sums);
    } else {
      start_products<false>(stream, plan.tile, product, patches, filters, sums);
    }
    launch(over("conv2d_winograd_outputs", round.count * outputs), outputs_kernel, c, round, sums, arguments.bias,
           arguments.relu, arguments.y);
  }
}

}  // namespace curie::CURIE_GPU
