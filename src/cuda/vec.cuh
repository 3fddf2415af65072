// Four floats at a time: the widest load and store of one thread, 16 bytes, so that a warp moves 512 in one request.
#pragma once

#include "cuda/device.cuh"

namespace curie::CURIE_GPU {

// The address must be a multiple of 16.
__device__ __forceinline__ float4 load4(const float* address) { return *reinterpret_cast<const float4*>(address); }
__device__ __forceinline__ void store4(float* address, float4 value) { *reinterpret_cast<float4*>(address) = value; }

__host__ __device__ __forceinline__ bool aligned16(const void* address) {
  return reinterpret_cast<std::uintptr_t>(address) % 16 == 0;
}

}  // namespace curie::CURIE_GPU
