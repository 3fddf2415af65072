// Words of compute capability 9.0: mbarriers, bulk tensor copies (TMA) and wgmma. PTX ISA, "mbarrier", "Data movement
// and conversion instructions: asynchronous copy, tensor copy" and "Asynchronous warpgroup level matrix instructions".
// docs/hopper.md explains them by the kernel that uses them.
#pragma once

#include "cuda/device.cuh"
#include "cuda/tensor_map.h"
#if !defined(__CUDACC__)
#include "emu/hopper.h"
#endif

namespace curie::CURIE_GPU {

constexpr int kWarpgroupThreads = 128;  // four warps, the first of them a multiple of four

// Counts arrivals and bytes of one phase after the other, in shared memory.
struct Mbarrier {
  std::uint64_t state;
};

// An operand of wgmma in shared memory: lines of 128 bytes, swizzled as tensor maps do, eight lines to an atom of 1024
// bytes at a multiple of 1024. stride: bytes from atom to atom, along the rows where a line runs along the depth, along
// the depth where it runs along the rows. leading: of the latter, bytes to the next 64 rows.
__device__ constexpr std::uint64_t matrix_descriptor(unsigned address, unsigned stride, unsigned leading = 16) {
  constexpr std::uint64_t kSwizzle128 = 1;
  return std::uint64_t{(address & 0x3ffff) >> 4} | std::uint64_t{leading >> 4} << 16 |
         std::uint64_t{stride >> 4} << 32 | kSwizzle128 << 62;
}

// Where element i of a thread's sums lies in D (64 rows).
struct SumPlace {
  int row, column;
};
__device__ constexpr SumPlace sum_place(int thread, int i) {
  return {thread / 32 * 16 + thread % 32 / 4 + i / 2 % 2 * 8, i / 4 * 8 + thread % 4 * 2 + i % 2};
}

#if defined(__CUDACC__)

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
#define CURIE_SM90(...) asm volatile(__VA_ARGS__)
#else
#define CURIE_SM90(...) __trap()  // the host never starts these kernels on another device
#endif

__device__ __forceinline__ unsigned shared_address(const void* shared) {
  return static_cast<unsigned>(__cvta_generic_to_shared(shared));
}

__device__ __forceinline__ void mbarrier_init(Mbarrier& barrier, unsigned arrivals) {
  CURIE_SM90("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(&barrier)), "r"(arrivals) : "memory");
}
// What this thread wrote to shared memory, mbarriers too, before copies and products that follow.
__device__ __forceinline__ void fence_async_proxy() { CURIE_SM90("fence.proxy.async.shared::cta;" ::: "memory"); }
__device__ __forceinline__ void mbarrier_arrive(Mbarrier& barrier) {
  CURIE_SM90("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(shared_address(&barrier)) : "memory");
}
// An arrival that also tells the phase of `bytes` that copies will bring.
__device__ __forceinline__ void mbarrier_arrive_expecting(Mbarrier& barrier, unsigned bytes) {
  CURIE_SM90("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(&barrier)), "r"(bytes)
             : "memory");
}
// Until the phase of this parity is over: the running one, or the one before it.
__device__ __forceinline__ void mbarrier_wait(Mbarrier& barrier, unsigned parity) {
  unsigned over = 0;
  while (over == 0) {
    CURIE_SM90("{ .reg .pred over; mbarrier.try_wait.parity.shared::cta.b64 over, [%1], %2; selp.u32 %0, 1, 0, over; }"
               : "=r"(over)
               : "r"(shared_address(&barrier)), "r"(parity)
               : "memory");
  }
}

// One box of a tiled map of three dimensions, from the given elements on.
__device__ __forceinline__ void copy_box(void* target, const TensorMap& map, Mbarrier& barrier, int x, int y, int z) {
  CURIE_SM90(
      "cp.async.bulk.tensor.3d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {%2,%3,%4}], "
      "[%5];" ::"r"(shared_address(target)),
      "l"(&map), "r"(x), "r"(y), "r"(z), "r"(shared_address(&barrier))
      : "memory");
}
// Channels from `channel` on of tap (row, column) of patches: the first begins at pixel (h, w) of image n.
__device__ __forceinline__ void copy_patches(void* target, const TensorMap& map, Mbarrier& barrier, int channel, int w,
                                             int h, int n, int column, int row) {
  CURIE_SM90(
      "cp.async.bulk.tensor.4d.shared::cluster.global.im2col.mbarrier::complete_tx::bytes [%0], [%1, {%2,%3,%4,%5}], "
      "[%6], {%7,%8};" ::"r"(shared_address(target)),
      "l"(&map), "r"(channel), "r"(w), "r"(h), "r"(n), "r"(shared_address(&barrier)),
      "h"(static_cast<std::uint16_t>(column)), "h"(static_cast<std::uint16_t>(row))
      : "memory");
}

// Before the first product, and after the sums' registers were written by anything but products.
__device__ __forceinline__ void wgmma_fence() { CURIE_SM90("wgmma.fence.sync.aligned;" ::: "memory"); }
// Closes the group of the products since the last commit.
__device__ __forceinline__ void wgmma_commit() { CURIE_SM90("wgmma.commit_group.sync.aligned;" ::: "memory"); }

// Until at most `Pending` of the warp's groups are still being computed.
template <int Pending>
__device__ __forceinline__ void wgmma_wait() {
  CURIE_SM90("wgmma.wait_group.sync.aligned %0;" ::"n"(Pending) : "memory");
}
// Until all are: only then the sums are what they should be, and the compiler may not read them earlier.
template <int Registers>
__device__ __forceinline__ void wgmma_wait_for(float (&sums)[Registers]) {
  wgmma_wait<0>();
  CURIE_UNROLL
  for (int i = 0; i < Registers; ++i) asm volatile("" : "+f"(sums[i])::"memory");
}

// sums (64 rows x 64 or 128 columns) += a (64 x 16) * b (16 x columns), by all threads of a warpgroup. kAlongDepth: b's
// lines run along the depth; a's always do.
#define CURIE_SUMS_8(i)                                                                                         \
  "+f"(sums[i]), "+f"(sums[i + 1]), "+f"(sums[i + 2]), "+f"(sums[i + 3]), "+f"(sums[i + 4]), "+f"(sums[i + 5]), \
      "+f"(sums[i + 6]), "+f"(sums[i + 7])
#define CURIE_SUMS_32(i) CURIE_SUMS_8(i), CURIE_SUMS_8(i + 8), CURIE_SUMS_8(i + 16), CURIE_SUMS_8(i + 24)
template <bool kAlongDepth>
__device__ __forceinline__ void wgmma(float (&sums)[32], std::uint64_t a, std::uint64_t b) {
  CURIE_SM90(
      "wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 "
      "{%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,"
      "%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31}, %32, %33, 1, 1, 1, 0, %34;"
      : CURIE_SUMS_32(0)
      : "l"(a), "l"(b), "n"(kAlongDepth ? 0 : 1));
}
template <bool kAlongDepth>
__device__ __forceinline__ void wgmma(float (&sums)[64], std::uint64_t a, std::uint64_t b) {
  CURIE_SM90(
      "wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 "
      "{%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,"
      "%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31,"
      "%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47,"
      "%48,%49,%50,%51,%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62,%63}, %64, %65, 1, 1, 1, 0, %66;"
      : CURIE_SUMS_32(0), CURIE_SUMS_32(32)
      : "l"(a), "l"(b), "n"(kAlongDepth ? 0 : 1));
}
#undef CURIE_SUMS_8
#undef CURIE_SUMS_32
#undef CURIE_SM90

#else

static inline unsigned shared_address(const void* shared, CURIE_WHERE) { return emu::window_address(shared, where); }

static inline void mbarrier_init(Mbarrier& barrier, unsigned arrivals, CURIE_WHERE) {
  barrier.state = arrivals;  // so that checked mode sees who wrote it
  emu::mbarrier_init(&barrier, arrivals, where);
}
static inline void fence_async_proxy() { emu::proxy_fence(); }
static inline void mbarrier_arrive(Mbarrier& barrier, CURIE_WHERE) { emu::mbarrier_arrive(&barrier, 0, where); }
static inline void mbarrier_arrive_expecting(Mbarrier& barrier, unsigned bytes, CURIE_WHERE) {
  emu::mbarrier_arrive(&barrier, bytes, where);
}
static inline void mbarrier_wait(Mbarrier& barrier, unsigned parity, CURIE_WHERE) {
  emu::mbarrier_wait(&barrier, parity, where);
}

CURIE_UNWATCHED static inline emu::TensorMap emulated_map(const TensorMap& map) {
  static_assert(sizeof(emu::TensorMap) <= sizeof map.opaque);
  emu::TensorMap inside;
  std::memcpy(&inside, map.opaque, sizeof inside);
  return inside;
}
static inline void copy_box(void* target, const TensorMap& map, Mbarrier& barrier, int x, int y, int z, CURIE_WHERE) {
  const int coordinates[] = {x, y, z};
  emu::bulk_copy(target, emulated_map(map), coordinates, nullptr, &barrier, where);
}
static inline void copy_patches(void* target, const TensorMap& map, Mbarrier& barrier, int channel, int w, int h, int n,
                                int column, int row, CURIE_WHERE) {
  const int coordinates[] = {channel, w, h, n};
  const std::uint16_t offsets[] = {static_cast<std::uint16_t>(column), static_cast<std::uint16_t>(row)};
  emu::bulk_copy(target, emulated_map(map), coordinates, offsets, &barrier, where);
}

static inline void wgmma_fence(CURIE_WHERE) { emu::warpgroup_fence(where); }
static inline void wgmma_commit(CURIE_WHERE) { emu::warpgroup_commit(where); }
template <int Pending>
static inline void wgmma_wait(CURIE_WHERE) {
  emu::warpgroup_wait(Pending, where);
}
template <int Registers>
static inline void wgmma_wait_for(float (&)[Registers], CURIE_WHERE) {
  emu::warpgroup_wait(0, where);
}
template <bool kAlongDepth, int Registers>
static inline void wgmma(float (&sums)[Registers], std::uint64_t a, std::uint64_t b, CURIE_WHERE) {
  static_assert(Registers == 32 || Registers == 64);
  emu::warpgroup_multiply({.a = a, .b = b, .transposed_b = !kAlongDepth, .columns = 2 * Registers}, sums, where);
}

#endif

}  // namespace curie::CURIE_GPU
