// Between the files of the convolution: conv2d.cu chooses, these start the kernels. Host code. T is what memory holds
// of images and filters: float or Bf16.
#pragma once

#include "cuda/conv2d_plan.h"
#include "cuda/kernels.h"

namespace curie::CURIE_GPU {

// y = correlation of x with w, plus bias (may be null), through ReLU where wanted. vectors: as in conv2d_plan.h.
template <typename T>
struct CorrelationArguments {
  const T* x;
  const T* w;
  const float* bias;
  bool relu;
  T* y;
  // Tensor-core kernels write float32 here instead of y, where it is not null: part i of the taps at i * plane.
  float* sums = nullptr;
  std::size_t plane = 0;
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
// The parts of an output that a correlation has written as `sums`, and what is to become of their total.
struct OutputSums {
  const float* parts;
  int splits;
  const float* bias;  // may be null
  bool relu;
};

// conv2d_forward.cu
template <typename T>
void start_forward(Stream stream, Tile tile, bool vectors, const Conv2dShape& shape,
                   const CorrelationArguments<T>& arguments);
// The same with x = dy and y = dx.
template <typename T>
void start_input_gradient(Stream stream, Tile tile, bool vectors, const Conv2dShape& shape,
                          const CorrelationArguments<T>& arguments);
// conv2d_weights.cu
template <typename T>
void start_weight_gradient(Stream stream, Tile tile, bool vectors, const Conv2dShape& shape, const T* x, const T* dy,
                           const WeightSums& sums);
// conv2d_few.cu: images of few channels
template <typename T>
void start_forward_few(Stream stream, bool vectors, const Conv2dShape& shape, const CorrelationArguments<T>& arguments);
template <typename T>
void start_weight_gradient_few(Stream stream, const Conv2dShape& shape, const T* x, const T* dy,
                               const WeightSums& sums);
// conv2d_tf32.cu, conv2d_bf16.cu: tensor cores. The correlation has `pixels` outputs; along_depth: a filter's taps are
// contiguous in memory, else a tap's filters.
template <typename T>
void start_correlation_mma(Stream stream, const char* name, const CorrelationPlan& plan, const Correlation& correlation,
                           std::size_t pixels, bool along_depth, const CorrelationArguments<T>& arguments);
template <typename T>
void start_input_gradient_mma(Stream stream, const CorrelationPlan& plan, const Conv2dShape& shape,
                              const CorrelationArguments<T>& arguments);
template <typename T>
void start_weight_gradient_mma(Stream stream, const char* name, Tile tile, const Correlation& correlation, const T* x,
                               const T* dy, const WeightSums& sums);
// conv2d_wgmma.cu: compute capability 9.0, where wgmma_columns (conv2d_plan.h) gives the columns, 64 or 128; it never
// writes `sums`. The input gradient of strides of 1.
void start_forward_wgmma(Stream stream, int columns, const Conv2dShape& shape,
                         const CorrelationArguments<Bf16>& arguments);
void start_input_gradient_wgmma(Stream stream, int columns, const Conv2dShape& shape,
                                const CorrelationArguments<Bf16>& arguments);
// conv2d_weights.cu: dw and dbias, or y, from the parts, added in order. `count` of y: (pixels, filters), filters a
// multiple of four.
void start_weight_total(Stream stream, std::size_t weights, int filters, const WeightSums& sums, float* dw,
                        float* dbias);
template <typename T>
void start_output_total(Stream stream, std::size_t count, int filters, const OutputSums& sums, T* y);

}  // namespace curie::CURIE_GPU
