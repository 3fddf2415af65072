// CUDA's words for a host compiler: what a kernel file sees when it is compiled as plain C++ for the emulator. Names,
// arguments and results are those of the CUDA C++ Programming Guide (sections "C++ language extensions" and
// "Mathematical functions"); nothing here is meant for code outside kernels.
//
// Functions are `static`: kernels are compiled twice, plain and for checked mode, and the two must not share one copy.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "emu/emulator.h"

#define __global__
#define __device__
#define __host__
#define __constant__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __grid_constant__
#define __restrict__ __restrict
#define __align__(n) __attribute__((aligned(n)))
// A student's pasted keyword: one static array serves the blocks, which run one after another. Without the poison that
// shared<T>() gives.
#define __shared__ static

// For what is the emulator's own, not the kernel's: not instrumented in checked mode.
#define CURIE_UNWATCHED __attribute__((no_sanitize("thread")))

// CUDA's fast intrinsics have glibc's reserved names, so they cannot be functions here.
#define __expf(x) ::expf(x)
#define __logf(x) ::logf(x)
#define __powf(x, y) ::powf(x, y)
#define __sinf(x) ::sinf(x)
#define __cosf(x) ::cosf(x)

struct alignas(8) float2 {
  float x, y;
};
struct alignas(16) float4 {
  float x, y, z, w;
};
struct alignas(8) int2 {
  int x, y;
};
struct alignas(16) int4 {
  int x, y, z, w;
};
struct alignas(8) uint2 {
  unsigned x, y;
};
struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
struct alignas(4) uchar4 {
  unsigned char x, y, z, w;
};
static inline float2 make_float2(float x, float y) { return {x, y}; }
static inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
static inline int2 make_int2(int x, int y) { return {x, y}; }
static inline int4 make_int4(int x, int y, int z, int w) { return {x, y, z, w}; }
static inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }
static inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }
static inline uchar4 make_uchar4(unsigned char x, unsigned char y, unsigned char z, unsigned char w) {
  return {x, y, z, w};
}

constexpr int warpSize = 32;

// --- waits and warp operations --------------------------------------------------------------------------------------
static inline void __syncthreads(CURIE_WHERE) { curie::emu::barrier(where); }
static inline int __syncthreads_or(int predicate, CURIE_WHERE) {
  return curie::emu::barrier_count(predicate != 0, where) != 0;
}
static inline int __syncthreads_and(int predicate, CURIE_WHERE) {
  return curie::emu::barrier_count(predicate == 0, where) == 0;
}
static inline int __syncthreads_count(int predicate, CURIE_WHERE) {
  return curie::emu::barrier_count(predicate != 0, where);
}
static inline void __syncwarp(unsigned mask = 0xffffffffu, CURIE_WHERE) {
  curie::emu::warp_operation(curie::emu::WarpWord::sync, mask, nullptr, nullptr, where);
}

namespace curie::emu {

struct ShuffleSlot {
  std::uint64_t in = 0, out = 0;
  int source = 0;
};
// A lane that reads from a lane outside the mask gets a bit pattern that is NaN in any float: CUDA leaves it undefined.
CURIE_UNWATCHED static inline void complete_shuffle(void** slots, unsigned mask) {
  for (unsigned rest = mask; rest != 0; rest &= rest - 1) {
    const int lane = __builtin_ctz(rest);
    auto* mine = static_cast<ShuffleSlot*>(slots[lane]);
    const bool defined = (mask >> mine->source & 1u) != 0;
    if (!defined) undefined_shuffle(lane, mine->source, mask);
    mine->out = defined ? static_cast<ShuffleSlot*>(slots[mine->source])->in : ~std::uint64_t{0};
  }
}
template <typename T>
static inline T shuffle(unsigned mask, T value, int source, Where where) {
  static_assert(sizeof(T) <= sizeof(std::uint64_t));
  ShuffleSlot slot{.source = source};
  std::memcpy(&slot.in, &value, sizeof value);
  warp_operation(WarpWord::shuffle, mask, &slot, complete_shuffle, where);
  std::memcpy(&value, &slot.out, sizeof value);
  return value;
}

struct VoteSlot {
  bool vote = false;
  unsigned votes = 0;
};
CURIE_UNWATCHED static inline void complete_vote(void** slots, unsigned mask) {
  unsigned votes = 0;
  for (unsigned rest = mask; rest != 0; rest &= rest - 1) {
    const int lane = __builtin_ctz(rest);
    if (static_cast<VoteSlot*>(slots[lane])->vote) votes |= 1u << lane;
  }
  for (unsigned rest = mask; rest != 0; rest &= rest - 1) {
    static_cast<VoteSlot*>(slots[__builtin_ctz(rest)])->votes = votes;
  }
}
static inline unsigned vote(unsigned mask, bool predicate, Where where) {
  VoteSlot slot{.vote = predicate};
  warp_operation(WarpWord::vote, mask, &slot, complete_vote, where);
  return slot.votes;
}

// The first lane of the segment of `width` lanes that this lane belongs to.
static inline int segment_of(int lane, int width) { return lane & ~(width - 1); }

}  // namespace curie::emu

