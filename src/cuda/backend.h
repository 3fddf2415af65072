// Our own CUDA kernels behind the Backend interface: the same class over an NVIDIA GPU (namespace cuda), over the
// emulator (emulated) and over the emulator with every access checked (checked). Shapes arrive checked; each method
// hands its arguments to the kernel file of its operation.
#pragma once

#include <memory>
#include <string>

#include "cuda/backend_bf16.h"
#include "cuda/runtime.h"
#include "ops/backend.h"

namespace curie::CURIE_GPU {

class GpuBackend : public Backend {
 public:
  GpuBackend(int device, const BackendOptions& options);
  ~GpuBackend() override;

  Device device() const override;
  std::string describe() const override;
  std::optional<Memory> memory() const override;
  Bf16Operations* bf16() override { return bf16_.get(); }
  Buffer allocate(std::size_t bytes) override;
  void copy_to_device(std::byte* to, const std::byte* from_host, std::size_t bytes) override;
  void copy_to_host(std::byte* to_host, const std::byte* from, std::size_t bytes) override;
  void copy_on_device(std::byte* to, const std::byte* from, std::size_t bytes) override;
  void synchronize() override;
  std::unique_ptr<Recording> record(std::function<void()> step) override;
  double milliseconds(const std::function<void()>& work) override;
  Stream stream() const { return runtime_->stream(); }  // that its work is ordered by
  bool has_tensor_cores() const;                        // for TF32 and bfloat16
  std::unique_ptr<Timeline> watch() override;
  std::optional<Roof> measure_roof() override;

