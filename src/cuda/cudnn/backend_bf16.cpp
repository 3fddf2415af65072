#include "cuda/cudnn/backend_bf16.h"

#include <algorithm>

#include "cuda/cudnn/backend.h"
#include "cuda/cudnn/workspace.h"

namespace curie::CURIE_GPU {
namespace {

// Arrays of bfloat16 behind a workspace, each at an address that the libraries take.
class Rounded {
 public:
  Rounded(Scratch scratch, std::size_t workspace) : next_(vendor_workspace(scratch) + behind_workspace(workspace)) {}

  Bf16* take(std::size_t elements) {
    auto* const array = reinterpret_cast<Bf16*>(next_);
    next_ += bytes(elements);
    return array;
  }
  static std::size_t bytes(std::size_t elements) {
    return (elements * sizeof(Bf16) + kVendorTensorAlignment - 1) / kVendorTensorAlignment * kVendorTensorAlignment;
  }

 private:
  std::byte* next_;
};

}  // namespace

CudnnBf16::CudnnBf16(CudnnBackend& backend) : Bf16Kernels(backend.runtime(), backend.products()), backend_(backend) {}

std::size_t CudnnBf16::working_bytes(const Conv2dShape& shape) const {
  return behind_workspace(backend_.plan_of(shape).workspace()) + Rounded::bytes(shape.weight_elements()) +
         Rounded::bytes(static_cast<std::size_t>(shape.k));
}

std::size_t CudnnBf16::working_bytes(const DenseShape& shape) const {
  const std::size_t workspace =
      std::max(backend_.plan_of(shape).workspace(), backend_.plan_of(shape, true).workspace());
  return behind_workspace(workspace) + Rounded::bytes(static_cast<std::size_t>(shape.out));
}

// --- convolution ----------------------------------------------------------------------------------------------------

void CudnnBf16::conv2d_forward(const Conv2dShape& shape, const Bf16* x, const Bf16* w, const float* bias,
                               Activation activation, Bf16* y, Scratch scratch) {
  ConvolutionPlan* plan = backend_.primitives_.convolution ? &backend_.plan_of(shape) : nullptr;
  if (plan == nullptr || !plan->forward || !aligned_for_vendor({x, w, y})) {
    return Bf16Kernels::conv2d_forward(shape, x, w, bias, activation, y, scratch);
  }
  Bf16* rounded_bias = nullptr;
  if (bias != nullptr) {
    const auto filters = static_cast<std::size_t>(shape.k);
    rounded_bias = Rounded(scratch, plan->workspace()).take(filters);
    backend_.cast_to_bf16(filters, bias, rounded_bias);
  }
  if (backend_.convolve(*plan, x, w, rounded_bias, activation, y, vendor_workspace(scratch))) {
    activation_forward(Activation::relu, shape.output_elements(), y, y);
  }
}

void CudnnBf16::conv2d_backward_input(const Conv2dShape& shape, const Bf16* dy, const Bf16* w, Bf16* dx,
                                      Scratch scratch) {
  const ConvolutionPlan* plan = backend_.primitives_.convolution ? &backend_.plan_of(shape) : nullptr;
  if (plan == nullptr || !plan->backward_input || !aligned_for_vendor({dy, w, dx})) {
    return Bf16Kernels::conv2d_backward_input(shape, dy, w, dx, scratch);
  }
  backend_.convolve_back(*plan, dy, w, dx, vendor_workspace(scratch));
}

void CudnnBf16::conv2d_backward_weights(const Conv2dShape& shape, const Bf16* x, const Bf16* dy, float* dw,
                                        float* dbias, Scratch scratch) {
  const ConvolutionPlan* plan = backend_.primitives_.convolution ? &backend_.plan_of(shape) : nullptr;
  if (plan == nullptr || !plan->backward_weights || !aligned_for_vendor({x, dy})) {
    return Bf16Kernels::conv2d_backward_weights(shape, x, dy, dw, dbias, scratch);
  }
  const auto filters = static_cast<std::size_t>(shape.k);
  Rounded rounded(scratch, plan->workspace());
  Bf16 *const rounded_dw = rounded.take(shape.weight_elements()), *const rounded_dbias = rounded.take(filters);
  backend_.convolve_weights(*plan, x, dy, rounded_dw, dbias != nullptr ? rounded_dbias : nullptr,
                            vendor_workspace(scratch));
  backend_.cast_to_f32(shape.weight_elements(), rounded_dw, dw);
  if (dbias != nullptr) backend_.cast_to_f32(filters, rounded_dbias, dbias);
}

// --- pooling --------------------------------------------------------------------------------------------------------

void CudnnBf16::max_pool_forward(const PoolShape& shape, const Bf16* x, Bf16* y, std::uint8_t* arg_max) {
  const auto* plan = backend_.primitives_.pooling && arg_max == nullptr ? &backend_.plan_of(shape) : nullptr;
  if (plan == nullptr || plan->x == nullptr || !aligned_for_vendor({x, y})) {
    return Bf16Kernels::max_pool_forward(shape, x, y, arg_max);
  }
  backend_.pool(*plan, plan->maximum, x, y);
}

void CudnnBf16::average_pool_forward(const PoolShape& shape, const Bf16* x, Bf16* y) {
  const auto* plan = backend_.primitives_.pooling ? &backend_.plan_of(shape) : nullptr;
  if (plan == nullptr || plan->x == nullptr || !aligned_for_vendor({x, y})) {
    return Bf16Kernels::average_pool_forward(shape, x, y);
  }
  backend_.pool(*plan, plan->average, x, y);
}

void CudnnBf16::average_pool_backward(const PoolShape& shape, const Bf16* dy, Bf16* dx) {
  const auto* plan = backend_.primitives_.pooling ? &backend_.plan_of(shape) : nullptr;
  if (plan == nullptr || plan->x == nullptr || !aligned_for_vendor({dy, dx})) {
    return Bf16Kernels::average_pool_backward(shape, dy, dx);
  }
  backend_.pool_back(*plan, dy, dx);
}

// --- dense ----------------------------------------------------------------------------------------------------------

void CudnnBf16::dense_forward(const DenseShape& shape, const Bf16* x, const Bf16* w, const float* bias,
                              Activation activation, Bf16* y, Scratch scratch) {
  if (backend_.primitives_.dense && aligned_for_vendor({x, w, y})) {
    if (const auto& product = backend_.plan_of(shape).forward[bias != nullptr][activation == Activation::relu]) {
      Bf16* rounded_bias = nullptr;
      if (bias != nullptr) {
        const auto units = static_cast<std::size_t>(shape.out);
        rounded_bias = Rounded(scratch, product->workspace()).take(units);
        backend_.cast_to_bf16(units, bias, rounded_bias);
      }
      return backend_.multiply(*product, w, x, y, rounded_bias, scratch);
    }
  }
  Bf16Kernels::dense_forward(shape, x, w, bias, activation, y, scratch);
}

void CudnnBf16::dense_forward(const DenseShape& shape, const Bf16* x, const Bf16* w, const float* bias,
                              Activation activation, float* y, Scratch scratch) {
  if (backend_.primitives_.dense && aligned_for_vendor({x, w, bias, y})) {
    if (const auto& product = backend_.plan_of(shape, true).forward[bias != nullptr][activation == Activation::relu]) {
      return backend_.multiply(*product, w, x, y, bias, scratch);
    }
  }
  Bf16Kernels::dense_forward(shape, x, w, bias, activation, y, scratch);
}

void CudnnBf16::dense_backward_input(const DenseShape& shape, const Bf16* dy, const Bf16* w, Bf16* dx,
                                     Scratch scratch) {
  if (backend_.primitives_.dense && aligned_for_vendor({dy, w, dx})) {
    if (const auto& product = backend_.plan_of(shape).backward_input) {
      return backend_.multiply(*product, w, dy, dx, nullptr, scratch);
    }
  }
  Bf16Kernels::dense_backward_input(shape, dy, w, dx, scratch);
}

void CudnnBf16::dense_backward_weights(const DenseShape& shape, const Bf16* x, const Bf16* dy, float* dw, float* dbias,
                                       Scratch scratch) {
  if (backend_.primitives_.dense && aligned_for_vendor({x, dy, dw, dbias})) {
    if (const auto& product = backend_.plan_of(shape).backward_weights[dbias != nullptr]) {
      return backend_.multiply(*product, dy, x, dw, dbias, scratch);
    }
  }
  Bf16Kernels::dense_backward_weights(shape, x, dy, dw, dbias, scratch);
}

}  // namespace curie::CURIE_GPU
