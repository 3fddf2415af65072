// The three directions of a convolution through cuDNN.
#include <algorithm>

#include "cuda/cudnn/backend.h"
#include "cuda/cudnn/backend_bf16.h"
#include "cuda/cudnn/workspace.h"

namespace curie::CURIE_GPU {
namespace {

constexpr float kOne = 1.0f, kZero = 0.0f;

}  // namespace

std::size_t CudnnBackend::scratch_bytes(const Conv2dShape& shape) const {
  const std::size_t own = GpuBackend::scratch_bytes(shape);
  if (!primitives_.convolution) return own;
  const std::size_t theirs = bf16_ != nullptr ? bf16_->working_bytes(shape) : plan_of(shape).workspace();
  return std::max(own, vendor_scratch_bytes(theirs));
}

bool CudnnBackend::fuses(const ConvPoolShape& shape) const {
  return !primitives_.convolution && GpuBackend::fuses(shape);
}

bool CudnnBackend::convolve(ConvolutionPlan& plan, const void* x, const void* w, const void* bias,
                            Activation activation, void* y, std::byte* workspace) {
  const CudnnFunctions& cudnn = functions_->cudnn;
  const auto& [convolution, algorithm, bytes] = *plan.forward;
  const bool relu = activation == Activation::relu;
  // With the identity in the place of ReLU only this algorithm adds a bias.
  if (bias != nullptr && plan.fuses_bias && (relu || algorithm == CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM)) {
    const cudnnStatus_t status = cudnn.cudnnConvolutionBiasActivationForward(
        cudnn_.get(), &kOne, plan.x.get(), x, plan.w.get(), w, convolution.get(), algorithm, workspace, bytes, &kZero,
        plan.y.get(), y, plan.bias.get(), bias, relu ? relu_.get() : identity_.get(), plan.y.get(), y);
    if (CUDNN_STATUS_CATEGORY(status) != CUDNN_STATUS_NOT_SUPPORTED) {
      cudnn.check(status, "cudnnConvolutionBiasActivationForward");
      return false;
    }
    plan.fuses_bias = false;
  }
  cudnn.check(cudnn.cudnnConvolutionForward(cudnn_.get(), &kOne, plan.x.get(), x, plan.w.get(), w, convolution.get(),
                                            algorithm, workspace, bytes, &kZero, plan.y.get(), y),
              "cudnnConvolutionForward");
  if (bias != nullptr) {
    cudnn.check(cudnn.cudnnAddTensor(cudnn_.get(), &kOne, plan.bias.get(), bias, &kOne, plan.y.get(), y),
                "cudnnAddTensor");
  }
  return relu;
}

void CudnnBackend::convolve_back(const ConvolutionPlan& plan, const void* dy, const void* w, void* dx,
                                 std::byte* workspace) {
  const auto& [convolution, algorithm, bytes] = *plan.backward_input;
  functions_->cudnn.check(functions_->cudnn.cudnnConvolutionBackwardData(cudnn_.get(), &kOne, plan.w.get(), w,
                                                                         plan.y.get(), dy, convolution.get(), algorithm,
                                                                         workspace, bytes, &kZero, plan.x.get(), dx),
                          "cudnnConvolutionBackwardData");
}

void CudnnBackend::convolve_weights(const ConvolutionPlan& plan, const void* x, const void* dy, void* dw, void* dbias,
                                    std::byte* workspace) {
  const auto& [convolution, algorithm, bytes] = *plan.backward_weights;
  const CudnnFunctions& cudnn = functions_->cudnn;
  cudnn.check(
      cudnn.cudnnConvolutionBackwardFilter(cudnn_.get(), &kOne, plan.x.get(), x, plan.y.get(), dy, convolution.get(),
                                           algorithm, workspace, bytes, &kZero, plan.w.get(), dw),
      "cudnnConvolutionBackwardFilter");
  if (dbias == nullptr) return;
  cudnn.check(cudnn.cudnnConvolutionBackwardBias(cudnn_.get(), &kOne, plan.y.get(), dy, &kZero, plan.bias.get(), dbias),
              "cudnnConvolutionBackwardBias");
}

void CudnnBackend::conv2d_forward(const Conv2dShape& shape, const float* x, const float* w, const float* bias,
                                  Activation activation, float* y, Scratch scratch) {
  ConvolutionPlan* plan = on_floats_.convolution ? &plan_of(shape) : nullptr;
  if (plan == nullptr || !plan->forward || !aligned_for_vendor({x, w, bias, y})) {
    return GpuBackend::conv2d_forward(shape, x, w, bias, activation, y, scratch);
  }
  if (convolve(*plan, x, w, bias, activation, y, vendor_workspace(scratch))) {
    activation_forward(Activation::relu, shape.output_elements(), y, y);
  }
}

void CudnnBackend::conv2d_backward_input(const Conv2dShape& shape, const float* dy, const float* w, float* dx,
                                         Scratch scratch) {
  const ConvolutionPlan* plan = on_floats_.convolution ? &plan_of(shape) : nullptr;
  if (plan == nullptr || !plan->backward_input || !aligned_for_vendor({dy, w, dx})) {
    return GpuBackend::conv2d_backward_input(shape, dy, w, dx, scratch);
  }
  convolve_back(*plan, dy, w, dx, vendor_workspace(scratch));
}

void CudnnBackend::conv2d_backward_weights(const Conv2dShape& shape, const float* x, const float* dy, float* dw,
                                           float* dbias, Scratch scratch) {
  const ConvolutionPlan* plan = on_floats_.convolution ? &plan_of(shape) : nullptr;
  if (plan == nullptr || !plan->backward_weights || !aligned_for_vendor({x, dy, dw, dbias})) {
    return GpuBackend::conv2d_backward_weights(shape, x, dy, dw, dbias, scratch);
  }
  convolve_weights(*plan, x, dy, dw, dbias, vendor_workspace(scratch));
}

}  // namespace curie::CURIE_GPU
