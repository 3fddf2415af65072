#pragma GCC diagnostic ignored "-Wunused-parameter"
// placeholder
#include "cuda/kernels.h"
#include <stdexcept>
namespace curie::CURIE_GPU {
__attribute__((weak)) std::size_t conv2d_scratch_bytes(const Conv2dShape& shape) { return 0; }
__attribute__((weak)) void conv2d_forward(Stream stream, Math math, const Conv2dShape& shape, const float* x, const float* w, const float* bias, Activation activation, float* y, Scratch scratch) { throw std::runtime_error("conv2d_forward: not written"); }
__attribute__((weak)) void conv2d_backward_input(Stream stream, Math math, const Conv2dShape& shape, const float* dy, const float* w, float* dx, Scratch scratch) { throw std::runtime_error("conv2d_backward_input: not written"); }
__attribute__((weak)) void conv2d_backward_weights(Stream stream, Math math, const Conv2dShape& shape, const float* x, const float* dy, float* dw, float* dbias, Scratch scratch) { throw std::runtime_error("conv2d_backward_weights: not written"); }
__attribute__((weak)) void max_pool_forward(Stream stream, const PoolShape& shape, const float* x, float* y, std::uint8_t* arg_max) { throw std::runtime_error("max_pool_forward: not written"); }
__attribute__((weak)) void max_pool_backward(Stream stream, const PoolShape& shape, const std::uint8_t* arg_max, const float* dy, float* dx) { throw std::runtime_error("max_pool_backward: not written"); }
__attribute__((weak)) void average_pool_forward(Stream stream, const PoolShape& shape, const float* x, float* y) { throw std::runtime_error("average_pool_forward: not written"); }
__attribute__((weak)) void average_pool_backward(Stream stream, const PoolShape& shape, const float* dy, float* dx) { throw std::runtime_error("average_pool_backward: not written"); }
__attribute__((weak)) void l2_pool_forward(Stream stream, const PoolShape& shape, const float* x, float* y) { throw std::runtime_error("l2_pool_forward: not written"); }
__attribute__((weak)) void l2_pool_backward(Stream stream, const PoolShape& shape, const float* x, const float* y, const float* dy, float* dx) { throw std::runtime_error("l2_pool_backward: not written"); }
__attribute__((weak)) void global_average_pool_forward(Stream stream, int n, int pixels, int channels, const float* x, float* y) { throw std::runtime_error("global_average_pool_forward: not written"); }
__attribute__((weak)) void global_average_pool_backward(Stream stream, int n, int pixels, int channels, const float* dy, float* dx) { throw std::runtime_error("global_average_pool_backward: not written"); }
__attribute__((weak)) std::size_t batch_norm_scratch_bytes(const BatchNormShape& shape) { return 0; }
__attribute__((weak)) void batch_norm_forward(Stream stream, const BatchNormShape& shape, const float* x, const float* gamma, const float* beta, float* y, float* saved_mean, float* saved_inv_std, float* running_mean, float* running_variance, Scratch scratch) { throw std::runtime_error("batch_norm_forward: not written"); }
__attribute__((weak)) void batch_norm_inference(Stream stream, const BatchNormShape& shape, const float* x, const float* gamma, const float* beta, const float* running_mean, const float* running_variance, float* y) { throw std::runtime_error("batch_norm_inference: not written"); }
__attribute__((weak)) void batch_norm_backward(Stream stream, const BatchNormShape& shape, const float* x, const float* gamma, const float* saved_mean, const float* saved_inv_std, const float* dy, float* dx, float* dgamma, float* dbeta, Scratch scratch) { throw std::runtime_error("batch_norm_backward: not written"); }
__attribute__((weak)) void batch_norm_backward_inference(Stream stream, const BatchNormShape& shape, const float* gamma, const float* running_variance, const float* dy, float* dx) { throw std::runtime_error("batch_norm_backward_inference: not written"); }
__attribute__((weak)) void activation_forward(Stream stream, Activation activation, std::size_t count, const float* x, float* y) { throw std::runtime_error("activation_forward: not written"); }
__attribute__((weak)) void activation_backward(Stream stream, Activation activation, std::size_t count, const float* y, const float* dy, float* dx) { throw std::runtime_error("activation_backward: not written"); }
__attribute__((weak)) void softmax_forward(Stream stream, int rows, int classes, const float* x, float* y) { throw std::runtime_error("softmax_forward: not written"); }
__attribute__((weak)) void softmax_backward(Stream stream, int rows, int classes, const float* y, const float* dy, float* dx) { throw std::runtime_error("softmax_backward: not written"); }
__attribute__((weak)) void log_softmax_forward(Stream stream, int rows, int classes, const float* x, float* y) { throw std::runtime_error("log_softmax_forward: not written"); }
__attribute__((weak)) void log_softmax_backward(Stream stream, int rows, int classes, const float* y, const float* dy, float* dx) { throw std::runtime_error("log_softmax_backward: not written"); }
__attribute__((weak)) void dropout(Stream stream, const DropoutSpec& spec, const StepState* state, std::size_t count, const float* x, float* y) { throw std::runtime_error("dropout: not written"); }
__attribute__((weak)) std::size_t loss_scratch_bytes(const LossShape& shape) { return 0; }
__attribute__((weak)) void loss(Stream stream, const LossShape& shape, const float* predictions, const void* targets, const float* weights, float* gradient, MetricTotals* totals, Scratch scratch) { throw std::runtime_error("loss: not written"); }
__attribute__((weak)) void count_correct(Stream stream, MatchRule rule, int rows, int classes, const float* predictions, const void* targets, MetricTotals* totals) { throw std::runtime_error("count_correct: not written"); }
__attribute__((weak)) void sgd_step(Stream stream, const SgdArgs& args, std::size_t count, const StepState* state, const float* gradient, float* weights, float* velocity) { throw std::runtime_error("sgd_step: not written"); }
__attribute__((weak)) void adam_step(Stream stream, const AdamArgs& args, std::size_t count, const StepState* state, const float* gradient, float* weights, float* first_moment, float* second_moment) { throw std::runtime_error("adam_step: not written"); }
}
