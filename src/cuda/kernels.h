// One host function a primitive, defined in the .cu file of its operation: it chooses a kernel and its launch and
// starts it on the stream. Arguments are those of the Backend method of the same name (ops/backend.h says what each
// computes). T is what memory holds of activations and of the kernels of products: float or Bf16; all else is float32.
// Includes nothing that nvcc cannot read quickly.
#pragma once

#include <cstddef>
#include <cstdint>

#include "ops/batch_norm.h"
#include "ops/clip.h"
#include "ops/conv2d.h"
#include "ops/dense.h"
#include "ops/loss.h"
#include "ops/optimizer.h"
#include "ops/pool.h"
#include "ops/step_state.h"
#include "ops/types.h"
#include "ops/warp.h"
#include "tensor/bf16.h"

struct CUstream_st;

namespace curie::CURIE_GPU {

using Stream = ::CUstream_st*;

// conv2d.cu
std::size_t conv2d_scratch_bytes(Math math, const Conv2dShape& shape);
template <typename T>
void conv2d_forward(Stream stream, Math math, const Conv2dShape& shape, const T* x, const T* w, const float* bias,
                    Activation activation, T* y, Scratch scratch);
template <typename T>
void conv2d_backward_input(Stream stream, Math math, const Conv2dShape& shape, const T* dy, const T* w, T* dx,
                           Scratch scratch);
template <typename T>
void conv2d_backward_weights(Stream stream, Math math, const Conv2dShape& shape, const T* x, const T* dy, float* dw,
                             float* dbias, Scratch scratch);

// Whether Math::winograd computes the convolution by Winograd's method, wherever its arrays lie at multiples of 16 bytes.
bool conv2d_by_winograd(const Conv2dShape& shape);

// conv_pool.cu
bool conv_pool_fuses(const ConvPoolShape& shape);
std::size_t conv_pool_scratch_bytes(const ConvPoolShape& shape);
template <typename T>
void conv_pool_forward(Stream stream, Math math, const ConvPoolShape& shape, const T* x, const T* w, const float* bias,
                       const DropoutSpec& dropout, const StepState* state, T* y, std::uint8_t* arg_max,
                       Scratch scratch);
template <typename T>
void conv_pool_backward(Stream stream, Math math, const ConvPoolShape& shape, const T* x, const T* w, const T* y,
                        const std::uint8_t* arg_max, float dropout_rate, const T* dy, T* dx, float* dw, float* dbias,
                        Scratch scratch);

// pool.cu
template <typename T>
void max_pool_forward(Stream stream, const PoolShape& shape, const T* x, T* y, std::uint8_t* arg_max);
template <typename T>
void max_pool_backward(Stream stream, const PoolShape& shape, const std::uint8_t* arg_max, const T* dy, T* dx);
template <typename T>
void average_pool_forward(Stream stream, const PoolShape& shape, const T* x, T* y);
template <typename T>
void average_pool_backward(Stream stream, const PoolShape& shape, const T* dy, T* dx);
template <typename T>
void l2_pool_forward(Stream stream, const PoolShape& shape, const T* x, T* y);
template <typename T>
void l2_pool_backward(Stream stream, const PoolShape& shape, const T* x, const T* y, const T* dy, T* dx);
template <typename T>
void global_average_pool_forward(Stream stream, int n, int pixels, int channels, const T* x, T* y);
template <typename T>
void global_average_pool_backward(Stream stream, int n, int pixels, int channels, const T* dy, T* dx);

// dense.cu
std::size_t dense_scratch_bytes(Math math, const DenseShape& shape);
// Output: T, or float where T is Bf16 and the results are logits.
template <typename T, typename Output>
void dense_forward(Stream stream, Math math, const DenseShape& shape, const T* x, const T* w, const float* bias,
                   Activation activation, Output* y, Scratch scratch);
template <typename T, typename Output>
void dense_backward_input(Stream stream, Math math, const DenseShape& shape, const Output* dy, const T* w, T* dx,
                          Scratch scratch);
template <typename T, typename Output>
void dense_backward_weights(Stream stream, Math math, const DenseShape& shape, const T* x, const Output* dy, float* dw,
                            float* dbias, Scratch scratch);

// batch_norm.cu
std::size_t batch_norm_scratch_bytes(const BatchNormShape& shape);
template <typename T>
void batch_norm_forward(Stream stream, const BatchNormShape& shape, const T* x, const float* gamma, const float* beta,
                        T* y, float* saved_mean, float* saved_inv_std, float* running_mean, float* running_variance,
                        Scratch scratch);
template <typename T>
void batch_norm_inference(Stream stream, const BatchNormShape& shape, const T* x, const float* gamma, const float* beta,
                          const float* running_mean, const float* running_variance, T* y);
template <typename T>
void batch_norm_backward(Stream stream, const BatchNormShape& shape, const T* x, const float* gamma,
                         const float* saved_mean, const float* saved_inv_std, const T* dy, T* dx, float* dgamma,
                         float* dbeta, Scratch scratch);
template <typename T>
void batch_norm_backward_inference(Stream stream, const BatchNormShape& shape, const float* gamma,
                                   const float* running_variance, const T* dy, T* dx);

// activation.cu, softmax.cu, dropout.cu, elementwise.cu, cast.cu
template <typename T>
void activation_forward(Stream stream, Activation activation, std::size_t count, const T* x, T* y);
template <typename T>
void activation_backward(Stream stream, Activation activation, std::size_t count, const T* y, const T* dy, T* dx);
void softmax_forward(Stream stream, int rows, int classes, const float* x, float* y);
void softmax_backward(Stream stream, int rows, int classes, const float* y, const float* dy, float* dx);
void log_softmax_forward(Stream stream, int rows, int classes, const float* x, float* y);
void log_softmax_backward(Stream stream, int rows, int classes, const float* y, const float* dy, float* dx);
template <typename T>
void dropout(Stream stream, const DropoutSpec& spec, const StepState* state, std::size_t count, const T* x, T* y);
template <typename T>
void add(Stream stream, std::size_t count, const T* a, const T* b, T* y);
void blend(Stream stream, std::size_t count, float alpha, const float* a, float beta, const float* b, float* y);
void fill(Stream stream, std::size_t count, float value, float* y);
void cast_to_bf16(Stream stream, std::size_t count, const float* x, Bf16* y);
void cast_to_f32(Stream stream, std::size_t count, const Bf16* x, float* y);
template <typename T>
void normalize_u8(Stream stream, std::size_t pixels, int channels, const std::uint8_t* x, const float* table, T* y);
template <typename T>
void gather_normalize_u8(Stream stream, int count, std::size_t pixels, int channels, const std::int32_t* rows,
                         const std::uint8_t* images, const float* table, T* y);
void gather_rows(Stream stream, int count, std::size_t words, const std::int32_t* rows, const std::uint32_t* x,
                 std::uint32_t* y);
// The same for rows of `width` floats, rounded to bfloat16.
void gather_rounded(Stream stream, int count, std::size_t width, const std::int32_t* rows, const float* x, Bf16* y);

// warp.cu
template <typename T>
void warp_u8(Stream stream, const WarpShape& shape, const std::int32_t* rows, const ImageWarp* warps,
             const std::uint8_t* images, const float* offset, const float* factor, T* y);

// loss.cu, metrics.cu, clip.cu, optimizer.cu
std::size_t loss_scratch_bytes(const LossShape& shape);
void loss(Stream stream, const LossShape& shape, const float* predictions, const void* targets, const float* weights,
          float* gradient, MetricTotals* totals, Scratch scratch);
void count_correct(Stream stream, MatchRule rule, int rows, int classes, const float* predictions, const void* targets,
                   MetricTotals* totals);
std::size_t clip_scratch_bytes(const ClipShape& shape);
void clip_gradient(Stream stream, const ClipShape& shape, const std::int32_t* segment_ends, float* gradient,
                   Scratch scratch);
void sgd_step(Stream stream, const SgdArgs& args, std::size_t count, const StepState* state, const float* gradient,
              float* weights, float* velocity, Bf16* rounded_weights /* may be null */);
void adam_step(Stream stream, const AdamArgs& args, std::size_t count, const StepState* state, const float* gradient,
               float* weights, float* first_moment, float* second_moment, Bf16* rounded_weights /* may be null */);

}  // namespace curie::CURIE_GPU
