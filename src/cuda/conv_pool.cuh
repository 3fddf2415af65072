// What the kernels of the fused block (convolution + bias + max pool + ReLU + dropout) share: numbers of windows and
// positions, reads of the image under a filter, and the end of a forward pass.
//
// A window is one pooled pixel, all filters; windows count over images, rows and columns. A position is a cell of its
// window, row * pool + column, and so a pixel of the convolution's output.
#pragma once

#include "cuda/dense_tile.cuh"
#include "cuda/device.cuh"
#include "cuda/vec.cuh"
#include "ops/conv2d.h"
#include "ops/step_state.h"
#include "tensor/random.h"

namespace curie::CURIE_GPU {

struct Geometry {
  explicit Geometry(const ConvPoolShape& shape)
      : h(shape.conv.h),
        w(shape.conv.w),
        c(shape.conv.c),
        k(shape.conv.k),
        r(shape.conv.r),
        s(shape.conv.s),
        stride_h(shape.conv.stride_h),
        stride_w(shape.conv.stride_w),
        pad_top(shape.conv.pad_top),
        pad_left(shape.conv.pad_left),
        pool(shape.pool),
        out_h(shape.out_h()),
        out_w(shape.out_w()),
        windows(std::size_t(shape.conv.n) * std::size_t(out_h) * std::size_t(out_w)) {}

  __host__ __device__ int positions() const { return pool * pool; }
  __host__ __device__ int taps() const { return r * s * c; }  // products of one sum

  int h, w, c, k, r, s, stride_h, stride_w, pad_top, pad_left, pool, out_h, out_w;
  std::size_t windows;
};

constexpr int kOutside = 1 << 29;  // a row of no image, whatever is added to it

// Where a filter lies on an image: the image's first element, and the row and column under the filter's first tap.
struct Corner {
  std::size_t image;
  int y, x;
};

__device__ __forceinline__ Corner corner_of(const Geometry& g, std::size_t window, int position) {
  const int column = static_cast<int>(window % static_cast<std::size_t>(g.out_w));
  const std::size_t line = window / static_cast<std::size_t>(g.out_w);
  const int row = static_cast<int>(line % static_cast<std::size_t>(g.out_h));
  const std::size_t image = line / static_cast<std::size_t>(g.out_h);
  return {image * static_cast<std::size_t>(g.h) * static_cast<std::size_t>(g.w) * static_cast<std::size_t>(g.c),
          (row * g.pool + position / g.pool) * g.stride_h - g.pad_top,
          (column * g.pool + position % g.pool) * g.stride_w - g.pad_left};
}

struct Tap {
  int r, s, c;
};

// Tap `index` of the taps() of a filter, outside the image when there is none.
__device__ __forceinline__ Tap tap_of(const Geometry& g, int index) {
  const int rest = index / g.c;
  return {index < g.taps() ? rest / g.s : kOutside, rest % g.s, index % g.c};
}

__device__ __forceinline__ bool inside(const Geometry& g, int y, int x) {
  return static_cast<unsigned>(y) < static_cast<unsigned>(g.h) && static_cast<unsigned>(x) < static_cast<unsigned>(g.w);
}

// Copies the input element under a tap, 0 in the padding; kCount above 1: with the channels behind it, 16 bytes.
template <int kCount, typename Cell, typename T>
__device__ __forceinline__ void copy_input(Cell* to, const T* x, const Geometry& g, const Corner& corner,
                                           const Tap& tap) {
  const int row = corner.y + tap.r, column = corner.x + tap.s;
  const bool valid = inside(g, row, column);
  const std::size_t offset =
      corner.image + (std::size_t(row) * static_cast<std::size_t>(g.w) + std::size_t(column)) * std::size_t(g.c) +
      std::size_t(tap.c);
  tile::copy_cells<kCount>(to, x + (valid ? offset : 0), valid);
}

// The greatest value of a window so far and its position: the first one wins, and NaN wins over numbers.
struct Greatest {
  float value;
  int position;
  __device__ __forceinline__ void take(float candidate, int at) {
    if (at == 0 || candidate > value || candidate != candidate) value = candidate, position = at;
  }
};

// The end of a forward pass.
template <typename T>
struct Finish {
  T* y;
  std::uint8_t* arg_max;   // may be null
  const StepState* state;  // of the dropout; null: nothing is dropped
  std::uint64_t seed;
  std::uint32_t stream, threshold;
  float scale;

  // ReLU (which keeps NaN), dropout, both results, for `count` filters (at most four) from `filter` of a window.
  // Dropout draws four elements at a time: with a multiple of four filters these are one draw.
  __device__ __forceinline__ void store(std::size_t window, int filter, int filters, const Greatest (&four)[4]) const {
    const std::size_t element = window * static_cast<std::size_t>(filters) + static_cast<std::size_t>(filter);
    const RandomStream random{seed, stream, state != nullptr ? state->step : 0};
    std::uint64_t quad = ~std::uint64_t{0};
    Philox4 bits{};
    CURIE_UNROLL
    for (int i = 0; i < 4; ++i) {
      if (filter + i >= filters) continue;
      const std::size_t at = element + static_cast<std::size_t>(i);
      float value = four[i].value < 0.0f ? 0.0f : four[i].value;
      if (state != nullptr) {
        if (at / 4 != quad) quad = at / 4, bits = random.block(quad);
        const std::uint32_t drawn = at % 4 == 0 ? bits[0] : at % 4 == 1 ? bits[1] : at % 4 == 2 ? bits[2] : bits[3];
        value = drawn < threshold ? 0.0f : value * scale;
      }
      y[at] = rounded<T>(value);
      if (arg_max != nullptr) arg_max[at] = static_cast<std::uint8_t>(four[i].position);
    }
  }
};

// The gradient at the convolution's output from the pooled one.
template <typename T>
struct PooledGradient {
  const T* dy;
  const T* y;
  const std::uint8_t* arg_max;
  float scale;

  __device__ __forceinline__ float of(std::size_t element) const {
    const float value = value_of(dy[element]), output = value_of(y[element]);
    return output > 0.0f ? value * scale : 0.0f;
  }
  // All three loads at once rather than one behind the test of another.
  __device__ __forceinline__ float at(std::size_t element, int position, bool exists) const {
    float value = 0.0f, output = 0.0f;
    int greatest = -1;
    if (exists) value = value_of(dy[element]), output = value_of(y[element]), greatest = arg_max[element];
    return greatest == position && output > 0.0f ? value * scale : 0.0f;
  }
};

inline float dropout_scale(float rate) { return rate < 1.0f ? 1.0f / (1.0f - rate) : 0.0f; }

// conv_pool_single.cu: one input channel and square filters of 3 or 5, whose taps fit in registers.
bool conv_pool_single_forward_fits(const ConvPoolShape& shape);
template <typename T>
void conv_pool_single_forward(Stream stream, const ConvPoolShape& shape, const T* x, const T* w, const float* bias,
                              const Finish<T>& finish);
bool conv_pool_single_weights_fits(const ConvPoolShape& shape);
std::size_t conv_pool_single_scratch_bytes(const ConvPoolShape& shape);
template <typename T>
void conv_pool_single_weights(Stream stream, const ConvPoolShape& shape, const T* x, const PooledGradient<T>& gradient,
                              float* dw, float* dbias, float* parts);

}  // namespace curie::CURIE_GPU
