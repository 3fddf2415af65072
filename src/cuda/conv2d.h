// Between the files of the convolution: conv2d.cu chooses, these start the kernels. Host code.
#pragma once

#include "cuda/conv2d_plan.h"
#include "cuda/kernels.h"

namespace curie::CURIE_GPU {

// y = correlation of x with w, plus bias (may be null), through ReLU where wanted. vectors: as in conv2d_plan.h.
struct CorrelationArguments {
  const float* x;
  const float* w;
  const float* bias;
  bool relu;
  float* y;
};
// Where the sums of a weight gradient go, and how its pixels are cut: part i writes dw at weights + i * stride, and
// dbias, where it is wanted, at bias + i * stride.
struct WeightSums {
  float* weights;
  float* bias;  // may be null
  std::size_t stride;
  int splits;
  std::size_t pixels;  // of one part
};

// conv2d_forward.cu, conv2d_tf32.cu
void start_forward(Stream stream, Tile tile, bool vectors, const Conv2dShape& shape,
                   const CorrelationArguments& arguments);
void start_forward_tf32(Stream stream, Tile tile, const Conv2dShape& shape, const CorrelationArguments& arguments);
// The same with x = dy and y = dx.
void start_input_gradient(Stream stream, Tile tile, bool vectors, const Conv2dShape& shape,
                          const CorrelationArguments& arguments);
void start_input_gradient_tf32(Stream stream, Tile tile, const Conv2dShape& shape,
                               const CorrelationArguments& arguments);
// conv2d_weights.cu, conv2d_tf32.cu
void start_weight_gradient(Stream stream, Tile tile, bool vectors, const Conv2dShape& shape, const float* x,
                           const float* dy, const WeightSums& sums);
void start_weight_gradient_tf32(Stream stream, Tile tile, const Conv2dShape& shape, const float* x, const float* dy,
                                const WeightSums& sums);
// conv2d_few.cu: images of few channels
void start_forward_few(Stream stream, bool vectors, const Conv2dShape& shape, const CorrelationArguments& arguments);
void start_weight_gradient_few(Stream stream, const Conv2dShape& shape, const float* x, const float* dy,
                               const WeightSums& sums);
// conv2d_weights.cu: dw and dbias from the parts, added in order
void start_weight_total(Stream stream, const Conv2dShape& shape, const WeightSums& sums, float* dw, float* dbias);

}  // namespace curie::CURIE_GPU
