#include "cuda/cudnn/backend.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

#include "cuda/cudnn/backend_bf16.h"
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

constexpr VendorPrimitives kNone{.convolution = false, .pooling = false, .batch_norm = false, .dense = false};

}  // namespace

CudnnBackend::CudnnBackend(int device, const BackendOptions& options, const VendorPrimitives& primitives,
                           const VendorFiles& files)
    : GpuBackend(device, options),
      functions_(open_vendor_libraries(files)),
      primitives_(primitives),
      on_floats_(options.math == Math::bf16 ? kNone : primitives),
      cudnn_(make_cudnn_handle(functions_->cudnn, stream())),
      cublas_(make_cublas_lt_handle(functions_->cublas_lt)),
      identity_(describe_activation(functions_->cudnn, Activation::none)),
      relu_(describe_activation(functions_->cudnn, Activation::relu)),
      somewhere_(allocate(kVendorWorkspaceAlignment)),
      workspace_limit_(limit_of(memory())),
      choice_(options.library_trials ? Choice::fastest : Choice::repeatable),
      bf16_(options.math == Math::bf16 ? std::make_unique<CudnnBf16>(*this) : nullptr) {}

CudnnBackend::~CudnnBackend() = default;

Bf16Operations* CudnnBackend::bf16() { return bf16_.get(); }

std::string CudnnBackend::describe() const {
  std::string by;
  const auto add = [&by](bool used, const char* what) {
    if (used) by += (by.empty() ? "" : ", ") + std::string(what);
  };
  add(primitives_.convolution, "convolution");
  add(primitives_.pooling, "pooling");
  add(on_floats_.batch_norm, "batch norm");
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

const DensePlan& CudnnBackend::plan_of(const DenseShape& shape, bool logits) const {
  const std::pair key{shape, logits};
  const auto found = denses_.find(key);
  if (found != denses_.end()) return found->second;
  const cudaDataType_t stored = math() == Math::bf16 ? CUDA_R_16BF : CUDA_R_32F;
  return denses_
      .emplace(key, plan_dense(functions_->cublas_lt, cublas_.get(), math(), shape, workspace_limit_, somewhere_.data(),
                               {.x = stored, .y = logits ? CUDA_R_32F : stored}))
      .first->second;
}

// --- dense -----------------------------------------------------------------------------------------------------------

std::size_t CudnnBackend::scratch_bytes(const DenseShape& shape) const {
  const std::size_t own = GpuBackend::scratch_bytes(shape);
  if (!primitives_.dense) return own;
  const std::size_t theirs = bf16_ != nullptr ? bf16_->working_bytes(shape) : plan_of(shape).workspace();
  return std::max(own, vendor_scratch_bytes(theirs));
}

void CudnnBackend::multiply(const Product& product, const void* a, const void* b, void* d, const void* bias,
                            Scratch scratch) {
  product.multiply(functions_->cublas_lt, cublas_.get(), stream(), a, b, d, bias, vendor_workspace(scratch));
}

void CudnnBackend::dense_forward(const DenseShape& shape, const float* x, const float* w, const float* bias,
                                 Activation activation, float* y, Scratch scratch) {
  if (on_floats_.dense && aligned_for_vendor({x, w, bias, y})) {
    const auto& product = plan_of(shape).forward[bias != nullptr][activation == Activation::relu];
    if (product) {
      return multiply(*product, w, x, y, bias, scratch);
    }
  }
  GpuBackend::dense_forward(shape, x, w, bias, activation, y, scratch);
}

void CudnnBackend::dense_backward_input(const DenseShape& shape, const float* dy, const float* w, float* dx,
                                        Scratch scratch) {
  if (on_floats_.dense && aligned_for_vendor({dy, w, dx})) {
    if (const auto& product = plan_of(shape).backward_input) {
      return multiply(*product, w, dy, dx, nullptr, scratch);
    }
  }
  GpuBackend::dense_backward_input(shape, dy, w, dx, scratch);
}

void CudnnBackend::dense_backward_weights(const DenseShape& shape, const float* x, const float* dy, float* dw,
                                          float* dbias, Scratch scratch) {
  if (on_floats_.dense && aligned_for_vendor({x, dy, dw, dbias})) {
    if (const auto& product = plan_of(shape).backward_weights[dbias != nullptr]) {
      return multiply(*product, dy, x, dw, dbias, scratch);
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
    log_info("kernels: Curie's; the measurements that come with Curie are of float32");
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
  return kNone;
}

std::string vendor_libraries_in_use() { return open_vendor_libraries()->describe(); }

}  // namespace curie::CURIE_GPU
