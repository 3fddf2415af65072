// Each primitive goes to the host function of its kernel file.
#include "cuda/backend_bf16.h"

namespace curie::CURIE_GPU {

void Bf16Kernels::conv2d_forward(const Conv2dShape& shape, const Bf16* x, const Bf16* w, const float* bias,
                                 Activation activation, Bf16* y, Scratch scratch) {
  CURIE_GPU::conv2d_forward(runtime_->stream(), math_, shape, x, w, bias, activation, y, scratch);
}
void Bf16Kernels::conv2d_backward_input(const Conv2dShape& shape, const Bf16* dy, const Bf16* w, Bf16* dx,
                                        Scratch scratch) {
  CURIE_GPU::conv2d_backward_input(runtime_->stream(), math_, shape, dy, w, dx, scratch);
}
void Bf16Kernels::conv2d_backward_weights(const Conv2dShape& shape, const Bf16* x, const Bf16* dy, float* dw,
                                          float* dbias, Scratch scratch) {
  CURIE_GPU::conv2d_backward_weights(runtime_->stream(), math_, shape, x, dy, dw, dbias, scratch);
}
void Bf16Kernels::conv_pool_forward(const ConvPoolShape& shape, const Bf16* x, const Bf16* w, const float* bias,
                                    const DropoutSpec& dropout, const StepState* state, Bf16* y, std::uint8_t* arg_max,
                                    Scratch scratch) {
  CURIE_GPU::conv_pool_forward(runtime_->stream(), math_, shape, x, w, bias, dropout, state, y, arg_max, scratch);
}
void Bf16Kernels::conv_pool_backward(const ConvPoolShape& shape, const Bf16* x, const Bf16* w, const Bf16* y,
                                     const std::uint8_t* arg_max, float dropout_rate, const Bf16* dy, Bf16* dx,
                                     float* dw, float* dbias, Scratch scratch) {
  CURIE_GPU::conv_pool_backward(runtime_->stream(), math_, shape, x, w, y, arg_max, dropout_rate, dy, dx, dw, dbias,
                                scratch);
}
void Bf16Kernels::max_pool_forward(const PoolShape& shape, const Bf16* x, Bf16* y, std::uint8_t* arg_max) {
  CURIE_GPU::max_pool_forward(runtime_->stream(), shape, x, y, arg_max);
}
void Bf16Kernels::max_pool_backward(const PoolShape& shape, const std::uint8_t* arg_max, const Bf16* dy, Bf16* dx) {
  CURIE_GPU::max_pool_backward(runtime_->stream(), shape, arg_max, dy, dx);
}
void Bf16Kernels::average_pool_forward(const PoolShape& shape, const Bf16* x, Bf16* y) {
  CURIE_GPU::average_pool_forward(runtime_->stream(), shape, x, y);
}
void Bf16Kernels::average_pool_backward(const PoolShape& shape, const Bf16* dy, Bf16* dx) {
  CURIE_GPU::average_pool_backward(runtime_->stream(), shape, dy, dx);
}
void Bf16Kernels::l2_pool_forward(const PoolShape& shape, const Bf16* x, Bf16* y) {
  CURIE_GPU::l2_pool_forward(runtime_->stream(), shape, x, y);
}
void Bf16Kernels::l2_pool_backward(const PoolShape& shape, const Bf16* x, const Bf16* y, const Bf16* dy, Bf16* dx) {
  CURIE_GPU::l2_pool_backward(runtime_->stream(), shape, x, y, dy, dx);
}
void Bf16Kernels::global_average_pool_forward(int n, int pixels, int channels, const Bf16* x, Bf16* y) {
  CURIE_GPU::global_average_pool_forward(runtime_->stream(), n, pixels, channels, x, y);
}
void Bf16Kernels::global_average_pool_backward(int n, int pixels, int channels, const Bf16* dy, Bf16* dx) {
  CURIE_GPU::global_average_pool_backward(runtime_->stream(), n, pixels, channels, dy, dx);
}
void Bf16Kernels::dense_forward(const DenseShape& shape, const Bf16* x, const Bf16* w, const float* bias,
                                Activation activation, Bf16* y, Scratch scratch) {
  CURIE_GPU::dense_forward(runtime_->stream(), math_, shape, x, w, bias, activation, y, scratch);
}
void Bf16Kernels::dense_forward(const DenseShape& shape, const Bf16* x, const Bf16* w, const float* bias,
                                Activation activation, float* y, Scratch scratch) {
  CURIE_GPU::dense_forward(runtime_->stream(), math_, shape, x, w, bias, activation, y, scratch);
}
void Bf16Kernels::dense_backward_input(const DenseShape& shape, const Bf16* dy, const Bf16* w, Bf16* dx,
                                       Scratch scratch) {
  CURIE_GPU::dense_backward_input(runtime_->stream(), math_, shape, dy, w, dx, scratch);
}
void Bf16Kernels::dense_backward_input(const DenseShape& shape, const float* dy, const Bf16* w, Bf16* dx,
                                       Scratch scratch) {
  CURIE_GPU::dense_backward_input(runtime_->stream(), math_, shape, dy, w, dx, scratch);
}
void Bf16Kernels::dense_backward_weights(const DenseShape& shape, const Bf16* x, const Bf16* dy, float* dw,
                                         float* dbias, Scratch scratch) {
  CURIE_GPU::dense_backward_weights(runtime_->stream(), math_, shape, x, dy, dw, dbias, scratch);
}
void Bf16Kernels::dense_backward_weights(const DenseShape& shape, const Bf16* x, const float* dy, float* dw,
                                         float* dbias, Scratch scratch) {
  CURIE_GPU::dense_backward_weights(runtime_->stream(), math_, shape, x, dy, dw, dbias, scratch);
}
void Bf16Kernels::batch_norm_forward(const BatchNormShape& shape, const Bf16* x, const float* gamma, const float* beta,
                                     Bf16* y, float* saved_mean, float* saved_inv_std, float* running_mean,
                                     float* running_variance, Scratch scratch) {
  CURIE_GPU::batch_norm_forward(runtime_->stream(), shape, x, gamma, beta, y, saved_mean, saved_inv_std, running_mean,
                                running_variance, scratch);
}
void Bf16Kernels::batch_norm_inference(const BatchNormShape& shape, const Bf16* x, const float* gamma,
                                       const float* beta, const float* running_mean, const float* running_variance,
                                       Bf16* y) {
  CURIE_GPU::batch_norm_inference(runtime_->stream(), shape, x, gamma, beta, running_mean, running_variance, y);
}
void Bf16Kernels::batch_norm_backward(const BatchNormShape& shape, const Bf16* x, const float* gamma,
                                      const float* saved_mean, const float* saved_inv_std, const Bf16* dy, Bf16* dx,
                                      float* dgamma, float* dbeta, Scratch scratch) {
  CURIE_GPU::batch_norm_backward(runtime_->stream(), shape, x, gamma, saved_mean, saved_inv_std, dy, dx, dgamma, dbeta,
                                 scratch);
}
void Bf16Kernels::batch_norm_backward_inference(const BatchNormShape& shape, const float* gamma,
                                                const float* running_variance, const Bf16* dy, Bf16* dx) {
  CURIE_GPU::batch_norm_backward_inference(runtime_->stream(), shape, gamma, running_variance, dy, dx);
}
void Bf16Kernels::activation_forward(Activation activation, std::size_t count, const Bf16* x, Bf16* y) {
  CURIE_GPU::activation_forward(runtime_->stream(), activation, count, x, y);
}
void Bf16Kernels::activation_backward(Activation activation, std::size_t count, const Bf16* y, const Bf16* dy,
                                      Bf16* dx) {
  CURIE_GPU::activation_backward(runtime_->stream(), activation, count, y, dy, dx);
}
void Bf16Kernels::dropout(const DropoutSpec& spec, const StepState* state, std::size_t count, const Bf16* x, Bf16* y) {
  CURIE_GPU::dropout(runtime_->stream(), spec, state, count, x, y);
}
void Bf16Kernels::add(std::size_t count, const Bf16* a, const Bf16* b, Bf16* y) {
  CURIE_GPU::add(runtime_->stream(), count, a, b, y);
}
void Bf16Kernels::normalize_u8(std::size_t pixels, int channels, const std::uint8_t* x, const float* table, Bf16* y) {
  CURIE_GPU::normalize_u8(runtime_->stream(), pixels, channels, x, table, y);
}
void Bf16Kernels::gather_normalize_u8(int count, std::size_t pixels, int channels, const std::int32_t* rows,
                                      const std::uint8_t* images, const float* table, Bf16* y) {
  CURIE_GPU::gather_normalize_u8(runtime_->stream(), count, pixels, channels, rows, images, table, y);
}
void Bf16Kernels::warp_u8(const WarpShape& shape, const std::int32_t* rows, const ImageWarp* warps,
                          const std::uint8_t* images, const float* offset, const float* factor, Bf16* y) {
  CURIE_GPU::warp_u8(runtime_->stream(), shape, rows, warps, images, offset, factor, y);
}
void Bf16Kernels::gather_rounded(int count, std::size_t width, const std::int32_t* rows, const float* x, Bf16* y) {
  CURIE_GPU::gather_rounded(runtime_->stream(), count, width, rows, x, y);
}
void Bf16Kernels::sgd_step(const SgdArgs& args, std::size_t count, const StepState* state, const float* gradient,
                           float* weights, float* velocity, Bf16* rounded_weights) {
  CURIE_GPU::sgd_step(runtime_->stream(), args, count, state, gradient, weights, velocity, rounded_weights);
}
void Bf16Kernels::adam_step(const AdamArgs& args, std::size_t count, const StepState* state, const float* gradient,
                            float* weights, float* first_moment, float* second_moment, Bf16* rounded_weights) {
  CURIE_GPU::adam_step(runtime_->stream(), args, count, state, gradient, weights, first_moment, second_moment,
                       rounded_weights);
}

}  // namespace curie::CURIE_GPU
