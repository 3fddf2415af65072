// Each primitive goes to the host function of its kernel file.
#include "cuda/backend.h"

namespace curie::CURIE_GPU {

std::size_t GpuBackend::scratch_bytes(const Conv2dShape& shape) const {
  return conv2d_scratch_bytes(products(), shape);
}
void GpuBackend::conv2d_forward(const Conv2dShape& shape, const float* x, const float* w, const float* bias,
                                Activation activation, float* y, Scratch scratch) {
  CURIE_GPU::conv2d_forward(runtime_->stream(), products(), shape, x, w, bias, activation, y, scratch);
}
void GpuBackend::conv2d_backward_input(const Conv2dShape& shape, const float* dy, const float* w, float* dx,
                                       Scratch scratch) {
  CURIE_GPU::conv2d_backward_input(runtime_->stream(), products(), shape, dy, w, dx, scratch);
}
void GpuBackend::conv2d_backward_weights(const Conv2dShape& shape, const float* x, const float* dy, float* dw,
                                         float* dbias, Scratch scratch) {
  CURIE_GPU::conv2d_backward_weights(runtime_->stream(), products(), shape, x, dy, dw, dbias, scratch);
}
bool GpuBackend::fuses(const ConvPoolShape& shape) const {
  return conv_pool_fuses(shape) && !(math_ == Math::winograd && conv2d_by_winograd(shape.conv));
}
std::size_t GpuBackend::scratch_bytes(const ConvPoolShape& shape) const { return conv_pool_scratch_bytes(shape); }
void GpuBackend::conv_pool_forward(const ConvPoolShape& shape, const float* x, const float* w, const float* bias,
                                   const DropoutSpec& dropout, const StepState* state, float* y, std::uint8_t* arg_max,
                                   Scratch scratch) {
  CURIE_GPU::conv_pool_forward(runtime_->stream(), products(), shape, x, w, bias, dropout, state, y, arg_max, scratch);
}
void GpuBackend::conv_pool_backward(const ConvPoolShape& shape, const float* x, const float* w, const float* y,
                                    const std::uint8_t* arg_max, float dropout_rate, const float* dy, float* dx,
                                    float* dw, float* dbias, Scratch scratch) {
  CURIE_GPU::conv_pool_backward(runtime_->stream(), products(), shape, x, w, y, arg_max, dropout_rate, dy, dx, dw,
                                dbias, scratch);
}
void GpuBackend::max_pool_forward(const PoolShape& shape, const float* x, float* y, std::uint8_t* arg_max) {
  CURIE_GPU::max_pool_forward(runtime_->stream(), shape, x, y, arg_max);
}
void GpuBackend::max_pool_backward(const PoolShape& shape, const std::uint8_t* arg_max, const float* dy, float* dx) {
  CURIE_GPU::max_pool_backward(runtime_->stream(), shape, arg_max, dy, dx);
}
void GpuBackend::average_pool_forward(const PoolShape& shape, const float* x, float* y) {
  CURIE_GPU::average_pool_forward(runtime_->stream(), shape, x, y);
}
void GpuBackend::average_pool_backward(const PoolShape& shape, const float* dy, float* dx) {
  CURIE_GPU::average_pool_backward(runtime_->stream(), shape, dy, dx);
}
void GpuBackend::l2_pool_forward(const PoolShape& shape, const float* x, float* y) {
  CURIE_GPU::l2_pool_forward(runtime_->stream(), shape, x, y);
}
void GpuBackend::l2_pool_backward(const PoolShape& shape, const float* x, const float* y, const float* dy, float* dx) {
  CURIE_GPU::l2_pool_backward(runtime_->stream(), shape, x, y, dy, dx);
}
void GpuBackend::global_average_pool_forward(int n, int pixels, int channels, const float* x, float* y) {
  CURIE_GPU::global_average_pool_forward(runtime_->stream(), n, pixels, channels, x, y);
}
void GpuBackend::global_average_pool_backward(int n, int pixels, int channels, const float* dy, float* dx) {
  CURIE_GPU::global_average_pool_backward(runtime_->stream(), n, pixels, channels, dy, dx);
}
std::size_t GpuBackend::scratch_bytes(const DenseShape& shape) const { return dense_scratch_bytes(products(), shape); }
void GpuBackend::dense_forward(const DenseShape& shape, const float* x, const float* w, const float* bias,
                               Activation activation, float* y, Scratch scratch) {
  CURIE_GPU::dense_forward(runtime_->stream(), products(), shape, x, w, bias, activation, y, scratch);
}
void GpuBackend::dense_backward_input(const DenseShape& shape, const float* dy, const float* w, float* dx,
                                      Scratch scratch) {
  CURIE_GPU::dense_backward_input(runtime_->stream(), products(), shape, dy, w, dx, scratch);
}
void GpuBackend::dense_backward_weights(const DenseShape& shape, const float* x, const float* dy, float* dw,
                                        float* dbias, Scratch scratch) {
  CURIE_GPU::dense_backward_weights(runtime_->stream(), products(), shape, x, dy, dw, dbias, scratch);
}
std::size_t GpuBackend::scratch_bytes(const BatchNormShape& shape) const { return batch_norm_scratch_bytes(shape); }
void GpuBackend::batch_norm_forward(const BatchNormShape& shape, const float* x, const float* gamma, const float* beta,
                                    float* y, float* saved_mean, float* saved_inv_std, float* running_mean,
                                    float* running_variance, Scratch scratch) {
  CURIE_GPU::batch_norm_forward(runtime_->stream(), shape, x, gamma, beta, y, saved_mean, saved_inv_std, running_mean,
                                running_variance, scratch);
}
void GpuBackend::batch_norm_inference(const BatchNormShape& shape, const float* x, const float* gamma,
                                      const float* beta, const float* running_mean, const float* running_variance,
                                      float* y) {
  CURIE_GPU::batch_norm_inference(runtime_->stream(), shape, x, gamma, beta, running_mean, running_variance, y);
}
void GpuBackend::batch_norm_backward(const BatchNormShape& shape, const float* x, const float* gamma,
                                     const float* saved_mean, const float* saved_inv_std, const float* dy, float* dx,
                                     float* dgamma, float* dbeta, Scratch scratch) {
  CURIE_GPU::batch_norm_backward(runtime_->stream(), shape, x, gamma, saved_mean, saved_inv_std, dy, dx, dgamma, dbeta,
                                 scratch);
}
void GpuBackend::batch_norm_backward_inference(const BatchNormShape& shape, const float* gamma,
                                               const float* running_variance, const float* dy, float* dx) {
  CURIE_GPU::batch_norm_backward_inference(runtime_->stream(), shape, gamma, running_variance, dy, dx);
}
void GpuBackend::activation_forward(Activation activation, std::size_t count, const float* x, float* y) {
  CURIE_GPU::activation_forward(runtime_->stream(), activation, count, x, y);
}
void GpuBackend::activation_backward(Activation activation, std::size_t count, const float* y, const float* dy,
                                     float* dx) {
  CURIE_GPU::activation_backward(runtime_->stream(), activation, count, y, dy, dx);
}
void GpuBackend::softmax_forward(int rows, int classes, const float* x, float* y) {
  CURIE_GPU::softmax_forward(runtime_->stream(), rows, classes, x, y);
}
void GpuBackend::softmax_backward(int rows, int classes, const float* y, const float* dy, float* dx) {
  CURIE_GPU::softmax_backward(runtime_->stream(), rows, classes, y, dy, dx);
}
void GpuBackend::log_softmax_forward(int rows, int classes, const float* x, float* y) {
  CURIE_GPU::log_softmax_forward(runtime_->stream(), rows, classes, x, y);
}
void GpuBackend::log_softmax_backward(int rows, int classes, const float* y, const float* dy, float* dx) {
  CURIE_GPU::log_softmax_backward(runtime_->stream(), rows, classes, y, dy, dx);
}
void GpuBackend::dropout(const DropoutSpec& spec, const StepState* state, std::size_t count, const float* x, float* y) {
  CURIE_GPU::dropout(runtime_->stream(), spec, state, count, x, y);
}
void GpuBackend::add(std::size_t count, const float* a, const float* b, float* y) {
  CURIE_GPU::add(runtime_->stream(), count, a, b, y);
}
void GpuBackend::blend(std::size_t count, float alpha, const float* a, float beta, const float* b, float* y) {
  CURIE_GPU::blend(runtime_->stream(), count, alpha, a, beta, b, y);
}
void GpuBackend::fill(std::size_t count, float value, float* y) {
  CURIE_GPU::fill(runtime_->stream(), count, value, y);
}
void GpuBackend::cast_to_bf16(std::size_t count, const float* x, Bf16* y) {
  CURIE_GPU::cast_to_bf16(runtime_->stream(), count, x, y);
}
void GpuBackend::cast_to_f32(std::size_t count, const Bf16* x, float* y) {
  CURIE_GPU::cast_to_f32(runtime_->stream(), count, x, y);
}
void GpuBackend::normalize_u8(std::size_t pixels, int channels, const std::uint8_t* x, const float* table, float* y) {
  CURIE_GPU::normalize_u8(runtime_->stream(), pixels, channels, x, table, y);
}
void GpuBackend::gather_normalize_u8(int count, std::size_t pixels, int channels, const std::int32_t* rows,
                                     const std::uint8_t* images, const float* table, float* y) {
  CURIE_GPU::gather_normalize_u8(runtime_->stream(), count, pixels, channels, rows, images, table, y);
}
void GpuBackend::warp_u8(const WarpShape& shape, const std::int32_t* rows, const ImageWarp* warps,
                         const std::uint8_t* images, const float* offset, const float* factor, float* y) {
  CURIE_GPU::warp_u8(runtime_->stream(), shape, rows, warps, images, offset, factor, y);
}

void GpuBackend::gather_rows(int count, std::size_t words, const std::int32_t* rows, const std::uint32_t* x,
                             std::uint32_t* y) {
  CURIE_GPU::gather_rows(runtime_->stream(), count, words, rows, x, y);
}
void GpuBackend::loss(const LossShape& shape, const float* predictions, const void* targets, const float* weights,
                      float* gradient, MetricTotals* totals, Scratch scratch) {
  CURIE_GPU::loss(runtime_->stream(), shape, predictions, targets, weights, gradient, totals, scratch);
}
std::size_t GpuBackend::scratch_bytes(const LossShape& shape) const { return loss_scratch_bytes(shape); }
void GpuBackend::count_correct(MatchRule rule, int rows, int classes, const float* predictions, const void* targets,
                               MetricTotals* totals) {
  CURIE_GPU::count_correct(runtime_->stream(), rule, rows, classes, predictions, targets, totals);
}
std::size_t GpuBackend::scratch_bytes(const ClipShape& shape) const { return clip_scratch_bytes(shape); }
void GpuBackend::clip_gradient(const ClipShape& shape, const std::int32_t* segment_ends, float* gradient,
                               Scratch scratch) {
  CURIE_GPU::clip_gradient(runtime_->stream(), shape, segment_ends, gradient, scratch);
}
void GpuBackend::sgd_step(const SgdArgs& args, std::size_t count, const StepState* state, const float* gradient,
                          float* weights, float* velocity) {
  CURIE_GPU::sgd_step(runtime_->stream(), args, count, state, gradient, weights, velocity, nullptr);
}
void GpuBackend::adam_step(const AdamArgs& args, std::size_t count, const StepState* state, const float* gradient,
                           float* weights, float* first_moment, float* second_moment) {
  CURIE_GPU::adam_step(runtime_->stream(), args, count, state, gradient, weights, first_moment, second_moment, nullptr);
}

}  // namespace curie::CURIE_GPU
