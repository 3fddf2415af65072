// cp.async (compute capability 8.0): copies from global to shared memory that do not pass through registers. Older
// devices copy at once. PTX ISA, "Data movement and conversion instructions: cp.async".
#pragma once

#include "cuda/device.cuh"

namespace curie::CURIE_GPU {

#if defined(__CUDACC__)

// Queues a copy of 16 bytes (both addresses multiples of 16); with !valid the target gets zeros and `global` is not
// read.
__device__ __forceinline__ void copy_async_16(void* shared, const void* global, bool valid = true) {
#if __CUDA_ARCH__ >= 800
  const auto target = static_cast<unsigned>(__cvta_generic_to_shared(shared));
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(target), "l"(global), "r"(valid ? 16 : 0)
               : "memory");
#else
  *static_cast<uint4*>(shared) = valid ? *static_cast<const uint4*>(global) : make_uint4(0, 0, 0, 0);
#endif
}

// The same for 4 bytes.
__device__ __forceinline__ void copy_async_4(void* shared, const void* global, bool valid = true) {
#if __CUDA_ARCH__ >= 800
  const auto target = static_cast<unsigned>(__cvta_generic_to_shared(shared));
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(target), "l"(global), "r"(valid ? 4 : 0)
               : "memory");
#else
  *static_cast<unsigned*>(shared) = valid ? *static_cast<const unsigned*>(global) : 0u;
#endif
}

// Closes the group of the copies queued since the last commit.
__device__ __forceinline__ void copy_async_commit() {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}

// Waits until at most `Pending` of this thread's groups are still on their way. Other threads' copies are seen after a
// barrier.
template <int Pending>
__device__ __forceinline__ void copy_async_wait() {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.wait_group %0;" ::"n"(Pending) : "memory");
#endif
}

#else

static inline void copy_async_16(void* shared, const void* global, bool valid = true, CURIE_WHERE) {
  emu::async_copy(shared, global, 16, valid ? 16 : 0, where);
}
static inline void copy_async_4(void* shared, const void* global, bool valid = true, CURIE_WHERE) {
  emu::async_copy(shared, global, 4, valid ? 4 : 0, where);
}
static inline void copy_async_commit() { emu::async_commit(); }
template <int Pending>
static inline void copy_async_wait(CURIE_WHERE) {
  emu::async_wait(Pending, where);
}

#endif

}  // namespace curie::CURIE_GPU
