// The primitives on bfloat16 (Math::bf16): activations, their gradients and the kernels of products are Bf16 in memory;
// biases, statistics, parameters and their gradients stay float32, and so does all arithmetic but the factors of
// products. Each method is what the Backend method of its name computes, each result rounded once, to nearest even; the
// scratch memory is that of Backend::scratch_bytes. A separate interface, because a backend may have none.
#pragma once

#include "ops/backend.h"

namespace curie {

class Bf16Operations {
 public:
  virtual ~Bf16Operations() = default;

  // --- convolution --------------------------------------------------------------------------------------------------
  virtual void conv2d_forward(const Conv2dShape& shape, const Bf16* x, const Bf16* w, const float* bias,
                              Activation activation, Bf16* y, Scratch scratch) = 0;
  virtual void conv2d_backward_input(const Conv2dShape& shape, const Bf16* dy, const Bf16* w, Bf16* dx,
                                     Scratch scratch) = 0;
  virtual void conv2d_backward_weights(const Conv2dShape& shape, const Bf16* x, const Bf16* dy, float* dw, float* dbias,
                                       Scratch scratch) = 0;
  virtual void conv_pool_forward(const ConvPoolShape& shape, const Bf16* x, const Bf16* w, const float* bias,
                                 const DropoutSpec& dropout, const StepState* state, Bf16* y, std::uint8_t* arg_max,
                                 Scratch scratch) = 0;
  virtual void conv_pool_backward(const ConvPoolShape& shape, const Bf16* x, const Bf16* w, const Bf16* y,
                                  const std::uint8_t* arg_max, float dropout_rate, const Bf16* dy, Bf16* dx, float* dw,
                                  float* dbias, Scratch scratch) = 0;
  // --- pooling ------------------------------------------------------------------------------------------------------
  virtual void max_pool_forward(const PoolShape& shape, const Bf16* x, Bf16* y, std::uint8_t* arg_max) = 0;
  virtual void max_pool_backward(const PoolShape& shape, const std::uint8_t* arg_max, const Bf16* dy, Bf16* dx) = 0;
  virtual void average_pool_forward(const PoolShape& shape, const Bf16* x, Bf16* y) = 0;
  virtual void average_pool_backward(const PoolShape& shape, const Bf16* dy, Bf16* dx) = 0;
  virtual void l2_pool_forward(const PoolShape& shape, const Bf16* x, Bf16* y) = 0;
  virtual void l2_pool_backward(const PoolShape& shape, const Bf16* x, const Bf16* y, const Bf16* dy, Bf16* dx) = 0;
  virtual void global_average_pool_forward(int n, int pixels, int channels, const Bf16* x, Bf16* y) = 0;
  virtual void global_average_pool_backward(int n, int pixels, int channels, const Bf16* dy, Bf16* dx) = 0;
  // --- dense: outputs and their gradients also in float32, for logits ------------------------------------------------
  virtual void dense_forward(const DenseShape& shape, const Bf16* x, const Bf16* w, const float* bias,
                             Activation activation, Bf16* y, Scratch scratch) = 0;
  virtual void dense_forward(const DenseShape& shape, const Bf16* x, const Bf16* w, const float* bias,
                             Activation activation, float* y, Scratch scratch) = 0;
  virtual void dense_backward_input(const DenseShape& shape, const Bf16* dy, const Bf16* w, Bf16* dx,
                                    Scratch scratch) = 0;
  virtual void dense_backward_input(const DenseShape& shape, const float* dy, const Bf16* w, Bf16* dx,
                                    Scratch scratch) = 0;
  virtual void dense_backward_weights(const DenseShape& shape, const Bf16* x, const Bf16* dy, float* dw, float* dbias,
                                      Scratch scratch) = 0;
  virtual void dense_backward_weights(const DenseShape& shape, const Bf16* x, const float* dy, float* dw, float* dbias,
                                      Scratch scratch) = 0;
  // --- batch normalisation: statistics and parameters are float32
  // -----------------------------------------------------
  virtual void batch_norm_forward(const BatchNormShape& shape, const Bf16* x, const float* gamma, const float* beta,
                                  Bf16* y, float* saved_mean, float* saved_inv_std, float* running_mean,
                                  float* running_variance, Scratch scratch) = 0;
  virtual void batch_norm_inference(const BatchNormShape& shape, const Bf16* x, const float* gamma, const float* beta,
                                    const float* running_mean, const float* running_variance, Bf16* y) = 0;
  virtual void batch_norm_backward(const BatchNormShape& shape, const Bf16* x, const float* gamma,
                                   const float* saved_mean, const float* saved_inv_std, const Bf16* dy, Bf16* dx,
                                   float* dgamma, float* dbeta, Scratch scratch) = 0;
  virtual void batch_norm_backward_inference(const BatchNormShape& shape, const float* gamma,
                                             const float* running_variance, const Bf16* dy, Bf16* dx) = 0;
  // --- elementwise
  // ----------------------------------------------------------------------------------------------------
  virtual void activation_forward(Activation activation, std::size_t count, const Bf16* x, Bf16* y) = 0;
  virtual void activation_backward(Activation activation, std::size_t count, const Bf16* y, const Bf16* dy,
                                   Bf16* dx) = 0;
  virtual void dropout(const DropoutSpec& spec, const StepState* state, std::size_t count, const Bf16* x, Bf16* y) = 0;
  virtual void add(std::size_t count, const Bf16* a, const Bf16* b, Bf16* y) = 0;
  virtual void normalize_u8(std::size_t pixels, int channels, const std::uint8_t* x, const float* table, Bf16* y) = 0;
  virtual void gather_normalize_u8(int count, std::size_t pixels, int channels, const std::int32_t* rows,
                                   const std::uint8_t* images, const float* table, Bf16* y) = 0;
  virtual void warp_u8(const WarpShape& shape, const std::int32_t* rows, const ImageWarp* warps,
                       const std::uint8_t* images, const float* offset, const float* factor, Bf16* y) = 0;
  // y[i] = x[rows[i]], rows of `width` floats, rounded.
  virtual void gather_rounded(int count, std::size_t width, const std::int32_t* rows, const float* x, Bf16* y) = 0;
  // --- optimizers: float32 as they are, and in the same pass the weights rounded -------------------------------------
  virtual void sgd_step(const SgdArgs& args, std::size_t count, const StepState* state, const float* gradient,
                        float* weights, float* velocity, Bf16* rounded_weights) = 0;
  virtual void adam_step(const AdamArgs& args, std::size_t count, const StepState* state, const float* gradient,
                         float* weights, float* first_moment, float* second_moment, Bf16* rounded_weights) = 0;
};

}  // namespace curie
