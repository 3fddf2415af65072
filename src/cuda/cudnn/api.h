// The functions of cuDNN and cuBLASLt that Curie calls, found in the libraries when they are first wanted. The headers
// give their types, so a wrong argument does not compile; nothing is linked.
//
// cuDNN has two interfaces. This is the classic one, of descriptors and algorithms: a convolution is one call with the
// arguments of Curie's own, and the whole file set a third of what the graph interface takes to say the same. cuDNN 9
// marks it as deprecated and serves it from the same engines; what it cannot give is their fusions beyond bias + ReLU.
#pragma once

#include <cublasLt.h>
#include <cudnn.h>

#include <memory>
#include <string>
#include <vector>

#include "cuda/libraries.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"  // as said above; it is about every type of the interface

namespace curie::CURIE_GPU {

// clang-format off
#define CURIE_CUDNN_FUNCTIONS(use)                                                                                    \
  use(cudnnGetVersion) use(cudnnGetErrorString) use(cudnnGetLastErrorString) use(cudnnCreate) use(cudnnDestroy)       \
  use(cudnnSetStream) use(cudnnCreateTensorDescriptor) use(cudnnDestroyTensorDescriptor)                              \
  use(cudnnSetTensor4dDescriptor) use(cudnnCreateFilterDescriptor) use(cudnnDestroyFilterDescriptor)                  \
  use(cudnnSetFilter4dDescriptor) use(cudnnCreateConvolutionDescriptor) use(cudnnDestroyConvolutionDescriptor)        \
  use(cudnnSetConvolution2dDescriptor) use(cudnnSetConvolutionMathType) use(cudnnCreatePoolingDescriptor)             \
  use(cudnnDestroyPoolingDescriptor) use(cudnnSetPooling2dDescriptor) use(cudnnCreateActivationDescriptor)            \
  use(cudnnDestroyActivationDescriptor) use(cudnnSetActivationDescriptor)                                             \
  use(cudnnGetConvolutionForwardAlgorithm_v7) use(cudnnGetConvolutionForwardWorkspaceSize)                            \
  use(cudnnConvolutionForward) use(cudnnConvolutionBiasActivationForward)                                             \
  use(cudnnGetConvolutionBackwardDataAlgorithm_v7) use(cudnnGetConvolutionBackwardDataWorkspaceSize)                  \
  use(cudnnConvolutionBackwardData) use(cudnnGetConvolutionBackwardFilterAlgorithm_v7)                                \
  use(cudnnGetConvolutionBackwardFilterWorkspaceSize) use(cudnnConvolutionBackwardFilter)                             \
  use(cudnnFindConvolutionForwardAlgorithm) use(cudnnFindConvolutionBackwardDataAlgorithm)                            \
  use(cudnnFindConvolutionBackwardFilterAlgorithm)                                                                    \
  use(cudnnConvolutionBackwardBias) use(cudnnAddTensor) use(cudnnPoolingForward) use(cudnnPoolingBackward)            \
  use(cudnnBatchNormalizationForwardTraining) use(cudnnBatchNormalizationForwardInference)                            \
  use(cudnnBatchNormalizationBackward)

#define CURIE_CUBLAS_LT_FUNCTIONS(use)                                                                                \
  use(cublasLtGetVersion) use(cublasLtGetStatusString) use(cublasLtCreate) use(cublasLtDestroy)                       \
  use(cublasLtMatmulDescCreate) use(cublasLtMatmulDescDestroy) use(cublasLtMatmulDescSetAttribute)                    \
  use(cublasLtMatrixLayoutCreate) use(cublasLtMatrixLayoutDestroy) use(cublasLtMatmulPreferenceCreate)                \
  use(cublasLtMatmulPreferenceDestroy) use(cublasLtMatmulPreferenceSetAttribute)                                      \
  use(cublasLtMatmulAlgoGetHeuristic) use(cublasLtMatmul)

// clang-format on

#define CURIE_DECLARE(name) decltype(&::name) name = nullptr;

struct CudnnFunctions {
  CURIE_CUDNN_FUNCTIONS(CURIE_DECLARE)

  // Throws where `call`, a function's name, did not succeed: that name and cuDNN's words, for want of memory
  // Error(out_of_memory).
  void check(cudnnStatus_t status, const char* call) const;
};

struct CublasLtFunctions {
  CURIE_CUBLAS_LT_FUNCTIONS(CURIE_DECLARE)

  void check(cublasStatus_t status, const char* call) const;
};

#undef CURIE_DECLARE

// Which files to open; nothing: those that the loader knows under the libraries' own names.
struct VendorFiles {
  std::string cudnn;
  std::string cublas_lt;
};

struct VendorFunctions {
  CudnnFunctions cudnn;
  CublasLtFunctions cublas_lt;
  std::string describe() const;  // "cuDNN 9.19.0, cuBLASLt 13.1.0"
};

// Opens both libraries. Error(usage) where one is missing, lacks a function, or is not the version that the headers
// were: another major one, or an older minor one. It says what to do.
std::shared_ptr<const VendorFunctions> open_vendor_libraries(const VendorFiles& files = {});

}  // namespace curie::CURIE_GPU
