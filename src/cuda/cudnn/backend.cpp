#include "cuda/cudnn/backend.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

#include "cuda/cudnn/measured.h"
#include "cuda/cudnn/workspace.h"
#include "tensor/error.h"
#include "tensor/log.h"

namespace curie::CURIE_GPU {
namespace {

LtHandle make_cublas_lt_handle(const CublasLtFunctions& cublas) {
  cublasLtHandle_t handle = nullptr;
  cublas.check(cublas.cublasLtCreate(&handle), "cublasLtCreate");
  return {handle, {cublas.cublasLtDestroy}};
}

// Large enough for every algorithm worth having, small beside what the device has left for the network.
std::size_t limit_of(const std::optional<Backend::Memory>& memory) {
  constexpr std::size_t kMost = std::size_t{1} << 30;
  constexpr std::size_t kShare = 8;
  return memory ? std::min(kMost, memory->total / kShare) : kMost;
}

const BackendOptions& with_floats(const BackendOptions& options) {
  CURIE_CHECK(
      options.math != Math::bf16, usage,
      "kernels cudnn: Curie calls the libraries on float32 only; use --math tf32, or --kernels curie with --math "
      "bf16");
  return options;
}

}  // namespace

CudnnBackend::CudnnBackend(int device, const BackendOptions& options, const VendorPrimitives& primitives,
                           const VendorFiles& files)
    : GpuBackend(device, with_floats(options)),
      functions_(open_vendor_libraries(files)),
      primitives_(primitives),
      cudnn_(make_cudnn_handle(functions_->cudnn, stream())),
      cublas_(make_cublas_lt_handle(functions_->cublas_lt)),
      identity_(describe_activation(functions_->cudnn, Activation::none)),
      relu_(describe_activation(functions_->cudnn, Activation::relu)),
      somewhere_(allocate(kVendorWorkspaceAlignment)),
      workspace_limit_(limit_of(memory())),
      choice_(options.library_trials ? Choice::fastest : Choice::repeatable) {}

CudnnBackend::~CudnnBackend() = default;

std::string CudnnBackend::describe() const {
  std::string by;
  const auto add = [&by](bool used, const char* what) {
    if (used) by += (by.empty() ? "" : ", ") + std::string(what);
  };
  add(primitives_.convolution, "convolution");
  add(primitives_.pooling, "pooling");
  add(primitives_.batch_norm, "batch norm");
  add(primitives_.dense, "dense");
  return fmt::format("{}, {} for {}", GpuBackend::describe(), functions_->describe(), by);
}

ConvolutionPlan& CudnnBackend::plan_of(const Conv2dShape& shape) const {
  const auto found = convolutions_.find(shape);
  if (found != convolutions_.end()) return found->second;
  return convolutions_
      .emplace(shape, plan_convolution(functions_->cudnn, cudnn_.get(), math(), choice_, shape, workspace_limit_))
      .first->second;
}

const DensePlan& CudnnBackend::plan_of(const DenseShape& shape) const {
  const auto found = denses_.find(shape);
  if (found != denses_.end()) return found->second;
  return denses_
      .emplace(shape,
               plan_dense(functions_->cublas_lt, cublas_.get(), math(), shape, workspace_limit_, somewhere_.data()))
      .first->second;
}

// --- dense
// ------------------------------------------------------------------------------------------------------------

std::size_t CudnnBackend::scratch_bytes(const DenseShape& shape) const {
  const std::size_t own = GpuBackend::scratch_bytes(shape);
  return primitives_.dense ? std::max(own, vendor_scratch_bytes(plan_of(shape).workspace())) : own;
}

void CudnnBackend::dense_forward(const DenseShape& shape, const float* x, const float* w, const float* bias,
                                 Activation activation, float* y, Scratch scratch) {
  if (primitives_.dense && aligned_for_vendor({x, w, bias, y})) {
    const auto& product = plan_of(shape).forward[bias != nullptr][activation == Activation::relu];
    if (product) {
      return product->multiply(functions_->cublas_lt, cublas_.get(), stream(), w, x, y, bias,
                               vendor_workspace(scratch));
    }
  }
  GpuBackend::dense_forward(shape, x, w, bias, activation, y, scratch);
}

void CudnnBackend::dense_backward_input(const DenseShape& shape, const float* dy, const float* w, float* dx,
                                        Scratch scratch) {
  if (primitives_.dense && aligned_for_vendor({dy, w, dx})) {
    if (const auto& product = plan_of(shape).backward_input) {
      return product->multiply(functions_->cublas_lt, cublas_.get(), stream(), w, dy, dx, nullptr,
                               vendor_workspace(scratch));
    }
  }
  GpuBackend::dense_backward_input(shape, dy, w, dx, scratch);
}

void CudnnBackend::dense_backward_weights(const DenseShape& shape, const float* x, const float* dy, float* dw,
                                          float* dbias, Scratch scratch) {
  if (primitives_.dense && aligned_for_vendor({x, dy, dw, dbias})) {
    if (const auto& product = plan_of(shape).backward_weights[dbias != nullptr]) {
      return product->multiply(functions_->cublas_lt, cublas_.get(), stream(), dy, x, dw, dbias,
                               vendor_workspace(scratch));
    }
  }
  GpuBackend::dense_backward_weights(shape, x, dy, dw, dbias, scratch);
}

std::unique_ptr<Backend> make_cudnn_backend(int device, const BackendOptions& options) {
  return std::make_unique<CudnnBackend>(device, options);
}

std::unique_ptr<Backend> make_measured_backend(int device, const BackendOptions& options) {
  auto own = std::make_unique<GpuBackend>(device, options);
  const std::string name = own->describe();
  if (options.math == Math::bf16) {
    log_info("kernels: Curie's; the libraries are called on float32 only");
    return own;
  }
  const VendorPrimitives faster = measured_faster(kMeasurements, name);
  if (!faster.any()) {
    log_info("kernels: Curie's; no measurement that comes with Curie says that cuDNN or cuBLASLt are faster on {}",
             name);
    return own;
  }
  own.reset();
  return std::make_unique<CudnnBackend>(device, options, faster);
}

VendorPrimitives measured_faster(std::span<const Measurement> measurements, std::string_view device) {
  for (const Measurement& measurement : measurements) {
    if (device.find(measurement.device) != std::string_view::npos) return measurement.faster;
  }
  return {.convolution = false, .pooling = false, .batch_norm = false, .dense = false};
}

std::string vendor_libraries_in_use() { return open_vendor_libraries()->describe(); }

}  // namespace curie::CURIE_GPU
