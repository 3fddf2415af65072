// The words a kernel may use: the first include of every kernel file. One header, two meanings: nvcc sees CUDA's own
// words, a host compiler the emulator's (emu/device.h). Everything in this folder lives in namespace curie::CURIE_GPU,
// which the build sets to `cuda` (compiled by nvcc), `emulated` (plain C++) or `checked` (plain C++, every memory
// access reported to the emulator), so that one program can hold all three.
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(__CUDACC__)
#include <cuda_runtime.h>
#else
#include "emu/device.h"
#endif

#ifndef CURIE_GPU
#error "compile this file as part of curie_cuda, curie_emulated or curie_checked, which define CURIE_GPU"
#endif

#if defined(__CUDACC__)
#define CURIE_UNROLL _Pragma("unroll")
#elif defined(__OPTIMIZE__) && defined(__GNUC__) && !defined(__clang__)
#define CURIE_UNROLL _Pragma("GCC unroll 16")
#else
#define CURIE_UNROLL
#endif

struct CUstream_st;

namespace curie::CURIE_GPU {

using Stream = ::CUstream_st*;  // what CUDA calls cudaStream_t; the emulator has one stream, null

constexpr unsigned kFullWarp = 0xffffffffu;
constexpr int kWarpSize = 32;

#if defined(__CUDACC__)

// Storage that one block shares: one T per block and type. Give each kernel a struct of its own.
template <typename T>
__device__ __forceinline__ T& shared() {
  __shared__ T storage;
  return storage;
}

// The block's dynamic shared memory, of Launch::shared_bytes, at a multiple of 1024 bytes.
template <typename T>
__device__ __forceinline__ T* dynamic_shared() {
  extern __shared__ __align__(1024) unsigned char curie_dynamic_shared[];
  return reinterpret_cast<T*>(curie_dynamic_shared);
}

#else

// The description of the block is the emulator's, not the kernel's.
template <typename T>
CURIE_UNWATCHED T& shared() {
  static emu::SharedBlock block = emu::shared_of<T>();
  return *reinterpret_cast<T*>(emu::shared_block(block));
}

template <typename T>
T* dynamic_shared() {
  return reinterpret_cast<T*>(emu::dynamic_shared_block());
}

#endif

}  // namespace curie::CURIE_GPU
