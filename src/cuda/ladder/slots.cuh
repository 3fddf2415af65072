// Sums down the columns of a matrix (rows, channels). A block of 256 threads takes kLanes neighbouring columns and
// 256 / kLanes rows at a time: the slots, whose sums are added at the end in a fixed order.
#pragma once

#include "cuda/device.cuh"

namespace curie::CURIE_GPU::ladder {

constexpr int kSlotBlock = 256;

template <typename T, int kLanes>
struct SlotSums {
  static constexpr int kSlots = kSlotBlock / kLanes;
  T of[kSlots][kLanes];

  // The sum over the slots of this thread's column. All threads of the block must call it; a second call needs a
  // barrier before it. With kFirstOnly the threads of slot 0 alone get the sum, and the others read nothing.
  template <bool kFirstOnly>
  __device__ __forceinline__ T add_up(T value) {
    const int lane = static_cast<int>(threadIdx.x) % kLanes, own = static_cast<int>(threadIdx.x) / kLanes;
    of[own][lane] = value;
    __syncthreads();
    if (kFirstOnly && own != 0) return value;
    T sum = of[0][lane];
    for (int slot = 1; slot < kSlots; ++slot) sum = sum + of[slot][lane];
    return sum;
  }
};

// Sums of d and of d^2, where d = x - shift.
struct Moments {
  float first, second;
  __device__ __forceinline__ friend Moments operator+(Moments a, Moments b) {
    return {a.first + b.first, a.second + b.second};
  }
};

}  // namespace curie::CURIE_GPU::ladder
