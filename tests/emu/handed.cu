// Ordinary accesses that mbarriers and bulk copies order, or ought to.
#include <iterator>

#include "cuda/hopper.cuh"
#include "cuda/launch.cuh"
#include "kernels.h"

namespace curie::CURIE_GPU {
namespace {

constexpr int kBlock = 64;

struct HandedTile {
  alignas(1024) float x[test::kElements];
  Mbarrier full, empty;
};

// Warp 0 writes two tiles in turn, warp 1 adds them up.
template <bool kReadsInTime, bool kWritesInTime>
__global__ void hand_over(float* y, const float* x) {
  HandedTile& tile = shared<HandedTile>();
  const int thread = static_cast<int>(threadIdx.x), lane = thread % kWarpSize;
  tile.x[thread] = 0.0f;
  if (thread == 0) {
    mbarrier_init(tile.full, 1);
    mbarrier_init(tile.empty, 1);
  }
  __syncthreads();
  float sum = 0.0f;
  for (unsigned round = 0; round < 2; ++round) {
    if (thread < kWarpSize) {
      if (kWritesInTime) mbarrier_wait(tile.empty, round % 2 ^ 1);
      tile.x[lane] = x[32 * round + static_cast<unsigned>(lane)];
      if (!kWritesInTime) mbarrier_wait(tile.empty, round % 2 ^ 1);
      __syncwarp();
      if (lane == 0) mbarrier_arrive(tile.full);
    } else {
      if (kReadsInTime) mbarrier_wait(tile.full, round % 2);
      sum += tile.x[31 - lane];
      if (!kReadsInTime) mbarrier_wait(tile.full, round % 2);
      __syncwarp();
      if (lane == 0) mbarrier_arrive(tile.empty);
    }
  }
  y[thread] = sum;
}

// One copy of x, read back after its wait or before it.
template <bool kWaits>
__global__ void copy_over(float* y, const __grid_constant__ TensorMap map, int first_line) {
  HandedTile& tile = shared<HandedTile>();
  const int thread = static_cast<int>(threadIdx.x);
  if (thread == 0) {
    mbarrier_init(tile.full, 1);
    fence_async_proxy();
    mbarrier_arrive_expecting(tile.full, 1024);
    copy_box(tile.x, map, tile.full, 0, 0, first_line);
  }
  __syncthreads();
  if (kWaits) mbarrier_wait(tile.full, 0);
  y[thread] = tile.x[thread];
  if (!kWaits) mbarrier_wait(tile.full, 0);
}

// x as `lines` of 64 values of bfloat16.
TensorMap map_of(const test::Arrays& arrays, int lines) {
  return tiled_map({reinterpret_cast<const Bf16*>(arrays.x), 3, {64, 1, lines}}, {64, 1, 8});
}

template <auto kKernel>
void hand(const test::Arrays& a) {
  launch({.name = "hand_over", .grid = 1, .block = kBlock}, kKernel, a.y, a.x);
}
template <auto kKernel, int kFirst>
void copy(const test::Arrays& a) {
  launch({.name = "copy_over", .grid = 1, .block = kBlock}, kKernel, a.y, map_of(a, 8 + kFirst), kFirst);
}

constexpr test::Kernel kHanded[] = {
    {"handed over", hand<hand_over<true, true>>},
    {"read too early", hand<hand_over<false, true>>},
    {"written too early", hand<hand_over<true, false>>},
    {"copied", copy<copy_over<true>, 0>},
    {"read before the copy's wait", copy<copy_over<false>, 0>},
    {"copied from beyond a buffer", copy<copy_over<true>, 1>},
};

}  // namespace

test::Kernels handed_kernels() { return {kHanded, std::size(kHanded)}; }

}  // namespace curie::CURIE_GPU
