// What becomes of a sum of products before it is stored.
#pragma once

#include "cuda/device.cuh"

namespace curie::CURIE_GPU {

// The bias of output `output`, where there are biases, is added; then ReLU, where it is wanted. NaN stays.
__device__ __forceinline__ float finished(float sum, const float* bias, int output, bool relu) {
  if (bias != nullptr) sum += bias[output];
  return relu && sum < 0.0f ? 0.0f : sum;
}

}  // namespace curie::CURIE_GPU
