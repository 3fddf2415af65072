// What each primitive of ops/backend.h has to do: its arithmetic and the bytes that must move, from its shape alone.
// The larger of the two times that a machine's roof allows for them (Williams, Waterman, Patterson, "Roofline", 2009)
// is the least time that the primitive can take.
//
// Counted are, once each:
//   products      2 for each multiplication and addition of a convolution or a dense layer, padding included; where a
//                 fused pool makes outputs or gradients unnecessary, those that are left (a dropped element has no
//                 gradient: counted as the share 1 - rate that is expected)
//   dense         the same with nothing left out: what papers and other libraries call the FLOPs of a layer
//   elementwise   every other addition, multiplication, comparison, division, root, exponential or logarithm of floats
//   bytes         every array that the primitive is given, read or written once. Two passes where one cannot do:
//                 batch statistics, and norms before what is scaled by them, are known only after all was read. Scratch
//                 memory is not counted, random numbers are made and not read.
#pragma once

#include <cstddef>

#include "ops/batch_norm.h"
#include "ops/clip.h"
#include "ops/conv2d.h"
#include "ops/dense.h"
#include "ops/loss.h"
#include "ops/optimizer.h"
#include "ops/pool.h"
#include "ops/types.h"
#include "ops/warp.h"
#include "tensor/dtype.h"

namespace curie {

struct Work {
  double products = 0.0;
  double dense = 0.0;
  double elementwise = 0.0;
  double bytes = 0.0;

  double operations() const { return products + elementwise; }
  Work& operator+=(const Work& other);
  friend Work operator*(double times, const Work& work);
  friend Work operator+(Work a, const Work& b) { return a += b; }
};

// Named and ordered as the methods of Backend; a flag for each argument that may be null.
namespace work {

// How arrays of activations and weights are stored; biases, statistics, gradients of weights and optimizer state are
// float32 in any case.
struct Storage {
  DType activations = DType::f32;
  DType weights = DType::f32;
};

Work conv2d_forward(const Conv2dShape& shape, bool bias, Activation activation, Storage storage = {});
Work conv2d_backward_input(const Conv2dShape& shape, Storage storage = {});
Work conv2d_backward_weights(const Conv2dShape& shape, bool dbias, Storage storage = {});
Work conv_pool_forward(const ConvPoolShape& shape, bool bias, float dropout_rate, bool arg_max, Storage storage = {});
Work conv_pool_backward(const ConvPoolShape& shape, float dropout_rate, bool dx, bool dbias, Storage storage = {});

Work max_pool_forward(const PoolShape& shape, bool arg_max, Storage storage = {});
Work max_pool_backward(const PoolShape& shape, Storage storage = {});
Work average_pool_forward(const PoolShape& shape, Storage storage = {});
Work average_pool_backward(const PoolShape& shape, Storage storage = {});
Work l2_pool_forward(const PoolShape& shape, Storage storage = {});
Work l2_pool_backward(const PoolShape& shape, Storage storage = {});
Work global_average_pool_forward(int n, int pixels, int channels, Storage storage = {});
Work global_average_pool_backward(int n, int pixels, int channels, Storage storage = {});

Work dense_forward(const DenseShape& shape, bool bias, Activation activation, Storage storage = {});
Work dense_backward_input(const DenseShape& shape, Storage storage = {});
Work dense_backward_weights(const DenseShape& shape, bool dbias, Storage storage = {});

// gamma, beta: present.
Work batch_norm_forward(const BatchNormShape& shape, bool gamma, bool beta, Storage storage = {});
Work batch_norm_inference(const BatchNormShape& shape, bool gamma, bool beta, Storage storage = {});
Work batch_norm_backward(const BatchNormShape& shape, bool gamma, bool dx, bool dgamma, bool dbeta,
                         Storage storage = {});
Work batch_norm_backward_inference(const BatchNormShape& shape, bool gamma, Storage storage = {});

Work activation_forward(Activation activation, std::size_t count, Storage storage = {});
Work activation_backward(Activation activation, std::size_t count, Storage storage = {});
Work softmax_forward(int rows, int classes);
Work softmax_backward(int rows, int classes);
Work log_softmax_forward(int rows, int classes);
Work log_softmax_backward(int rows, int classes);
Work dropout(std::size_t count, float rate, Storage storage = {});
Work add(std::size_t count, Storage storage = {});
Work blend(std::size_t count);
Work fill(std::size_t count);
Work cast(std::size_t count);
Work normalize_u8(std::size_t pixels, int channels, Storage storage = {});
Work gather_normalize_u8(int count, std::size_t pixels, int channels, Storage storage = {});
Work warp_u8(const WarpShape& shape, Storage storage = {});
Work gather_rows(int count, std::size_t words);
Work gather_rounded(int count, std::size_t width);  // float32 read, bfloat16 written

Work loss(const LossShape& shape, bool weights, bool gradient);
Work count_correct(MatchRule rule, int rows, int classes);
Work clip_gradient(const ClipShape& shape);
Work sgd_step(const SgdArgs& args, std::size_t count);
Work adam_step(const AdamArgs& args, std::size_t count);
Work copy(std::size_t bytes);  // copy_on_device: read and written

}  // namespace work
}  // namespace curie
