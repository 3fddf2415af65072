// The three products of a fully connected layer. Products with one or a few outputs are sums along rows or columns,
// bound by memory; all others are tiled matrix products, cut along the depth where there are too few tiles to fill a
// GPU.
//
//   forward  y  (n, out)  = x (n, in)   * w (in, out)
//   input    dx (n, in)   = dy (n, out) * w^T
//   weights  dw (in, out) = x^T         * dy (n, out)
#include "cuda/dense_sums.cuh"
#include "cuda/dense_tile.cuh"
#include "cuda/kernels.h"
#include "cuda/launch.cuh"
#include "cuda/reduce.cuh"

namespace curie::CURIE_GPU {
namespace {

constexpr int kFewOutputs = 4;

// --- tiled products
// -----------------------------------------------------------------------------------------------------
struct ProductOutput {
  float* y;  // (slices, rows, columns)
  const float* bias;
  bool relu;
};

template <bool kAByDepth, bool kBByDepth>
struct ProductTiles {
  tile::Stage<kAByDepth, kBByDepth> stages[2];
};

// blockIdx.x: tile, along columns first, so that neighbours share rows of A; blockIdx.y: slice of the depth.
template <typename Sums, bool kAByDepth, bool kBByDepth>
__global__ void __launch_bounds__(tile::kBlock, tile::kBlocksPerProcessor)
    product_kernel(tile::Matrix a, tile::Matrix b, int steps_per_slice, ProductOutput out) {
  auto& tiles = shared<ProductTiles<kAByDepth, kBByDepth>>();
  const unsigned across = static_cast<unsigned>((b.extent + tile::kColumns - 1) / tile::kColumns);
  const int first_row = static_cast<int>(blockIdx.x / across) * tile::kRows;
  const int first_column = static_cast<int>(blockIdx.x % across) * tile::kColumns;
  const int all_steps = (a.depth + tile::kDepth - 1) / tile::kDepth;
  const int first_step = static_cast<int>(blockIdx.y) * steps_per_slice;
  const int steps = min(steps_per_slice, all_steps - first_step);
  Sums sums;
  tile::multiply_steps(tiles.stages, sums, steps, [&](tile::Stage<kAByDepth, kBByDepth>& stage, int step) {
    tile::copy_operand(stage.a, a, first_row, (first_step + step) * tile::kDepth);
    tile::copy_operand(stage.b, b, first_column, (first_step + step) * tile::kDepth);
  });
  float* const y = out.y + std::size_t{blockIdx.y} * a.extent * b.extent;
  sums.template for_each<kAByDepth, kBByDepth>([&](int i, int j, float value) {
    const int row = first_row + i, column = first_column + j;
    if (row >= a.extent || column >= b.extent) return;
    if (out.bias != nullptr) value += out.bias[column];
    y[std::size_t(row) * b.extent + column] = out.relu && value < 0.0f ? 0.0f : value;
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

template <bool kAByDepth, bool kBByDepth>
void multiply(Stream stream, Math math, const char* name, const tile::Matrix& a, const tile::Matrix& b,
              const float* bias, bool relu, float* y, Scratch scratch) {
  const ProductPlan plan(a.extent, b.extent, a.depth);
  const bool sliced = plan.slices > 1;
  float* const parts = reinterpret_cast<float*>(scratch.data);
  const ProductOutput out = sliced ? ProductOutput{parts, nullptr, false} : ProductOutput{y, bias, relu};
  launch({.name = name,
          .grid = dim3(static_cast<unsigned>(plan.tiles), static_cast<unsigned>(plan.slices)),
          .block = tile::kBlock,
          .stream = stream},
         math == Math::tf32 ? product_kernel<tile::Tf32Sums, kAByDepth, kBByDepth>
                            : product_kernel<tile::ExactSums, kAByDepth, kBByDepth>,
         a, b, plan.steps_per_slice, out);
  if (sliced) sum_slices(stream, plan.elements, plan.slices, parts, y, b.extent, bias, relu);
}

// --- few outputs
// --------------------------------------------------------------------------------------------------------
constexpr int kRowBlock = 256, kRowsOfBlock = kRowBlock / kWarpSize;

// One warp an output; its lanes read neighbouring inputs.
__global__ void __launch_bounds__(kRowBlock)
    few_forward_kernel(std::size_t count, int in, int out, const float* __restrict__ x, const float* __restrict__ w,
                       const float* __restrict__ bias, bool relu, float* __restrict__ y) {
  const int lane = static_cast<int>(threadIdx.x) % kWarpSize;
  const std::size_t i = std::size_t{blockIdx.x} * kRowsOfBlock + threadIdx.x / kWarpSize;
  const std::size_t outputs = static_cast<std::size_t>(out);
  float sum = 0.0f;
  if (i < count) {
    const float* row = x + i / outputs * static_cast<std::size_t>(in);
    const float* column = w + i % outputs;
    for (int j = lane; j < in; j += kWarpSize) sum += row[j] * column[static_cast<std::size_t>(j) * outputs];
  }
  sum = warp_reduce<Sum>(sum);
  if (i < count && lane == 0) {
    if (bias != nullptr) sum += bias[i % outputs];
    y[i] = relu && sum < 0.0f ? 0.0f : sum;
  }
}

__global__ void __launch_bounds__(kRowBlock)
    few_input_kernel(std::size_t count, int in, int out, const float* __restrict__ dy, const float* __restrict__ w,
                     float* __restrict__ dx) {
  const std::size_t i = std::size_t{blockIdx.x} * kRowBlock + threadIdx.x;
  if (i >= count) return;
  const float* row = dy + i / static_cast<std::size_t>(in) * static_cast<std::size_t>(out);
  const float* weights = w + i % static_cast<std::size_t>(in) * static_cast<std::size_t>(out);
  float sum = 0.0f;
  for (int o = 0; o < out; ++o) sum += row[o] * weights[o];
  dx[i] = sum;
}

// Column i * out + o of the products whose sum over the samples is dw.
struct WeightProducts {
  const float* x;
  const float* dy;
  std::size_t in, out;
  __device__ __forceinline__ float operator()(std::size_t row, std::size_t column) const {
    return x[row * in + column / out] * dy[row * out + column % out];
  }
};

struct Elements {
  const float* values;
  std::size_t columns;
  __device__ __forceinline__ float operator()(std::size_t row, std::size_t column) const {
    return values[row * columns + column];
  }
};

}  // namespace

std::size_t dense_scratch_bytes(const DenseShape& shape) {
  const std::size_t forward = ProductPlan(shape.n, shape.out, shape.in).scratch_bytes();
  const std::size_t input = ProductPlan(shape.n, shape.in, shape.out).scratch_bytes();
  const std::size_t weights = ProductPlan(shape.in, shape.out, shape.n).scratch_bytes();
  const std::size_t gradients = input > weights ? input : weights;
  return forward > gradients ? forward : gradients;
}

void dense_forward(Stream stream, Math math, const DenseShape& shape, const float* x, const float* w, const float* bias,
                   Activation activation, float* y, Scratch scratch) {
  const bool relu = activation == Activation::relu;
  if (shape.out <= kFewOutputs) {
    const std::size_t count = std::size_t(shape.n) * std::size_t(shape.out);
    launch({.name = "dense_forward", .grid = blocks_for(count, kRowsOfBlock), .block = kRowBlock, .stream = stream},
           few_forward_kernel, count, shape.in, shape.out, x, w, bias, relu, y);
    return;
  }
  multiply<true, false>(stream, math, "dense_forward", tile::Matrix::by_depth(x, shape.n, shape.in),
                        tile::Matrix::across(w, shape.out, shape.in), bias, relu, y, scratch);
}

void dense_backward_input(Stream stream, Math math, const DenseShape& shape, const float* dy, const float* w, float* dx,
                          Scratch scratch) {
  if (shape.out <= kFewOutputs) {
    const std::size_t count = std::size_t(shape.n) * std::size_t(shape.in);
    launch({.name = "dense_backward_input", .grid = blocks_for(count, kRowBlock), .block = kRowBlock, .stream = stream},
           few_input_kernel, count, shape.in, shape.out, dy, w, dx);
    return;
  }
  multiply<true, true>(stream, math, "dense_backward_input", tile::Matrix::by_depth(dy, shape.n, shape.out),
                       tile::Matrix::by_depth(w, shape.in, shape.out), nullptr, false, dx, scratch);
}

void dense_backward_weights(Stream stream, Math math, const DenseShape& shape, const float* x, const float* dy,
                            float* dw, float* dbias, Scratch scratch) {
  const std::size_t rows = std::size_t(shape.n), in = std::size_t(shape.in), out = std::size_t(shape.out);
  if (shape.out <= kFewOutputs) {
    sum_columns(stream, WeightProducts{x, dy, in, out}, rows, in * out, 1, dw);
  } else {
    multiply<false, false>(stream, math, "dense_backward_weights", tile::Matrix::across(x, shape.in, shape.n),
                           tile::Matrix::across(dy, shape.out, shape.n), nullptr, false, dw, scratch);
  }
  if (dbias != nullptr) sum_columns(stream, Elements{dy, out}, rows, out, 1, dbias);
}

}  // namespace curie::CURIE_GPU
