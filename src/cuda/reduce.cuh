// Sums and maxima over a warp and over a block, in an order that does not depend on the launch: two runs give the same
// bits.
#pragma once

#include "cuda/device.cuh"

namespace curie::CURIE_GPU {

struct Sum {
  template <typename T>
  __device__ __forceinline__ static T of(T a, T b) {
    return a + b;
  }
  template <typename T>
  __device__ __forceinline__ static T identity() {
    return T{0};
  }
};

// The larger of two; NaN wins.
struct Maximum {
  __device__ __forceinline__ static float of(float a, float b) { return (a > b || a != a) ? a : b; }
  template <typename T>
  __device__ __forceinline__ static T identity() {
    return T{-INFINITY};
  }
};

// All lanes get the result. `Width` lanes (a power of two) reduce among themselves.
template <typename Op, int Width = kWarpSize, typename T>
__device__ __forceinline__ T warp_reduce(T value) {
  CURIE_UNROLL
  for (int offset = Width / 2; offset > 0; offset /= 2) {
    value = Op::of(value, __shfl_xor_sync(kFullWarp, value, offset));
  }
  return value;
}

template <typename T, int Block>
struct BlockPartials {
  T of_warp[Block / kWarpSize];
};

// All threads of a one-dimensional block of `Block` threads get the result. Every thread must call it; a second call
// with the same partials needs a barrier before it.
template <typename Op, int Block, typename T>
__device__ __forceinline__ T block_reduce(T value, BlockPartials<T, Block>& partials) {
  static_assert(Block % kWarpSize == 0 && Block <= 1024);
  const int lane = static_cast<int>(threadIdx.x) % kWarpSize, warp = static_cast<int>(threadIdx.x) / kWarpSize;
  value = warp_reduce<Op>(value);
  if (lane == 0) partials.of_warp[warp] = value;
  __syncthreads();
  value = lane < Block / kWarpSize ? partials.of_warp[lane] : Op::template identity<T>();
  return warp_reduce<Op>(value);
}

}  // namespace curie::CURIE_GPU