template <typename T>
static inline T __shfl_sync(unsigned mask, T value, int source, int width = 32, CURIE_WHERE) {
  const int first = curie::emu::segment_of(curie::emu::lane(), width);
  return curie::emu::shuffle(mask, value, first | (source & (width - 1)), where);
}
template <typename T>
static inline T __shfl_xor_sync(unsigned mask, T value, int lane_mask, int width = 32, CURIE_WHERE) {
  const int lane = curie::emu::lane();
  const int source = lane ^ lane_mask;
  const bool beyond = curie::emu::segment_of(source, width) > curie::emu::segment_of(lane, width);
  return curie::emu::shuffle(mask, value, beyond ? lane : source, where);
}
template <typename T>
static inline T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32, CURIE_WHERE) {
  const int lane = curie::emu::lane();
  const int source = lane + static_cast<int>(delta);
  const bool beyond = curie::emu::segment_of(source, width) != curie::emu::segment_of(lane, width);
  return curie::emu::shuffle(mask, value, beyond ? lane : source, where);
}
template <typename T>
static inline T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32, CURIE_WHERE) {
  const int lane = curie::emu::lane();
  const int source = lane - static_cast<int>(delta);
  return curie::emu::shuffle(mask, value, source < curie::emu::segment_of(lane, width) ? lane : source, where);
}
static inline unsigned __ballot_sync(unsigned mask, int predicate, CURIE_WHERE) {
  return curie::emu::vote(mask, predicate != 0, where);
}
static inline int __any_sync(unsigned mask, int predicate, CURIE_WHERE) {
  return curie::emu::vote(mask, predicate != 0, where) != 0;
}
static inline int __all_sync(unsigned mask, int predicate, CURIE_WHERE) {
  return curie::emu::vote(mask, predicate == 0, where) == 0;
}
static inline void __threadfence() { curie::emu::fence(true); }
static inline void __threadfence_block() { curie::emu::fence(false); }

// --- memory ---------------------------------------------------------------------------------------------------------
template <typename T>
static inline T __ldg(const T* address) {
  return *address;
}

namespace curie::emu {

// `touch_atomic` reports the access as what it is.
template <typename T, typename Change>
CURIE_UNWATCHED static T atomic(T* address, Where where, Change change) {
  touch_atomic(address, sizeof(T), where);
  const T old = *address;
  *address = change(old);
  return old;
}

}  // namespace curie::emu

#define CURIE_ATOMICS(T)                                                                             \
  static inline T atomicAdd(T* address, T value, CURIE_WHERE) {                                      \
    return curie::emu::atomic(address, where, [=](T old) { return static_cast<T>(old + value); });   \
  }                                                                                                  \
  static inline T atomicExch(T* address, T value, CURIE_WHERE) {                                     \
    return curie::emu::atomic(address, where, [=](T) { return value; });                             \
  }                                                                                                  \
  static inline T atomicMax(T* address, T value, CURIE_WHERE) {                                      \
    return curie::emu::atomic(address, where, [=](T old) { return old < value ? value : old; });     \
  }                                                                                                  \
  static inline T atomicMin(T* address, T value, CURIE_WHERE) {                                      \
    return curie::emu::atomic(address, where, [=](T old) { return value < old ? value : old; });     \
  }                                                                                                  \
  static inline T atomicCAS(T* address, T expected, T value, CURIE_WHERE) {                          \
    return curie::emu::atomic(address, where, [=](T old) { return old == expected ? value : old; }); \
  }
CURIE_ATOMICS(int)
CURIE_ATOMICS(unsigned)
CURIE_ATOMICS(unsigned long long)
#undef CURIE_ATOMICS
static inline float atomicAdd(float* address, float value, CURIE_WHERE) {
  return curie::emu::atomic(address, where, [=](float old) { return old + value; });
}
static inline double atomicAdd(double* address, double value, CURIE_WHERE) {
  return curie::emu::atomic(address, where, [=](double old) { return old + value; });
}

// --- arithmetic -----------------------------------------------------------------------------------------------------
using std::max;
using std::min;

namespace curie::emu {
template <typename To, typename From>
static inline To bit_cast(From from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof to);
  return to;
}
}  // namespace curie::emu

static inline float rsqrtf(float x) { return 1.0f / std::sqrt(x); }
static inline float __fdividef(float a, float b) { return a / b; }
static inline float __fmaf_rn(float a, float b, float c) { return std::fma(a, b, c); }
static inline float __fadd_rn(float a, float b) { return a + b; }
static inline float __fsub_rn(float a, float b) { return a - b; }
static inline float __fmul_rn(float a, float b) { return a * b; }
static inline float __fdiv_rn(float a, float b) { return a / b; }
static inline float __fsqrt_rn(float a) { return std::sqrt(a); }
static inline double __dadd_rn(double a, double b) { return a + b; }
static inline double __dmul_rn(double a, double b) { return a * b; }
static inline unsigned __float_as_uint(float value) { return curie::emu::bit_cast<unsigned>(value); }
static inline int __float_as_int(float value) { return curie::emu::bit_cast<int>(value); }
static inline float __uint_as_float(unsigned bits) { return curie::emu::bit_cast<float>(bits); }
static inline float __int_as_float(int bits) { return curie::emu::bit_cast<float>(bits); }
static inline int __popc(unsigned bits) { return __builtin_popcount(bits); }
static inline int __clz(int bits) { return bits == 0 ? 32 : __builtin_clz(static_cast<unsigned>(bits)); }
static inline int __ffs(int bits) { return __builtin_ffs(bits); }
static inline unsigned __umulhi(unsigned a, unsigned b) {
  return static_cast<unsigned>((static_cast<std::uint64_t>(a) * b) >> 32);
}
