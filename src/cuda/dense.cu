// The three products of a fully connected layer. Products with one or a few outputs are sums along rows or columns,
// bound by memory; all others are tiled matrix products, cut along the depth where there are too few tiles to fill a
// GPU. Where tensor cores may multiply and all extents are multiples of 16 bytes, the layer is what it is the same as:
// a convolution of n images of one pixel by filters of one tap (conv2d_mma.cuh).
//
//   forward  y  (n, out)  = x (n, in)   * w (in, out)
//   input    dx (n, in)   = dy (n, out) * w^T
//   weights  dw (in, out) = x^T         * dy (n, out)
#include <algorithm>

#include "cuda/conv2d.h"
#include "cuda/dense_sums.cuh"
#include "cuda/dense_tile.cuh"
#include "cuda/epilogue.cuh"
#include "cuda/kernels.h"
#include "cuda/launch.cuh"
#include "cuda/reduce.cuh"

namespace curie::CURIE_GPU {
namespace {

constexpr int kFewOutputs = 4;

// --- tiled products --------------------------------------------------------------------------------------------------
template <typename T>
struct ProductOutput {
  T* y;
  float* parts;  // (slices, rows, columns), instead of y; may be null
  const float* bias;
  bool relu;
};

template <bool kAByDepth, bool kBByDepth, typename Cell>
struct ProductTiles {
  tile::Stage<kAByDepth, kBByDepth, Cell> stages[2];
};

// blockIdx.x: tile, along columns first, so that neighbours share rows of A; blockIdx.y: slice of the depth.
template <typename Sums, bool kAByDepth, bool kBByDepth, typename A, typename B, typename Output>
__global__ void __launch_bounds__(tile::kBlock, tile::kBlocksPerProcessor)
    product_kernel(tile::Matrix<A> a, tile::Matrix<B> b, int steps_per_slice, ProductOutput<Output> out) {
  using Cell = typename Sums::Cell;
  auto& tiles = shared<ProductTiles<kAByDepth, kBByDepth, Cell>>();
  const unsigned across = static_cast<unsigned>((b.extent + tile::kColumns - 1) / tile::kColumns);
  const int first_row = static_cast<int>(blockIdx.x / across) * tile::kRows;
  const int first_column = static_cast<int>(blockIdx.x % across) * tile::kColumns;
  const int all_steps = (a.depth + tile::kDepth - 1) / tile::kDepth;
  const int first_step = static_cast<int>(blockIdx.y) * steps_per_slice;
  const int steps = min(steps_per_slice, all_steps - first_step);
  Sums sums;
  tile::multiply_steps(tiles.stages, sums, steps, [&](tile::Stage<kAByDepth, kBByDepth, Cell>& stage, int step) {
    tile::copy_operand(stage.a, a, first_row, (first_step + step) * tile::kDepth);
    tile::copy_operand(stage.b, b, first_column, (first_step + step) * tile::kDepth);
  });
  const std::size_t slice = std::size_t{blockIdx.y} * a.extent * b.extent;
  sums.template for_each<kAByDepth, kBByDepth>([&](int i, int j, float value) {
    const int row = first_row + i, column = first_column + j;
    if (row >= a.extent || column >= b.extent) return;
    value = finished(value, out.bias, column, out.relu);
    const std::size_t at = std::size_t(row) * b.extent + column;
    if (out.parts != nullptr) {
      out.parts[slice + at] = value;
    } else {
      out.y[at] = rounded<Output>(value);
    }
  });
}

struct ProductPlan {
  ProductPlan(int rows, int columns, int depth)
      : tiles(tile::tiles_of(std::size_t(rows), tile::kRows) * tile::tiles_of(std::size_t(columns), tile::kColumns)),
        elements(std::size_t(rows) * std::size_t(columns)) {
    const std::size_t steps = tile::tiles_of(std::size_t(depth), tile::kDepth);
    steps_per_slice = static_cast<int>(tile::tiles_of(steps, std::size_t(tile::slices_for(tiles, steps))));
    slices = static_cast<int>(tile::tiles_of(steps, std::size_t(steps_per_slice)));
  }
  std::size_t scratch_bytes() const { return slices > 1 ? std::size_t(slices) * elements * sizeof(float) : 0; }

