// The CUDA backend with NVIDIA's libraries in place of Curie's kernels where they do the same thing: cuDNN for
// convolutions, pooling and batch normalisation, cuBLASLt for dense layers. All else is inherited.
//
// Curie's kernels keep working, and a log line or a comment says so, where a library does not compute what the
// primitive means:
//   - padding that differs between the sides (cuDNN pads alike), tensors that are not aligned to 16 bytes;
//   - maximum pooling with its arg-max: cuDNN writes none, and its backward reads x and y, which Curie does not keep;
//   - global average and L2 pooling, and convolution + pooling + dropout in one pass, which is not fused here;
//   - batch normalisation with a biased running variance, of one row, without gamma or beta, with a gradient that is
//     not wanted, or with dx in the place of dy; a frozen layer's gradient;
//   - where no deterministic algorithm is offered, or none for the epilogue.
// What Math::bf16 changes is told in backend_bf16.h.
//
// A shape's plan (descriptors, algorithm, workspace) is made once, when its scratch_bytes is asked, which is before the
// first step: a recorded step then neither allocates nor asks anything. One backend is used by one thread at a time.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "cuda/backend.h"
#include "cuda/cudnn/convolution_plan.h"
#include "cuda/cudnn/dense_plan.h"
#include "cuda/cudnn/primitives.h"

namespace curie::CURIE_GPU {

class CudnnBf16;

class CudnnBackend final : public GpuBackend {
 public:
  // Opens the libraries: Error(usage) as open_vendor_libraries says.
  CudnnBackend(int device, const BackendOptions& options, const VendorPrimitives& primitives = {},
               const VendorFiles& files = {});
  ~CudnnBackend() override;

  std::string describe() const override;
  Bf16Operations* bf16() override;

  using GpuBackend::scratch_bytes;
  std::size_t scratch_bytes(const Conv2dShape& shape) const override;
  void conv2d_forward(const Conv2dShape& shape, const float* x, const float* w, const float* bias,
                      Activation activation, float* y, Scratch scratch) override;
  void conv2d_backward_input(const Conv2dShape& shape, const float* dy, const float* w, float* dx,
                             Scratch scratch) override;
  void conv2d_backward_weights(const Conv2dShape& shape, const float* x, const float* dy, float* dw, float* dbias,
                               Scratch scratch) override;
  bool fuses(const ConvPoolShape& shape) const override;

  void max_pool_forward(const PoolShape& shape, const float* x, float* y, std::uint8_t* arg_max) override;
  void average_pool_forward(const PoolShape& shape, const float* x, float* y) override;
  void average_pool_backward(const PoolShape& shape, const float* dy, float* dx) override;

  std::size_t scratch_bytes(const DenseShape& shape) const override;
  void dense_forward(const DenseShape& shape, const float* x, const float* w, const float* bias, Activation activation,
                     float* y, Scratch scratch) override;
  void dense_backward_input(const DenseShape& shape, const float* dy, const float* w, float* dx,
                            Scratch scratch) override;
  void dense_backward_weights(const DenseShape& shape, const float* x, const float* dy, float* dw, float* dbias,
                              Scratch scratch) override;

  void batch_norm_forward(const BatchNormShape& shape, const float* x, const float* gamma, const float* beta, float* y,
                          float* saved_mean, float* saved_inv_std, float* running_mean, float* running_variance,
                          Scratch scratch) override;
  void batch_norm_inference(const BatchNormShape& shape, const float* x, const float* gamma, const float* beta,
                            const float* running_mean, const float* running_variance, float* y) override;
  void batch_norm_backward(const BatchNormShape& shape, const float* x, const float* gamma, const float* saved_mean,
                           const float* saved_inv_std, const float* dy, float* dx, float* dgamma, float* dbeta,
                           Scratch scratch) override;

 private:
  struct PoolPlan {
    TensorDescriptor x, y;
    PoolingDescriptor maximum, average;
  };
  struct BatchNormPlan {
    TensorDescriptor rows, channels;
  };

  friend class CudnnBf16;

  // Plans, and calls of the libraries, whose arrays are of what the backend's math keeps activations in.
  ConvolutionPlan& plan_of(const Conv2dShape& shape) const;
  const DensePlan& plan_of(const DenseShape& shape, bool logits = false) const;
  const PoolPlan& plan_of(const PoolShape& shape);
  const BatchNormPlan& plan_of(const BatchNormShape& shape);
  // Whether ReLU is still to be done.
  bool convolve(ConvolutionPlan& plan, const void* x, const void* w, const void* bias, Activation activation, void* y,
                std::byte* workspace);
  void convolve_back(const ConvolutionPlan& plan, const void* dy, const void* w, void* dx, std::byte* workspace);
  void convolve_weights(const ConvolutionPlan& plan, const void* x, const void* dy, void* dw, void* dbias,
                        std::byte* workspace);
  void multiply(const Product& product, const void* a, const void* b, void* d, const void* bias, Scratch scratch);
  void pool(const PoolPlan& plan, const PoolingDescriptor& kind, const void* x, void* y);
  void pool_back(const PoolPlan& plan, const void* dy, void* dx);

  std::shared_ptr<const VendorFunctions> functions_;
  VendorPrimitives primitives_, on_floats_;  // those on float32: none with Math::bf16
  CudnnHandle cudnn_;
  LtHandle cublas_;
  ActivationDescriptor identity_, relu_;
  Buffer somewhere_;  // a device address for cuBLASLt's planning
  std::size_t workspace_limit_ = 0;
  Choice choice_ = Choice::repeatable;
  // Plans belong to this backend, whose math and device they were made for.
  mutable std::map<Conv2dShape, ConvolutionPlan> convolutions_;
  mutable std::map<std::pair<DenseShape, bool>, DensePlan> denses_;  // with float32 outputs or not
  std::map<PoolShape, PoolPlan> pools_;
  std::map<std::pair<int, int>, BatchNormPlan> batch_norms_;  // by rows and channels
  std::unique_ptr<CudnnBf16> bf16_;                           // with Math::bf16
};

// What src/backends.cpp calls: all primitives by the libraries; those that measurements name; and what the libraries
// are, or Error(usage).
std::unique_ptr<Backend> make_cudnn_backend(int device, const BackendOptions& options);
std::unique_ptr<Backend> make_measured_backend(int device, const BackendOptions& options);
std::string vendor_libraries_in_use();

}  // namespace curie::CURIE_GPU
