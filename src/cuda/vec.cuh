// Four elements at a time: the widest load and store of one thread, 16 bytes of float32 or 8 of bfloat16, so that a
// warp moves 512 or 256 in one request. Kernels compute in float32, whatever memory holds.
#pragma once

#include "cuda/device.cuh"
#include "tensor/bf16.h"

namespace curie::CURIE_GPU {

__device__ __forceinline__ float value_of(float element) { return element; }
__device__ __forceinline__ float value_of(Bf16 element) { return to_float(element); }

template <typename T>
__device__ __forceinline__ T rounded(float value) {
  if constexpr (sizeof(T) == sizeof(float)) {
    return value;
  } else {
    return to_bf16(value);
  }
}

// Two bfloat16 of one 32-bit word; the first one has the lower address.
__device__ __forceinline__ unsigned pack(float first, float second) {
  return static_cast<unsigned>(to_bf16(first).bits) | static_cast<unsigned>(to_bf16(second).bits) << 16;
}
__device__ __forceinline__ float unpack(unsigned word, int half) {
  return to_float(Bf16{static_cast<std::uint16_t>(word >> (16 * half))});
}

// The address must be a multiple of four elements.
__device__ __forceinline__ float4 load4(const float* address) { return *reinterpret_cast<const float4*>(address); }
__device__ __forceinline__ float4 load4(const Bf16* address) {
  const uint2 words = *reinterpret_cast<const uint2*>(address);
  return make_float4(unpack(words.x, 0), unpack(words.x, 1), unpack(words.y, 0), unpack(words.y, 1));
}
__device__ __forceinline__ void store4(float* address, float4 value) { *reinterpret_cast<float4*>(address) = value; }
__device__ __forceinline__ void store4(Bf16* address, float4 value) {
  *reinterpret_cast<uint2*>(address) = make_uint2(pack(value.x, value.y), pack(value.z, value.w));
}
// The same for two.
__device__ __forceinline__ void store2(float* address, float first, float second) {
  *reinterpret_cast<float2*>(address) = make_float2(first, second);
}
__device__ __forceinline__ void store2(Bf16* address, float first, float second) {
  *reinterpret_cast<unsigned*>(address) = pack(first, second);
}

__host__ __device__ __forceinline__ bool aligned16(const void* address) {
  return reinterpret_cast<std::uintptr_t>(address) % 16 == 0;
}

}  // namespace curie::CURIE_GPU
