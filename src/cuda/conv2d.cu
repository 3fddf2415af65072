// Convolution: the choice of kernels (conv2d_plan.h has the table) and the layout of scratch memory.
#include <cstdint>

#include "cuda/conv2d.h"

namespace curie::CURIE_GPU {
namespace {

bool aligned(const void* address) { return reinterpret_cast<std::uintptr_t>(address) % 16 == 0; }
bool in_fours(const Conv2dShape& shape) { return shape.c % 4 == 0 && shape.k % 4 == 0; }

// Floats of one part of a weight gradient: dw, dbias.
std::size_t part_floats(const Conv2dShape& shape) { return shape.weight_elements() + std::size_t(shape.k); }

constexpr std::size_t kFloatAlignment = alignof(float);

}  // namespace

std::size_t conv2d_scratch_bytes(const Conv2dShape& shape) {
  const WeightSplits parts = split_pixels(shape);
  return parts.splits == 1 ? 0 : parts.splits * part_floats(shape) * sizeof(float) + kFloatAlignment;
}

void conv2d_forward(Stream stream, Math math, const Conv2dShape& shape, const float* x, const float* w,
                    const float* bias, Activation activation, float* y, Scratch) {
  if (shape.output_elements() == 0) return;
  const CorrelationArguments arguments{x, w, bias, activation == Activation::relu, y};
  const bool vectors = in_fours(shape) && aligned(x) && aligned(w) && aligned(y);
  const CorrelationPlan plan = plan_forward(shape, math, vectors);
  switch (plan.kernel) {
    case Kernel::few_channels:
      return start_forward_few(stream, shape.k % 4 == 0 && aligned(y), shape, arguments);
    case Kernel::tf32:
      return start_forward_tf32(stream, plan.tile, shape, arguments);
    case Kernel::float32:
      return start_forward(stream, plan.tile, vectors, shape, arguments);
  }
}

void conv2d_backward_input(Stream stream, Math math, const Conv2dShape& given, const float* dy, const float* w,
                           float* dx, Scratch) {
  // Along an axis of one output no step is made, and a stride of 1 has the fewest residues.
  Conv2dShape shape = given;
  if (shape.p == 1) shape.stride_h = 1;
  if (shape.q == 1) shape.stride_w = 1;
  if (shape.input_elements() == 0) return;
  const CorrelationArguments arguments{dy, w, nullptr, false, dx};
  const bool vectors = in_fours(shape) && aligned(dy) && aligned(w) && aligned(dx);
  const CorrelationPlan plan = plan_input_gradient(shape, math, vectors);
  if (plan.kernel == Kernel::tf32) return start_input_gradient_tf32(stream, plan.tile, shape, arguments);
  start_input_gradient(stream, plan.tile, vectors, shape, arguments);
}

void conv2d_backward_weights(Stream stream, Math math, const Conv2dShape& shape, const float* x, const float* dy,
                             float* dw, float* dbias, Scratch scratch) {
  const bool vectors = in_fours(shape) && aligned(x) && aligned(dy);
  const WeightPlan plan = plan_weights(shape, math, vectors);
  WeightSums sums{dw, dbias, 0, plan.splits, plan.pixels};
  if (plan.splits > 1) {
    const auto address = reinterpret_cast<std::uintptr_t>(scratch.data);
    sums.weights = reinterpret_cast<float*>((address + kFloatAlignment - 1) / kFloatAlignment * kFloatAlignment);
    sums.bias = dbias == nullptr ? nullptr : sums.weights + shape.weight_elements();
    sums.stride = part_floats(shape);
  }
  switch (plan.kernel) {
    case Kernel::few_channels:
      start_weight_gradient_few(stream, shape, x, dy, sums);
      break;
    case Kernel::tf32:
      start_weight_gradient_tf32(stream, plan.tile, shape, x, dy, sums);
      break;
    case Kernel::float32:
      start_weight_gradient(stream, plan.tile, vectors, shape, x, dy, sums);
  }
  if (plan.splits > 1) start_weight_total(stream, shape, sums, dw, dbias);
}

}  // namespace curie::CURIE_GPU
