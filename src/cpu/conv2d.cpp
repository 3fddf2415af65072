// Convolution forward and its gradient in x: both are correlations (ops/correlation.h) run by the tile kernel
// (conv2d_tile-inl.h). The gradient in w is in conv2d_weights.cpp.
#include "cpu/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/conv2d.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>

#include "cpu/backend.h"
#include "cpu/conv2d_plan.h"
#include "cpu/conv2d_tile-inl.h"
#include "cpu/conv2d_weights.h"

#ifndef CURIE_CPU_CONV2D_ARGUMENTS_
#define CURIE_CPU_CONV2D_ARGUMENTS_
namespace curie {

struct CorrelationArguments {
  const float* x;
  const float* w;
  const float* bias;  // may be null
  bool relu;
  float* y;
  float* panels;  // panel_floats
  float* biases;  // k rounded up to kMaxBlock
  float* strips;  // strip_floats a worker
};

}  // namespace curie
#endif

HWY_BEFORE_NAMESPACE();
namespace curie::HWY_NAMESPACE {

inline void correlate_band(const Correlation& shape, const BandPlan& plan, const CorrelationArguments& arguments,
                           int task, int worker) {
  const int image = task / plan.bands;
  const int first_p = task % plan.bands * plan.rows;
  const int last_p = std::min(shape.p, first_p + plan.rows);
  const float* x = arguments.x + std::size_t(image) * shape.h * shape.w * shape.c;
  const int first_row = first_p * shape.stride_h - shape.pad_top;
  CorrelationRows rows{};
  if (plan.strip_floats > 0) {
    float* strip = arguments.strips + worker * plan.strip_floats;
    copy_strip(x, shape.h, shape.w, shape.c, first_row, shape.strip_rows(last_p - first_p), -shape.pad_left,
               shape.strip_columns(), strip);
    rows.x = strip;
    rows.x_row = std::size_t(shape.strip_columns()) * shape.c;
  } else {
    rows.x_row = std::size_t(shape.w) * shape.c;
    rows.x = x + first_row * rows.x_row;
  }
  rows.first_p = first_p, rows.last_p = last_p;
  rows.panels = arguments.panels;
  rows.biases = arguments.bias == nullptr ? nullptr : arguments.biases;
  rows.relu = arguments.relu;
  rows.y = arguments.y + shape.y_offset + image * shape.y_image + first_p * shape.y_row;
  rows.y_row = shape.y_row;
  correlate_rows(shape, rows);
}

void correlate(const Correlation& shape, const BandPlan& plan, const CorrelationArguments& arguments,
               ThreadPool& pool) {
  if (arguments.bias != nullptr) {
    std::copy_n(arguments.bias, shape.k, arguments.biases);
    std::fill(arguments.biases + shape.k, arguments.biases + (shape.k + kMaxBlock - 1) / kMaxBlock * kMaxBlock, 0.0f);
  }
  pool.run(blocks_of(shape.k), [&](int block, int) { pack_block(shape, arguments.w, block, arguments.panels); });
  pool.run(shape.n * plan.bands, [&](int task, int worker) { correlate_band(shape, plan, arguments, task, worker); });
}

}  // namespace curie::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace curie {
namespace {

HWY_EXPORT(correlate);

// Returns the bytes used of `data`; fills the three scratch fields.
std::size_t lay_out(const Correlation& shape, const BandPlan& plan, int workers, std::byte* data,
                    CorrelationArguments& arguments) {
  Arena arena(data);
  arguments.panels = arena.take<float>(panel_floats(shape));
  arguments.biases = arena.take<float>((std::size_t(shape.k) + kMaxBlock - 1) / kMaxBlock * kMaxBlock);
  arguments.strips = arena.take<float>(plan.strip_floats * workers);
  return arena.used();
}

void run(const Correlation& shape, CorrelationArguments arguments, ThreadPool& pool, Scratch scratch) {
  const BandPlan plan = plan_bands(shape, 1);
  if (plan.bands == 0) return;
  lay_out(shape, plan, pool.threads(), aligned_start(scratch.data), arguments);
  HWY_DYNAMIC_DISPATCH(correlate)(shape, plan, arguments, pool);
}

std::size_t bytes_of(const Correlation& shape, int workers) {
  CorrelationArguments arguments{};
  return lay_out(shape, plan_bands(shape, 1), workers, nullptr, arguments);
}

}  // namespace

std::size_t CpuBackend::scratch_bytes(const Conv2dShape& shape) const {
  std::size_t bytes = bytes_of(forward_correlation(shape), pool_.threads());
  for (int a = 0; a < shape.stride_h; ++a) {
    for (int b = 0; b < shape.stride_w; ++b) {
      bytes = std::max(bytes, bytes_of(input_gradient_correlation(shape, a, b), pool_.threads()));
    }
  }
  bytes = std::max(bytes, weight_gradient_bytes(shape, pool_.threads()));
  return bytes + kAlignmentSlack;
}

void CpuBackend::conv2d_forward(const Conv2dShape& shape, const float* x, const float* w, const float* bias,
                                Activation activation, float* y, Scratch scratch) {
  CorrelationArguments arguments{};
  arguments.x = x, arguments.w = w, arguments.bias = bias, arguments.y = y;
  arguments.relu = activation == Activation::relu;
  run(forward_correlation(shape), arguments, pool_, scratch);
}

void CpuBackend::conv2d_backward_input(const Conv2dShape& shape, const float* dy, const float* w, float* dx,
                                       Scratch scratch) {
  CorrelationArguments arguments{};
  arguments.x = dy, arguments.w = w, arguments.y = dx;
  for (int a = 0; a < shape.stride_h; ++a) {
    for (int b = 0; b < shape.stride_w; ++b) {
      run(input_gradient_correlation(shape, a, b), arguments, pool_, scratch);
    }
  }
}

void CpuBackend::conv2d_backward_weights(const Conv2dShape& shape, const float* x, const float* dy, float* dw,
                                         float* dbias, Scratch scratch) {
  weight_gradient(shape, x, dy, dw, dbias, pool_, scratch);
}

}  // namespace curie
#endif
