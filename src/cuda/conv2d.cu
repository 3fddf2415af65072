// Convolution: the choice of kernels (conv2d_plan.h has the table) and the layout of scratch memory.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <type_traits>

#include "cuda/conv2d_winograd.h"
#include "cuda/tensor_map.h"

namespace curie::CURIE_GPU {
namespace {

bool aligned(const void* address) { return reinterpret_cast<std::uintptr_t>(address) % 16 == 0; }
bool in_fours(const Conv2dShape& shape) { return shape.c % 4 == 0 && shape.k % 4 == 0; }

// What a plan may choose for arrays of T: their own tensor-core kernels, or float32.
template <typename T>
Math math_of(Math math) {
  constexpr Math kOwn = std::is_same_v<T, float> ? Math::tf32 : Math::bf16;
  return math == kOwn ? kOwn : Math::exact;
}

// Floats of one part of a weight gradient: dw, dbias.
std::size_t part_floats(const Conv2dShape& shape) { return shape.weight_elements() + std::size_t(shape.k); }

// Parts of an output are read as vectors.
constexpr std::size_t kPartAlignment = 16;

float* parts_in(Scratch scratch) {
  const auto address = reinterpret_cast<std::uintptr_t>(scratch.data);
  return reinterpret_cast<float*>((address + kPartAlignment - 1) / kPartAlignment * kPartAlignment);
}

// The filters of a tile of conv2d_wgmma.cu, where that is to compute what bf16 tensor cores would; else 0.
int columns_for_wgmma(const CorrelationPlan& plan, const Correlation& correlation) {
  const int columns = plan.kernel == Kernel::bf16 ? wgmma_columns(correlation) : 0;
  return columns > 0 && has_wgmma() ? columns : 0;
}

// The arguments of a correlation that writes parts, of `count` outputs each, to scratch memory.
template <typename T>
CorrelationArguments<T> in_parts(const CorrelationArguments<T>& all, std::size_t count, Scratch scratch) {
  return {all.x, all.w, nullptr, false, nullptr, parts_in(scratch), count};
}

// How Winograd's method is to compute the correlation, where it wins.
std::optional<WinogradPlan> winning_winograd(const Correlation& correlation) {
  if (!winograd_takes(correlation)) return std::nullopt;
  const WinogradPlan plan = plan_winograd(correlation);
  return plan.wins ? std::optional(plan) : std::nullopt;
}
std::size_t winograd_floats(const Correlation& correlation) {
  const std::optional<WinogradPlan> plan = winning_winograd(correlation);
  return plan ? plan->floats : 0;
}

// Starts Winograd's kernels where they are wanted and win; whether it did.
template <typename T>
bool started_winograd(Stream stream, Math math, bool vectors, const Correlation& correlation, bool along_depth,
                      const CorrelationArguments<T>& arguments, Scratch scratch) {
  if constexpr (std::is_same_v<T, float>) {
    if (math != Math::winograd || !vectors) return false;
    const std::optional<WinogradPlan> plan = winning_winograd(correlation);
    if (plan) start_winograd(stream, *plan, correlation, along_depth, arguments, parts_in(scratch));
    return plan.has_value();
  } else {
    return false;
  }
}

}  // namespace

bool conv2d_by_winograd(const Conv2dShape& shape) { return winning_winograd(forward_correlation(shape)).has_value(); }

std::size_t conv2d_scratch_bytes(Math math, const Conv2dShape& shape) {
  const WeightSplits weights = split_pixels(shape);
  const CorrelationPlan forward = plan_forward(shape, math, in_fours(shape));
  const CorrelationPlan gradient = plan_input_gradient(shape, math, in_fours(shape));
  const auto floats = [](int parts, std::size_t each) { return parts == 1 ? 0 : std::size_t(parts) * each; };
  std::size_t most =
      std::max({floats(weights.splits, part_floats(shape)), floats(forward.splits, shape.output_elements()),
                floats(gradient.splits, shape.input_elements())});
  if (math == Math::winograd) {
    most = std::max(
        {most, winograd_floats(forward_correlation(shape)), winograd_floats(input_gradient_correlation(shape, 0, 0))});
  }
  return most == 0 ? 0 : most * sizeof(float) + kPartAlignment;
}

template <typename T>
void conv2d_forward(Stream stream, Math math, const Conv2dShape& shape, const T* x, const T* w, const float* bias,
                    Activation activation, T* y, Scratch scratch) {
  if (shape.output_elements() == 0) return;
  const CorrelationArguments<T> arguments{x, w, bias, activation == Activation::relu, y};
  const bool vectors = in_fours(shape) && aligned(x) && aligned(w) && aligned(y);
  const CorrelationPlan plan = plan_forward(shape, math_of<T>(math), vectors);
  if (plan.kernel == Kernel::few_channels) {
    return start_forward_few(stream, shape.k % 4 == 0 && aligned(y), shape, arguments);
  }
  const Correlation correlation = forward_correlation(shape);
  if (started_winograd(stream, math, vectors, correlation, true, arguments, scratch)) return;
  if (!on_tensor_cores(plan.kernel)) return start_forward(stream, plan.tile, vectors, shape, arguments);
  if constexpr (std::is_same_v<T, Bf16>) {
    if (const int columns = columns_for_wgmma(plan, correlation); columns > 0) {
      return start_forward_wgmma(stream, columns, shape, arguments);
    }
  }
  const char* name = plan.kernel == Kernel::tf32 ? "conv2d_forward_tf32" : "conv2d_forward_bf16";
  const std::size_t pixels = std::size_t(shape.n) * shape.p * shape.q, count = shape.output_elements();
  const bool cut = plan.splits > 1;
  start_correlation_mma(stream, name, plan, correlation, pixels, true,
                        cut ? in_parts(arguments, count, scratch) : arguments);
  if (cut) {
    start_output_total(stream, count, shape.k, {parts_in(scratch), plan.splits, bias, arguments.relu}, y);
  }
}

template <typename T>
void conv2d_backward_input(Stream stream, Math math, const Conv2dShape& given, const T* dy, const T* w, T* dx,
                           Scratch scratch) {
  const Conv2dShape shape = with_least_strides(given);
  if (shape.input_elements() == 0) return;
  const CorrelationArguments<T> arguments{dy, w, nullptr, false, dx};
  const bool vectors = in_fours(shape) && aligned(dy) && aligned(w) && aligned(dx);
  const CorrelationPlan plan = plan_input_gradient(shape, math_of<T>(math), vectors);
  const bool whole = shape.stride_h == 1 && shape.stride_w == 1;  // the first residue's correlation computes all of dx
  const Correlation correlation = input_gradient_correlation(shape, 0, 0);
  if (whole && started_winograd(stream, math, vectors, correlation, false, arguments, scratch)) return;
  if (!on_tensor_cores(plan.kernel)) return start_input_gradient(stream, plan.tile, vectors, shape, arguments);
  if constexpr (std::is_same_v<T, Bf16>) {
    const int columns = whole ? columns_for_wgmma(plan, correlation) : 0;
    if (columns > 0) return start_input_gradient_wgmma(stream, columns, shape, arguments);
  }
  const std::size_t count = shape.input_elements();
  const bool cut = plan.splits > 1;
  start_input_gradient_mma(stream, plan, shape, cut ? in_parts(arguments, count, scratch) : arguments);
  if (cut) start_output_total(stream, count, shape.c, {parts_in(scratch), plan.splits, nullptr, false}, dx);
}

template <typename T>
void conv2d_backward_weights(Stream stream, Math math, const Conv2dShape& shape, const T* x, const T* dy, float* dw,
                             float* dbias, Scratch scratch) {
  const bool vectors = in_fours(shape) && aligned(x) && aligned(dy);
  const WeightPlan plan = plan_weights(shape, math_of<T>(math), vectors);
  WeightSums sums{dw, dbias, 0, plan.splits, plan.pixels};
  if (plan.splits > 1) {
    sums.weights = parts_in(scratch);
    sums.bias = dbias == nullptr ? nullptr : sums.weights + shape.weight_elements();
    sums.stride = part_floats(shape);
  }
  switch (plan.kernel) {
    case Kernel::few_channels:
      start_weight_gradient_few(stream, shape, x, dy, sums);
      break;
    case Kernel::tf32:
    case Kernel::bf16:
      start_weight_gradient_mma(
          stream, plan.kernel == Kernel::tf32 ? "conv2d_weight_gradient_tf32" : "conv2d_weight_gradient_bf16",
          plan.tile, forward_correlation(shape), x, dy, sums);
      break;
    case Kernel::float32:
      start_weight_gradient(stream, plan.tile, vectors, shape, x, dy, sums);
  }
  if (plan.splits > 1) start_weight_total(stream, shape.weight_elements(), shape.k, sums, dw, dbias);
}

#define CURIE_CONVOLUTIONS_OF(T)                                                                                   \
  template void conv2d_forward(Stream, Math, const Conv2dShape&, const T*, const T*, const float*, Activation, T*, \
                               Scratch);                                                                           \
  template void conv2d_backward_input(Stream, Math, const Conv2dShape&, const T*, const T*, T*, Scratch);          \
  template void conv2d_backward_weights(Stream, Math, const Conv2dShape&, const T*, const T*, float*, float*, Scratch);
CURIE_CONVOLUTIONS_OF(float)
CURIE_CONVOLUTIONS_OF(Bf16)

}  // namespace curie::CURIE_GPU