  std::size_t tiles, elements;
  int steps_per_slice, slices;
};

// Tensor cores multiply arrays of one type; beside float32 gradients of logits, bfloat16 is multiplied as float32.
template <bool kAByDepth, bool kBByDepth, typename A, typename B, typename Output>
auto product_of(Math math) {
  if constexpr (std::is_same_v<A, B>) {
    if (math == kMmaMath<A>) return product_kernel<tile::MmaSums<A>, kAByDepth, kBByDepth, A, B, Output>;
  }
  return product_kernel<tile::ExactSums, kAByDepth, kBByDepth, A, B, Output>;
}

template <bool kAByDepth, bool kBByDepth, typename A, typename B, typename Output>
void multiply(Stream stream, Math math, const char* name, const tile::Matrix<A>& a, const tile::Matrix<B>& b,
              const float* bias, bool relu, Output* y, Scratch scratch) {
  const ProductPlan plan(a.extent, b.extent, a.depth);
  const bool sliced = plan.slices > 1;
  float* const parts = reinterpret_cast<float*>(scratch.data);
  const ProductOutput<Output> out =
      sliced ? ProductOutput<Output>{nullptr, parts, nullptr, false} : ProductOutput<Output>{y, nullptr, bias, relu};
  launch({.name = name,
          .grid = dim3(static_cast<unsigned>(plan.tiles), static_cast<unsigned>(plan.slices)),
          .block = tile::kBlock,
          .stream = stream},
         product_of<kAByDepth, kBByDepth, A, B, Output>(math), a, b, plan.steps_per_slice, out);
  if (sliced) sum_slices(stream, plan.elements, plan.slices, parts, y, b.extent, bias, relu);
}

// --- few outputs -----------------------------------------------------------------------------------------------------
constexpr int kRowBlock = 256, kRowsOfBlock = kRowBlock / kWarpSize;

// One warp an output; its lanes read neighbouring inputs.
template <typename T, typename Output>
__global__ void __launch_bounds__(kRowBlock)
    few_forward_kernel(std::size_t count, int in, int out, const T* __restrict__ x, const T* __restrict__ w,
                       const float* __restrict__ bias, bool relu, Output* __restrict__ y) {
  const int lane = static_cast<int>(threadIdx.x) % kWarpSize;
  const std::size_t i = std::size_t{blockIdx.x} * kRowsOfBlock + threadIdx.x / kWarpSize;
  const std::size_t outputs = static_cast<std::size_t>(out);
  float sum = 0.0f;
  if (i < count) {
    const T* row = x + i / outputs * static_cast<std::size_t>(in);
    const T* column = w + i % outputs;
    for (int j = lane; j < in; j += kWarpSize) {
      sum += value_of(row[j]) * value_of(column[static_cast<std::size_t>(j) * outputs]);
    }
  }
  sum = warp_reduce<Sum>(sum);
  if (i < count && lane == 0) {
    if (bias != nullptr) sum += bias[i % outputs];
    y[i] = rounded<Output>(relu && sum < 0.0f ? 0.0f : sum);
  }
}

template <typename T, typename Output>
__global__ void __launch_bounds__(kRowBlock)
    few_input_kernel(std::size_t count, int in, int out, const Output* __restrict__ dy, const T* __restrict__ w,
                     T* __restrict__ dx) {
  const std::size_t i = std::size_t{blockIdx.x} * kRowBlock + threadIdx.x;
  if (i >= count) return;
  const Output* row = dy + i / static_cast<std::size_t>(in) * static_cast<std::size_t>(out);
  const T* weights = w + i % static_cast<std::size_t>(in) * static_cast<std::size_t>(out);
  float sum = 0.0f;
  for (int o = 0; o < out; ++o) sum += value_of(row[o]) * value_of(weights[o]);
  dx[i] = rounded<T>(sum);
}

// Column i * out + o of the products whose sum over the samples is dw.
template <typename T, typename Output>
struct WeightProducts {
  const T* x;
  const Output* dy;
  std::size_t in, out;
  __device__ __forceinline__ float operator()(std::size_t row, std::size_t column) const {
    return value_of(x[row * in + column / out]) * value_of(dy[row * out + column % out]);
  }
};

// --- as a convolution ------------------------------------------------------------------------------------------------
// Of n images of one pixel with `channels` channels by `filters` filters of one tap.
Conv2dShape pixels_of(int n, int channels, int filters) {
  return {.n = n, .h = 1, .w = 1, .c = channels, .k = filters, .r = 1, .s = 1, .p = 1, .q = 1};
}

// Whether tensor cores take these extents at these addresses.
template <typename T, typename... Arrays>
bool suits_mma(Math math, const DenseShape& shape, const Arrays*... arrays) {
  if constexpr ((std::is_same_v<Arrays, T> && ...)) {
    return math == kMmaMath<T> && shape.in % tile::kChunk<T> == 0 && shape.out % tile::kChunk<T> == 0 &&
           (aligned16(arrays) && ...);
  } else {
    return false;
  }
}

// Scratch memory is read as vectors.
constexpr std::size_t kPartAlignment = 16;
float* parts_in(Scratch scratch) {
  const auto address = reinterpret_cast<std::uintptr_t>(scratch.data);
  return reinterpret_cast<float*>((address + kPartAlignment - 1) / kPartAlignment * kPartAlignment);
}

// y (n, filters) from x (n, channels); along_depth: w is (filters, channels), else (channels, filters).
template <typename T>
void multiply_pixels(Stream stream, Math math, const char* name, const Conv2dShape& shape, bool along_depth, const T* x,
                     const T* w, const float* bias, bool relu, T* y, Scratch scratch) {
  const CorrelationPlan plan = plan_forward(shape, math, true);
  Correlation correlation = forward_correlation(shape);
  if (!along_depth) correlation.w_out = 1, correlation.w_in = shape.k;
  CorrelationArguments<T> arguments{x, w, bias, relu, y};
  const bool cut = plan.splits > 1;
  if (cut) arguments = {x, w, nullptr, false, nullptr, parts_in(scratch), shape.output_elements()};
  start_correlation_mma(stream, name, plan, correlation, std::size_t(shape.n), along_depth, arguments);
  if (cut) {
    start_output_total(stream, shape.output_elements(), shape.k, {parts_in(scratch), plan.splits, bias, relu}, y);
  }
}

std::size_t mma_scratch_bytes(Math math, const DenseShape& shape) {
  if (!rounds_factors(math) || shape.in % 4 != 0 || shape.out % 4 != 0) return 0;
  const auto floats = [&](int splits, const Conv2dShape& of, std::size_t each) {
    return of.n == 0 || splits == 1 ? 0 : std::size_t(splits) * each;
  };
  const Conv2dShape forward = pixels_of(shape.n, shape.in, shape.out);
  const Conv2dShape gradient = pixels_of(shape.n, shape.out, shape.in);
  const std::size_t most =
      std::max({floats(plan_forward(forward, math, true).splits, forward, forward.output_elements()),
                floats(plan_forward(gradient, math, true).splits, gradient, gradient.output_elements()),
                floats(split_pixels(gradient).splits, gradient, gradient.weight_elements())});
  return most == 0 ? 0 : most * sizeof(float) + kPartAlignment;
}

}  // namespace

std::size_t dense_scratch_bytes(Math math, const DenseShape& shape) {
  return std::max({ProductPlan(shape.n, shape.out, shape.in).scratch_bytes(),
                   ProductPlan(shape.n, shape.in, shape.out).scratch_bytes(),
                   ProductPlan(shape.in, shape.out, shape.n).scratch_bytes(), mma_scratch_bytes(math, shape)});
}

template <typename T, typename Output>
void dense_forward(Stream stream, Math math, const DenseShape& shape, const T* x, const T* w, const float* bias,
                   Activation activation, Output* y, Scratch scratch) {
  const bool relu = activation == Activation::relu;
  if (shape.out <= kFewOutputs) {
    const std::size_t count = std::size_t(shape.n) * std::size_t(shape.out);
    launch({.name = "dense_forward", .grid = blocks_for(count, kRowsOfBlock), .block = kRowBlock, .stream = stream},
           few_forward_kernel<T, Output>, count, shape.in, shape.out, x, w, bias, relu, y);
    return;
  }
  if constexpr (std::is_same_v<T, Output>) {
    if (suits_mma<T>(math, shape, x, w, y)) {
      return multiply_pixels(stream, math, "dense_forward_mma", pixels_of(shape.n, shape.in, shape.out), false, x, w,
                             bias, relu, y, scratch);
    }
  }
  multiply<true, false>(stream, math, "dense_forward", tile::Matrix<T>::by_depth(x, shape.n, shape.in),
                        tile::Matrix<T>::across(w, shape.out, shape.in), bias, relu, y, scratch);
}

template <typename T, typename Output>
void dense_backward_input(Stream stream, Math math, const DenseShape& shape, const Output* dy, const T* w, T* dx,
                          Scratch scratch) {
  if (shape.out <= kFewOutputs) {
    const std::size_t count = std::size_t(shape.n) * std::size_t(shape.in);
    launch({.name = "dense_backward_input", .grid = blocks_for(count, kRowBlock), .block = kRowBlock, .stream = stream},
           few_input_kernel<T, Output>, count, shape.in, shape.out, dy, w, dx);
    return;
  }
  if constexpr (std::is_same_v<T, Output>) {
    if (suits_mma<T>(math, shape, dy, w, dx)) {
      return multiply_pixels(stream, math, "dense_backward_input_mma", pixels_of(shape.n, shape.out, shape.in), true,
                             dy, w, nullptr, false, dx, scratch);
    }
  }
  multiply<true, true>(stream, math, "dense_backward_input", tile::Matrix<Output>::by_depth(dy, shape.n, shape.out),
                       tile::Matrix<T>::by_depth(w, shape.in, shape.out), nullptr, false, dx, scratch);
}

template <typename T, typename Output>
void dense_backward_weights(Stream stream, Math math, const DenseShape& shape, const T* x, const Output* dy, float* dw,
                            float* dbias, Scratch scratch) {
  const std::size_t rows = std::size_t(shape.n), in = std::size_t(shape.in), out = std::size_t(shape.out);
  if (shape.out <= kFewOutputs) {
    sum_columns(stream, WeightProducts<T, Output>{x, dy, in, out}, rows, in * out, 1, dw);
  } else if (suits_mma<T>(math, shape, x, dy)) {
    if constexpr (std::is_same_v<T, Output>) {
      // dw (in, out) is the weight gradient of a convolution that makes x of dy.
      const Conv2dShape pixels = pixels_of(shape.n, shape.out, shape.in);
      const WeightPlan plan = plan_weights(pixels, math, true);
      WeightSums sums{dw, nullptr, 0, plan.splits, plan.pixels};
      if (plan.splits > 1) sums.weights = parts_in(scratch), sums.stride = in * out;
      start_weight_gradient_mma(stream, "dense_backward_weights_mma", plan.tile, forward_correlation(pixels), dy, x,
                                sums);
      if (plan.splits > 1) start_weight_total(stream, in * out, 0, sums, dw, nullptr);
    }
  } else {
    multiply<false, false>(stream, math, "dense_backward_weights", tile::Matrix<T>::across(x, shape.in, shape.n),
                           tile::Matrix<Output>::across(dy, shape.out, shape.n), nullptr, false, dw, scratch);
  }
  if (dbias != nullptr) sum_columns(stream, Elements<Output>{dy, out}, rows, out, 1, dbias);
}

#define CURIE_DENSE_OF(T, Output)                                                                                     \
  template void dense_forward(Stream, Math, const DenseShape&, const T*, const T*, const float*, Activation, Output*, \
                              Scratch);                                                                               \
  template void dense_backward_input(Stream, Math, const DenseShape&, const Output*, const T*, T*, Scratch);          \
  template void dense_backward_weights(Stream, Math, const DenseShape&, const T*, const Output*, float*, float*,      \
                                       Scratch);
CURIE_DENSE_OF(float, float)
CURIE_DENSE_OF(Bf16, Bf16)
CURIE_DENSE_OF(Bf16, float)

}  // namespace curie::CURIE_GPU
