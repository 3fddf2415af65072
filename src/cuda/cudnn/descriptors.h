// cuDNN's descriptors, owned: images NHWC and filters KRSC, dense, as everywhere in Curie, of float32 or bfloat16.
#pragma once

#include <memory>
#include <type_traits>

#include "cuda/cudnn/api.h"
#include "cuda/kernels.h"
#include "ops/conv2d.h"
#include "ops/pool.h"
#include "ops/types.h"

namespace curie::CURIE_GPU {

// Of a handle that a pair of C functions makes and destroys. What destroying returns says nothing that would help.
template <typename Handle, typename Status>
struct Destroy {
  Status (*function)(Handle) = nullptr;
  void operator()(Handle handle) const { function(handle); }
};
template <typename Handle, typename Status>
using Owned = std::unique_ptr<std::remove_pointer_t<Handle>, Destroy<Handle, Status>>;

using CudnnHandle = Owned<cudnnHandle_t, cudnnStatus_t>;
using TensorDescriptor = Owned<cudnnTensorDescriptor_t, cudnnStatus_t>;
using FilterDescriptor = Owned<cudnnFilterDescriptor_t, cudnnStatus_t>;
using ConvolutionDescriptor = Owned<cudnnConvolutionDescriptor_t, cudnnStatus_t>;
using PoolingDescriptor = Owned<cudnnPoolingDescriptor_t, cudnnStatus_t>;
using ActivationDescriptor = Owned<cudnnActivationDescriptor_t, cudnnStatus_t>;

// The device of the calling thread becomes the handle's.
CudnnHandle make_cudnn_handle(const CudnnFunctions& cudnn, Stream stream);

TensorDescriptor describe_tensor(const CudnnFunctions& cudnn, int n, int h, int w, int c,
                                 cudnnDataType_t type = CUDNN_DATA_FLOAT);
FilterDescriptor describe_filters(const CudnnFunctions& cudnn, const Conv2dShape& shape,
                                  cudnnDataType_t type = CUDNN_DATA_FLOAT);
// What activations are kept in.
constexpr cudnnDataType_t stored_type(Math math) { return math == Math::bf16 ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT; }
// Sums are float32 always. Without a math type: cudnnSetConvolutionMathType gives it one.
ConvolutionDescriptor describe_convolution(const CudnnFunctions& cudnn, const Conv2dShape& shape);
PoolingDescriptor describe_pooling(const CudnnFunctions& cudnn, const PoolShape& shape, cudnnPoolingMode_t mode);
// relu keeps NaN; none is the identity.
ActivationDescriptor describe_activation(const CudnnFunctions& cudnn, Activation activation);

// cuDNN pads both sides alike, and has as many windows as then fit. Where the shape means something else, or a tensor
// has more elements than an int counts, Curie's kernels work.
bool cudnn_takes(const Conv2dShape& shape);
bool cudnn_takes(const PoolShape& shape);

}  // namespace curie::CURIE_GPU
