// The operations as layers call them: one function a Backend primitive, of the same name and argument order, with
// tensors for pointers. Each checks its shape, and every tensor's device, type and number of elements, then calls the
// backend; Error(usage) names the operation, the argument, what was expected and what was received. An undefined Tensor
// is a null pointer. What an operation computes, which arguments may be undefined and which may be the same memory is
// said in ops/backend.h and in the header of its shape.
//
// `state` and `totals` are addresses on the backend's device. Elementwise operations take the number of elements from
// their tensors; the shape of a tensor does not matter, only how many elements it has.
#pragma once

#include "ops/backend.h"
#include "tensor/tensor.h"

namespace curie::ops {

// --- convolution ----------------------------------------------------------------------------------------------------
void conv2d_forward(Backend& backend, const Conv2dShape& shape, const Tensor& x, const Tensor& w, const Tensor& bias,
                    Activation activation, const Tensor& y, Scratch scratch);
void conv2d_backward_input(Backend& backend, const Conv2dShape& shape, const Tensor& dy, const Tensor& w,
                           const Tensor& dx, Scratch scratch);
void conv2d_backward_weights(Backend& backend, const Conv2dShape& shape, const Tensor& x, const Tensor& dy,
                             const Tensor& dw, const Tensor& dbias, Scratch scratch);
void conv_pool_forward(Backend& backend, const ConvPoolShape& shape, const Tensor& x, const Tensor& w,
                       const Tensor& bias, const DropoutSpec& dropout, const StepState* state, const Tensor& y,
                       const Tensor& arg_max, Scratch scratch);
void conv_pool_backward(Backend& backend, const ConvPoolShape& shape, const Tensor& x, const Tensor& w, const Tensor& y,
                        const Tensor& arg_max, float dropout_rate, const Tensor& dy, const Tensor& dx, const Tensor& dw,
                        const Tensor& dbias, Scratch scratch);

// --- pooling --------------------------------------------------------------------------------------------------------
void max_pool_forward(Backend& backend, const PoolShape& shape, const Tensor& x, const Tensor& y,
                      const Tensor& arg_max);
void max_pool_backward(Backend& backend, const PoolShape& shape, const Tensor& arg_max, const Tensor& dy,
                       const Tensor& dx);
void average_pool_forward(Backend& backend, const PoolShape& shape, const Tensor& x, const Tensor& y);
void average_pool_backward(Backend& backend, const PoolShape& shape, const Tensor& dy, const Tensor& dx);
void l2_pool_forward(Backend& backend, const PoolShape& shape, const Tensor& x, const Tensor& y);
void l2_pool_backward(Backend& backend, const PoolShape& shape, const Tensor& x, const Tensor& y, const Tensor& dy,
                      const Tensor& dx);
void global_average_pool_forward(Backend& backend, int n, int pixels, int channels, const Tensor& x, const Tensor& y);
void global_average_pool_backward(Backend& backend, int n, int pixels, int channels, const Tensor& dy,
                                  const Tensor& dx);

// --- dense ----------------------------------------------------------------------------------------------------------
void dense_forward(Backend& backend, const DenseShape& shape, const Tensor& x, const Tensor& w, const Tensor& bias,
                   Activation activation, const Tensor& y, Scratch scratch);
void dense_backward_input(Backend& backend, const DenseShape& shape, const Tensor& dy, const Tensor& w,
                          const Tensor& dx, Scratch scratch);
void dense_backward_weights(Backend& backend, const DenseShape& shape, const Tensor& x, const Tensor& dy,
                            const Tensor& dw, const Tensor& dbias, Scratch scratch);

// --- batch normalisation --------------------------------------------------------------------------------------------
void batch_norm_forward(Backend& backend, const BatchNormShape& shape, const Tensor& x, const Tensor& gamma,
                        const Tensor& beta, const Tensor& y, const Tensor& saved_mean, const Tensor& saved_inv_std,
                        const Tensor& running_mean, const Tensor& running_variance, Scratch scratch);
void batch_norm_inference(Backend& backend, const BatchNormShape& shape, const Tensor& x, const Tensor& gamma,
                          const Tensor& beta, const Tensor& running_mean, const Tensor& running_variance,
                          const Tensor& y);
void batch_norm_backward(Backend& backend, const BatchNormShape& shape, const Tensor& x, const Tensor& gamma,
                         const Tensor& saved_mean, const Tensor& saved_inv_std, const Tensor& dy, const Tensor& dx,
                         const Tensor& dgamma, const Tensor& dbeta, Scratch scratch);
void batch_norm_backward_inference(Backend& backend, const BatchNormShape& shape, const Tensor& gamma,
                                   const Tensor& running_variance, const Tensor& dy, const Tensor& dx);

// --- elementwise and rows -------------------------------------------------------------------------------------------
void activation_forward(Backend& backend, Activation activation, const Tensor& x, const Tensor& y);
void activation_backward(Backend& backend, Activation activation, const Tensor& y, const Tensor& dy, const Tensor& dx);
void softmax_forward(Backend& backend, int rows, int classes, const Tensor& x, const Tensor& y);
void softmax_backward(Backend& backend, int rows, int classes, const Tensor& y, const Tensor& dy, const Tensor& dx);
void log_softmax_forward(Backend& backend, int rows, int classes, const Tensor& x, const Tensor& y);
void log_softmax_backward(Backend& backend, int rows, int classes, const Tensor& y, const Tensor& dy, const Tensor& dx);
// state may be null when the rate is 0.
void dropout(Backend& backend, const DropoutSpec& spec, const StepState* state, const Tensor& x, const Tensor& y);
void add(Backend& backend, const Tensor& a, const Tensor& b, const Tensor& y);
void blend(Backend& backend, float alpha, const Tensor& a, float beta, const Tensor& b, const Tensor& y);
void fill(Backend& backend, float value, const Tensor& y);
// x, y: f32 and bf16, or bf16 and f32, alike in number.
void cast(Backend& backend, const Tensor& x, const Tensor& y);
void normalize_u8(Backend& backend, std::size_t pixels, int channels, const Tensor& x, const Tensor& table,
                  const Tensor& y);
// rows: i32 (count), each below the number of samples, which is not checked: they live on the device.
void gather_normalize_u8(Backend& backend, std::size_t pixels, int channels, const Tensor& rows, const Tensor& images,
                         const Tensor& table, const Tensor& y);
// rows: (count) i32; warps: count ImageWarp as bytes, u8; images: u8 samples; offset, factor: (channels); y:
// (count, height, width, channels).
void warp_u8(Backend& backend, const WarpShape& shape, const Tensor& rows, const Tensor& warps, const Tensor& images,
             const Tensor& offset, const Tensor& factor, const Tensor& y);
// x, y: i32 or f32, both alike.
void gather_rows(Backend& backend, const Tensor& rows, const Tensor& x, const Tensor& y);

// --- losses, metrics, optimizers ------------------------------------------------------------------------------------
void loss(Backend& backend, const LossShape& shape, const Tensor& predictions, const Tensor& targets,
          const Tensor& weights, const Tensor& gradient, MetricTotals* totals, Scratch scratch);
// targets: i32 (rows) for MatchRule::sparse, else f32 (rows, classes).
void count_correct(Backend& backend, MatchRule rule, int rows, int classes, const Tensor& predictions,
                   const Tensor& targets, MetricTotals* totals);
// segment_ends: i32 (segments), their values are not checked: they live on the device. Undefined for ClipKind::value.
void clip_gradient(Backend& backend, const ClipShape& shape, const Tensor& segment_ends, const Tensor& gradient,
                   Scratch scratch);
// velocity may be undefined when the momentum is 0.
void sgd_step(Backend& backend, const SgdArgs& args, const StepState* state, const Tensor& gradient,
              const Tensor& weights, const Tensor& velocity);
void adam_step(Backend& backend, const AdamArgs& args, const StepState* state, const Tensor& gradient,
               const Tensor& weights, const Tensor& first_moment, const Tensor& second_moment);

}  // namespace curie::ops