  // --- convolution --------------------------------------------------------------------------------------------------
  std::size_t scratch_bytes(const Conv2dShape& shape) const override;
  void conv2d_forward(const Conv2dShape& shape, const float* x, const float* w, const float* bias,
                      Activation activation, float* y, Scratch scratch) override;
  void conv2d_backward_input(const Conv2dShape& shape, const float* dy, const float* w, float* dx,
                             Scratch scratch) override;
  void conv2d_backward_weights(const Conv2dShape& shape, const float* x, const float* dy, float* dw, float* dbias,
                               Scratch scratch) override;
  bool fuses(const ConvPoolShape& shape) const override;
  std::size_t scratch_bytes(const ConvPoolShape& shape) const override;
  void conv_pool_forward(const ConvPoolShape& shape, const float* x, const float* w, const float* bias,
                         const DropoutSpec& dropout, const StepState* state, float* y, std::uint8_t* arg_max,
                         Scratch scratch) override;
  void conv_pool_backward(const ConvPoolShape& shape, const float* x, const float* w, const float* y,
                          const std::uint8_t* arg_max, float dropout_rate, const float* dy, float* dx, float* dw,
                          float* dbias, Scratch scratch) override;
  // --- pooling ------------------------------------------------------------------------------------------------------
  void max_pool_forward(const PoolShape& shape, const float* x, float* y, std::uint8_t* arg_max) override;
  void max_pool_backward(const PoolShape& shape, const std::uint8_t* arg_max, const float* dy, float* dx) override;
  void average_pool_forward(const PoolShape& shape, const float* x, float* y) override;
  void average_pool_backward(const PoolShape& shape, const float* dy, float* dx) override;
  void l2_pool_forward(const PoolShape& shape, const float* x, float* y) override;
  void l2_pool_backward(const PoolShape& shape, const float* x, const float* y, const float* dy, float* dx) override;
  void global_average_pool_forward(int n, int pixels, int channels, const float* x, float* y) override;
  void global_average_pool_backward(int n, int pixels, int channels, const float* dy, float* dx) override;
  // --- dense --------------------------------------------------------------------------------------------------------
  std::size_t scratch_bytes(const DenseShape& shape) const override;
  void dense_forward(const DenseShape& shape, const float* x, const float* w, const float* bias, Activation activation,
                     float* y, Scratch scratch) override;
  void dense_backward_input(const DenseShape& shape, const float* dy, const float* w, float* dx,
                            Scratch scratch) override;
  void dense_backward_weights(const DenseShape& shape, const float* x, const float* dy, float* dw, float* dbias,
                              Scratch scratch) override;
  // --- batch normalisation ------------------------------------------------------------------------------------------
  std::size_t scratch_bytes(const BatchNormShape& shape) const override;
  void batch_norm_forward(const BatchNormShape& shape, const float* x, const float* gamma, const float* beta, float* y,
                          float* saved_mean, float* saved_inv_std, float* running_mean, float* running_variance,
                          Scratch scratch) override;
  void batch_norm_inference(const BatchNormShape& shape, const float* x, const float* gamma, const float* beta,
                            const float* running_mean, const float* running_variance, float* y) override;
  void batch_norm_backward(const BatchNormShape& shape, const float* x, const float* gamma, const float* saved_mean,
                           const float* saved_inv_std, const float* dy, float* dx, float* dgamma, float* dbeta,
                           Scratch scratch) override;
  void batch_norm_backward_inference(const BatchNormShape& shape, const float* gamma, const float* running_variance,
                                     const float* dy, float* dx) override;
  // --- elementwise and rows -----------------------------------------------------------------------------------------
  void activation_forward(Activation activation, std::size_t count, const float* x, float* y) override;
  void activation_backward(Activation activation, std::size_t count, const float* y, const float* dy,
                           float* dx) override;
  void softmax_forward(int rows, int classes, const float* x, float* y) override;
  void softmax_backward(int rows, int classes, const float* y, const float* dy, float* dx) override;
  void log_softmax_forward(int rows, int classes, const float* x, float* y) override;
  void log_softmax_backward(int rows, int classes, const float* y, const float* dy, float* dx) override;
  void dropout(const DropoutSpec& spec, const StepState* state, std::size_t count, const float* x, float* y) override;
  void add(std::size_t count, const float* a, const float* b, float* y) override;
  void blend(std::size_t count, float alpha, const float* a, float beta, const float* b, float* y) override;
  void fill(std::size_t count, float value, float* y) override;
  void cast_to_bf16(std::size_t count, const float* x, Bf16* y) override;
  void cast_to_f32(std::size_t count, const Bf16* x, float* y) override;
  void normalize_u8(std::size_t pixels, int channels, const std::uint8_t* x, const float* table, float* y) override;
  void gather_normalize_u8(int count, std::size_t pixels, int channels, const std::int32_t* rows,
                           const std::uint8_t* images, const float* table, float* y) override;
  void warp_u8(const WarpShape& shape, const std::int32_t* rows, const ImageWarp* warps, const std::uint8_t* images,
               const float* offset, const float* factor, float* y) override;
  void gather_rows(int count, std::size_t words, const std::int32_t* rows, const std::uint32_t* x,
                   std::uint32_t* y) override;
  // --- losses, metrics, optimizers ----------------------------------------------------------------------------------
  void loss(const LossShape& shape, const float* predictions, const void* targets, const float* weights,
            float* gradient, MetricTotals* totals, Scratch scratch) override;
  std::size_t scratch_bytes(const LossShape& shape) const override;
  void count_correct(MatchRule rule, int rows, int classes, const float* predictions, const void* targets,
                     MetricTotals* totals) override;
  std::size_t scratch_bytes(const ClipShape& shape) const override;
  void clip_gradient(const ClipShape& shape, const std::int32_t* segment_ends, float* gradient,
                     Scratch scratch) override;
  void sgd_step(const SgdArgs& args, std::size_t count, const StepState* state, const float* gradient, float* weights,
                float* velocity) override;
  void adam_step(const AdamArgs& args, std::size_t count, const StepState* state, const float* gradient, float* weights,
                 float* first_moment, float* second_moment) override;

 protected:
  Math math() const { return math_; }
  Math products() const;  // the arithmetic of products that the device has
  const std::shared_ptr<Runtime>& runtime() const { return runtime_; }

 private:
  std::shared_ptr<Runtime> runtime_;
  std::shared_ptr<CachingAllocator> allocator_;  // shared with the buffers that it made
  Math math_;
  std::unique_ptr<Bf16Kernels> bf16_;  // with Math::bf16
  bool record_steps_;
};

// What src/backends.cpp calls.
std::unique_ptr<Backend> make_gpu_backend(int device, const BackendOptions& options);
BackendStatus gpu_status();  // of the CUDA build: its devices, or why there are none

}  // namespace curie::CURIE_GPU
