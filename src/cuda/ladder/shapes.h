// What the rungs of the ladder are given, whichever build of the kernels they belong to. A convolution's shape is
// Conv2dShape (ops/conv2d.h), a batch norm's BatchNormShape.
#pragma once

#include <cstddef>

#include "ops/batch_norm.h"
#include "ops/conv2d.h"
#include "ops/types.h"

struct CUstream_st;

namespace curie {

// c (m, n) = a (m, k) * b (k, n), each row by row.
struct GemmShape {
  int m = 0, n = 0, k = 0;
};

// y[row, i] = exp(x[row, i]) / sum over j of exp(x[row, j]), row by row.
struct SoftmaxShape {
  int rows = 0, classes = 0;
};

// Batch norm in training, as ops/batch_norm.h defines it.
struct BatchNormArrays {
  const float* x;                          // (rows, channels)
  const float* gamma;                      // (channels), as are the following
  const float* beta;                       //
  float* y;                                // (rows, channels)
  float* mean;                             // of each channel
  float* inv_std;                          // 1 / sqrt(variance + epsilon)
  float *running_mean, *running_variance;  // for the production kernel, the only one that keeps them
};

constexpr int kSoftmaxInRegisters = 1024;  // classes of a row that a warp can hold
constexpr int kBatchNormChunk = 512;       // rows that a block of the split rungs takes

// Types of functions that start a rung on a stream (CUDA's cudaStream_t; null on the emulator). Outputs are
// overwritten.
using GemmRung = void(::CUstream_st* stream, const GemmShape& shape, const float* a, const float* b, float* c,
                      Scratch scratch);
// Without bias and activation.
using Conv2dRung = void(::CUstream_st* stream, const Conv2dShape& shape, const float* x, const float* w, float* y,
                        Scratch scratch);
using SoftmaxRung = void(::CUstream_st* stream, const SoftmaxShape& shape, const float* x, float* y);
using BatchNormRung = void(::CUstream_st* stream, const BatchNormShape& shape, const BatchNormArrays& arrays,
                           Scratch scratch);

}  // namespace curie
