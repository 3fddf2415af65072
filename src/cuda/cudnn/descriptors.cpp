#include "cuda/cudnn/descriptors.h"

#include <algorithm>
#include <cstddef>
#include <limits>

namespace curie::CURIE_GPU {
namespace {

// A descriptor that `create` has made. The names are for the message of an error.
template <typename Handle>
Owned<Handle, cudnnStatus_t> make(const CudnnFunctions& cudnn, cudnnStatus_t (*create)(Handle*), const char* name,
                                  cudnnStatus_t (*destroy)(Handle)) {
  Handle handle = nullptr;
  cudnn.check(create(&handle), name);
  return {handle, {destroy}};
}

bool pads_alike(int in, int kernel, int stride, int pad, int out) {
  const int room = in + 2 * pad - kernel;
  return room >= 0 && room / stride + 1 == out;
}

bool countable(std::size_t elements) {
  return elements > 0 && elements <= static_cast<std::size_t>(std::numeric_limits<int>::max());
}

}  // namespace

CudnnHandle make_cudnn_handle(const CudnnFunctions& cudnn, Stream stream) {
  CudnnHandle handle = make(cudnn, cudnn.cudnnCreate, "cudnnCreate", cudnn.cudnnDestroy);
  cudnn.check(cudnn.cudnnSetStream(handle.get(), stream), "cudnnSetStream");
  return handle;
}

TensorDescriptor describe_tensor(const CudnnFunctions& cudnn, int n, int h, int w, int c, cudnnDataType_t type) {
  TensorDescriptor tensor =
      make(cudnn, cudnn.cudnnCreateTensorDescriptor, "cudnnCreateTensorDescriptor", cudnn.cudnnDestroyTensorDescriptor);
  cudnn.check(cudnn.cudnnSetTensor4dDescriptor(tensor.get(), CUDNN_TENSOR_NHWC, type, n, c, h, w),
              "cudnnSetTensor4dDescriptor");
  return tensor;
}

FilterDescriptor describe_filters(const CudnnFunctions& cudnn, const Conv2dShape& shape, cudnnDataType_t type) {
  FilterDescriptor filters =
      make(cudnn, cudnn.cudnnCreateFilterDescriptor, "cudnnCreateFilterDescriptor", cudnn.cudnnDestroyFilterDescriptor);
  // NHWC of filters means KRSC; the extents are given as k, c, r, s nevertheless.
  cudnn.check(
      cudnn.cudnnSetFilter4dDescriptor(filters.get(), type, CUDNN_TENSOR_NHWC, shape.k, shape.c, shape.r, shape.s),
      "cudnnSetFilter4dDescriptor");
  return filters;
}

ConvolutionDescriptor describe_convolution(const CudnnFunctions& cudnn, const Conv2dShape& shape) {
  ConvolutionDescriptor convolution = make(cudnn, cudnn.cudnnCreateConvolutionDescriptor,
                                           "cudnnCreateConvolutionDescriptor", cudnn.cudnnDestroyConvolutionDescriptor);
  cudnn.check(cudnn.cudnnSetConvolution2dDescriptor(convolution.get(), shape.pad_top, shape.pad_left, shape.stride_h,
                                                    shape.stride_w, 1, 1, CUDNN_CROSS_CORRELATION, CUDNN_DATA_FLOAT),
              "cudnnSetConvolution2dDescriptor");
  return convolution;
}

PoolingDescriptor describe_pooling(const CudnnFunctions& cudnn, const PoolShape& shape, cudnnPoolingMode_t mode) {
  PoolingDescriptor pooling = make(cudnn, cudnn.cudnnCreatePoolingDescriptor, "cudnnCreatePoolingDescriptor",
                                   cudnn.cudnnDestroyPoolingDescriptor);
  cudnn.check(
      cudnn.cudnnSetPooling2dDescriptor(pooling.get(), mode, CUDNN_PROPAGATE_NAN, shape.window_h, shape.window_w,
                                        shape.pad_top, shape.pad_left, shape.stride_h, shape.stride_w),
      "cudnnSetPooling2dDescriptor");
  return pooling;
}

ActivationDescriptor describe_activation(const CudnnFunctions& cudnn, Activation activation) {
  ActivationDescriptor descriptor = make(cudnn, cudnn.cudnnCreateActivationDescriptor,
                                         "cudnnCreateActivationDescriptor", cudnn.cudnnDestroyActivationDescriptor);
  const cudnnActivationMode_t mode = activation == Activation::relu ? CUDNN_ACTIVATION_RELU : CUDNN_ACTIVATION_IDENTITY;
  cudnn.check(cudnn.cudnnSetActivationDescriptor(descriptor.get(), mode, CUDNN_PROPAGATE_NAN, 0.0),
              "cudnnSetActivationDescriptor");
  return descriptor;
}

bool cudnn_takes(const Conv2dShape& shape) {
  return pads_alike(shape.h, shape.r, shape.stride_h, shape.pad_top, shape.p) &&
         pads_alike(shape.w, shape.s, shape.stride_w, shape.pad_left, shape.q) &&
         countable(std::min({shape.input_elements(), shape.weight_elements(), shape.output_elements()})) &&
         countable(std::max({shape.input_elements(), shape.weight_elements(), shape.output_elements()}));
}

bool cudnn_takes(const PoolShape& shape) {
  return pads_alike(shape.h, shape.window_h, shape.stride_h, shape.pad_top, shape.p) &&
         pads_alike(shape.w, shape.window_w, shape.stride_w, shape.pad_left, shape.q) &&
         countable(shape.input_elements()) && countable(shape.output_elements());
}

}  // namespace curie::CURIE_GPU
