// How cuDNN computes the three directions of one convolution: chosen once a shape. Where two runs with one seed must
// give the same bytes (Choice::repeatable), it is the first deterministic algorithm by cuDNN's heuristics, which launch
// nothing and allocate nothing on the device. Choice::fastest has cuDNN time them all, in memory of its own.
#pragma once

#include <cstddef>
#include <optional>

#include "cuda/cudnn/descriptors.h"

namespace curie::CURIE_GPU {

template <typename Algorithm>
struct ConvolutionChoice {
  ConvolutionDescriptor convolution;  // with the math type of the algorithm
  Algorithm algorithm{};
  std::size_t workspace = 0;  // bytes
};

enum class Choice { repeatable, fastest };

struct ConvolutionPlan {
  TensorDescriptor x, y, bias;
  FilterDescriptor w;
  // Nothing: Curie's kernel works, because cuDNN does not take the shape or has no algorithm for it.
  std::optional<ConvolutionChoice<cudnnConvolutionFwdAlgo_t>> forward;
  std::optional<ConvolutionChoice<cudnnConvolutionBwdDataAlgo_t>> backward_input;
  std::optional<ConvolutionChoice<cudnnConvolutionBwdFilterAlgo_t>> backward_weights;
  bool fuses_bias = true;  // until cuDNN refuses the call that adds bias and ReLU in one pass

  std::size_t workspace() const;  // enough for each direction
};

// With Math::bf16 all arrays are bfloat16, biases and the gradients of filters and biases too: cuDNN takes no mixture.
// Algorithms that want more workspace than the limit are passed over.
ConvolutionPlan plan_convolution(const CudnnFunctions& cudnn, cudnnHandle_t handle, Math math, Choice choice,
                                 const Conv2dShape& shape, std::size_t workspace_limit);

}  // namespace curie::CURIE_GPU
