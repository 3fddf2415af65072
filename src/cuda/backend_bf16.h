// The kernels on bfloat16 behind the interface Bf16Operations; GpuBackend holds one where it was made with Math::bf16.
#pragma once

#include <memory>

#include "cuda/runtime.h"
#include "ops/backend_bf16.h"

namespace curie::CURIE_GPU {

class Bf16Kernels : public Bf16Operations {
 public:
  // math: of products; Math::exact where the device has no tensor cores for bfloat16.
  Bf16Kernels(std::shared_ptr<Runtime> runtime, Math math) : runtime_(std::move(runtime)), math_(math) {}

  void conv2d_forward(const Conv2dShape& shape, const Bf16* x, const Bf16* w, const float* bias, Activation activation,
                      Bf16* y, Scratch scratch) override;
  void conv2d_backward_input(const Conv2dShape& shape, const Bf16* dy, const Bf16* w, Bf16* dx,
                             Scratch scratch) override;
  void conv2d_backward_weights(const Conv2dShape& shape, const Bf16* x, const Bf16* dy, float* dw, float* dbias,
                               Scratch scratch) override;
  void conv_pool_forward(const ConvPoolShape& shape, const Bf16* x, const Bf16* w, const float* bias,
                         const DropoutSpec& dropout, const StepState* state, Bf16* y, std::uint8_t* arg_max,
                         Scratch scratch) override;
  void conv_pool_backward(const ConvPoolShape& shape, const Bf16* x, const Bf16* w, const Bf16* y,
                          const std::uint8_t* arg_max, float dropout_rate, const Bf16* dy, Bf16* dx, float* dw,
                          float* dbias, Scratch scratch) override;
  void max_pool_forward(const PoolShape& shape, const Bf16* x, Bf16* y, std::uint8_t* arg_max) override;
  void max_pool_backward(const PoolShape& shape, const std::uint8_t* arg_max, const Bf16* dy, Bf16* dx) override;
  void average_pool_forward(const PoolShape& shape, const Bf16* x, Bf16* y) override;
  void average_pool_backward(const PoolShape& shape, const Bf16* dy, Bf16* dx) override;
  void l2_pool_forward(const PoolShape& shape, const Bf16* x, Bf16* y) override;
  void l2_pool_backward(const PoolShape& shape, const Bf16* x, const Bf16* y, const Bf16* dy, Bf16* dx) override;
  void global_average_pool_forward(int n, int pixels, int channels, const Bf16* x, Bf16* y) override;
  void global_average_pool_backward(int n, int pixels, int channels, const Bf16* dy, Bf16* dx) override;
  void dense_forward(const DenseShape& shape, const Bf16* x, const Bf16* w, const float* bias, Activation activation,
                     Bf16* y, Scratch scratch) override;
  void dense_forward(const DenseShape& shape, const Bf16* x, const Bf16* w, const float* bias, Activation activation,
                     float* y, Scratch scratch) override;
  void dense_backward_input(const DenseShape& shape, const Bf16* dy, const Bf16* w, Bf16* dx, Scratch scratch) override;
  void dense_backward_input(const DenseShape& shape, const float* dy, const Bf16* w, Bf16* dx,
                            Scratch scratch) override;
  void dense_backward_weights(const DenseShape& shape, const Bf16* x, const Bf16* dy, float* dw, float* dbias,
                              Scratch scratch) override;
  void dense_backward_weights(const DenseShape& shape, const Bf16* x, const float* dy, float* dw, float* dbias,
                              Scratch scratch) override;
  void batch_norm_forward(const BatchNormShape& shape, const Bf16* x, const float* gamma, const float* beta, Bf16* y,
                          float* saved_mean, float* saved_inv_std, float* running_mean, float* running_variance,
                          Scratch scratch) override;
  void batch_norm_inference(const BatchNormShape& shape, const Bf16* x, const float* gamma, const float* beta,
                            const float* running_mean, const float* running_variance, Bf16* y) override;
  void batch_norm_backward(const BatchNormShape& shape, const Bf16* x, const float* gamma, const float* saved_mean,
                           const float* saved_inv_std, const Bf16* dy, Bf16* dx, float* dgamma, float* dbeta,
                           Scratch scratch) override;
  void batch_norm_backward_inference(const BatchNormShape& shape, const float* gamma, const float* running_variance,
                                     const Bf16* dy, Bf16* dx) override;
  void activation_forward(Activation activation, std::size_t count, const Bf16* x, Bf16* y) override;
  void activation_backward(Activation activation, std::size_t count, const Bf16* y, const Bf16* dy, Bf16* dx) override;
  void dropout(const DropoutSpec& spec, const StepState* state, std::size_t count, const Bf16* x, Bf16* y) override;
  void add(std::size_t count, const Bf16* a, const Bf16* b, Bf16* y) override;
  void normalize_u8(std::size_t pixels, int channels, const std::uint8_t* x, const float* table, Bf16* y) override;
  void gather_normalize_u8(int count, std::size_t pixels, int channels, const std::int32_t* rows,
                           const std::uint8_t* images, const float* table, Bf16* y) override;
  void warp_u8(const WarpShape& shape, const std::int32_t* rows, const ImageWarp* warps, const std::uint8_t* images,
               const float* offset, const float* factor, Bf16* y) override;
  void gather_rounded(int count, std::size_t width, const std::int32_t* rows, const float* x, Bf16* y) override;
  void sgd_step(const SgdArgs& args, std::size_t count, const StepState* state, const float* gradient, float* weights,
                float* velocity, Bf16* rounded_weights) override;
  void adam_step(const AdamArgs& args, std::size_t count, const StepState* state, const float* gradient, float* weights,
                 float* first_moment, float* second_moment, Bf16* rounded_weights) override;

 private:
  std::shared_ptr<Runtime> runtime_;
  Math math_;
};

}  // namespace curie::CURIE_GPU
