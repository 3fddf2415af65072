// One bug a kernel. BUG stands before the statement that is reported when threads run in ascending order.
#include <iterator>

#include "cuda/copy_async.cuh"
#include "cuda/launch.cuh"
#include "kernels.h"

namespace curie::CURIE_GPU {
namespace {

#define BUG ::curie::test::bug_line = __LINE__,

constexpr int kBlock = 64;

struct Tile {
  float x[kBlock];
};
struct alignas(16) WideTile {
  float x[4 * kBlock];
};
__device__ int index() { return static_cast<int>(threadIdx.x); }

// --- addresses ------------------------------------------------------------------------------------------------------

__global__ void global_read(float* y, const float* x, int n) {
  const int i = static_cast<int>(blockIdx.x) * kBlock + index();
  if (i < n) BUG y[i] = x[i + 1];
}
__global__ void global_read_before(float* y, const float* x, int) { BUG y[index()] = x[index() - 3]; }
__global__ void global_write(float* y, const float* x, int n) {
  if (index() == 7) BUG y[n] = x[0];
}
__global__ void global_wide_read(float* y, const float* x, int n) {
  const int i = n / 4 + 3 - index();
  if (index() < 5) BUG y[index()] = reinterpret_cast<const float4*>(x)[i].w;
}
__global__ void pasted_shared_read(float* y, const float* x, int) {
  __shared__ float tile[kBlock];
  tile[index()] = x[index()];
  __syncthreads();
  BUG y[index()] = tile[index() + 1];
}
__global__ void pasted_shared_write(float* y, const float* x, int) {
  __shared__ float tile[kBlock];
  BUG tile[index() + 1] = x[index()];
  __syncthreads();
  y[index()] = tile[1];
}
__global__ void shared_read(float* y, const float* x, int) {
  Tile& tile = shared<Tile>();
  tile.x[index()] = x[index()];
  __syncthreads();
  const float* past = tile.x + 2;
  BUG y[index()] = past[index()];
}
__global__ void shared_write(float* y, const float* x, int) {
  float* tile = shared<Tile>().x - 1;
  BUG tile[index()] = x[index()];
  __syncthreads();
  y[index()] = tile[1];
}
__global__ void dynamic_read(float* y, const float* x, int) {
  auto* tile = dynamic_shared<float>();
  tile[index()] = x[index()];
  __syncthreads();
  BUG y[index()] = tile[index() + 1];
}
__global__ void dynamic_write(float* y, const float* x, int) {
  auto* tile = dynamic_shared<float>();
  BUG tile[index() + 1] = x[index()];
  __syncthreads();
  y[index()] = tile[1];
}
__global__ void misaligned(float* y, const float* x, int) {
  const float* odd = x + index();
  BUG reinterpret_cast<float4*>(y)[index()] = *reinterpret_cast<const float4*>(odd);
}
__global__ void null_pointer(float* y, const float*, int) {
  const float* volatile nowhere = nullptr;
  const float* p = nowhere;
  BUG y[index()] = p[index()];
}
__global__ void host_pointer(float* y, const float* on_the_host, int) { BUG y[index()] = on_the_host[index()]; }
__global__ void freed_buffer(float* y, const float* freed, int) { BUG y[index()] = freed[index()]; }
__device__ float deep(const float* x, int n) {
  volatile float room[512];
  room[n & 511] = x[0];
  return n > 0 ? deep(x, n - 1) + room[1] : room[0];
}
__global__ void stack_overflow(float* y, const float* x, int n) { y[index()] = deep(x, n * 100); }
__global__ void division_by_zero(float* y, const float* x, int n) {
  const int zero = static_cast<int>(x[0]);
  BUG y[index()] = static_cast<float>(n / zero);
}

// --- waits ----------------------------------------------------------------------------------------------------------

__global__ void early_exit(float* y, const float* x, int) {
  Tile& tile = shared<Tile>();
  if (index() >= 60) return;
  tile.x[index()] = x[index()];
  BUG __syncthreads();
  y[index()] = tile.x[(index() + 1) % 60];
}
__global__ void divergent_barriers(float* y, const float* x, int) {
  Tile& tile = shared<Tile>();
  tile.x[index()] = x[index()];
  if (index() < 32) {
    __syncthreads();
  } else {
    BUG __syncthreads();
  }
  y[index()] = tile.x[63 - index()];
}
__global__ void barrier_in_branch(float* y, const float* x, int) {
  if (index() < 40) BUG __syncthreads();
  y[index()] = x[index()];
}
__global__ void doubled_barrier_in_branch(float* y, const float* x, int) {
  if (index() < 32) __syncthreads();
  BUG __syncthreads();
  y[index()] = x[index()];
}
__global__ void shuffle_in_branch(float* y, const float* x, int) {
  float v = x[index()];
  if (index() % 32 < 16) BUG v += __shfl_down_sync(kFullWarp, v, 8);
  y[index()] = v;
}
__global__ void shuffle_and_barrier(float* y, const float* x, int) {
  float v = x[index()];
  if (index() < 48) v += __shfl_xor_sync(kFullWarp, v, 1);
  BUG __syncthreads();
  y[index()] = v;
}
__global__ void shuffle_outside_mask(float* y, const float* x, int) {
  float v = x[index()];
  if (index() % 32 < 16) BUG v += __shfl_down_sync(0x0000ffffu, v, 8);
  y[index()] = v;
}
__global__ void not_in_mask(float* y, const float* x, int) { BUG y[index()] = __shfl_sync(0xfffeu, x[index()], 1); }
__global__ void spin(float* y, const float*, int) {
  struct Flag {
    volatile int up;
  };
  Flag& flag = shared<Flag>();
  if (index() == 0) flag.up = 0;
  __syncthreads();
  if (index() == 0) flag.up = 1;
  while (flag.up != 1) BUG(void) 0;
  y[index()] = 1.0f;
}

// --- races ----------------------------------------------------------------------------------------------------------

__global__ void missing_barrier_down(float* y, const float* x, int) {
  Tile& tile = shared<Tile>();
  tile.x[index()] = x[index()];
  BUG y[index()] = index() > 0 ? tile.x[(index() + 32) % 64] : 0.0f;
}
__global__ void missing_barrier_up(float* y, const float* x, int) {  // ascending order computes the right values
  Tile& tile = shared<Tile>();
  tile.x[index()] = x[index()];
  BUG y[index()] = index() < 32 ? 0.0f : tile.x[index() - 32];
}
__global__ void missing_barrier_before_write(float* y, const float* x, int n) {
  Tile& tile = shared<Tile>();
  float sum = 0.0f;
  for (int k = 0; k < n; k += kBlock) {
    tile.x[index()] = x[k + index()];
    __syncthreads();
    for (int j = 0; j < kBlock; ++j) BUG sum += tile.x[j];
  }
  y[index()] = sum;
}
__global__ void race_in_warp(float* y, const float* x, int) {
  Tile& tile = shared<Tile>();
  tile.x[index()] = x[index()];
  BUG y[index()] = index() % 32 == 0 ? 0.0f : tile.x[index() - 1];
}
__global__ void shuffle_for_syncwarp(float* y, const float* x, int) {
  Tile& tile = shared<Tile>();
  tile.x[index()] = x[index()];
  const float v = __shfl_xor_sync(kFullWarp, x[index()], 1);
  BUG y[index()] = v + tile.x[index() ^ 1];
}
__global__ void syncwarp_of_others(float* y, const float* x, int) {
  Tile& tile = shared<Tile>();
  tile.x[index()] = x[index()];
  if (index() % 32 < 16) return;
  __syncwarp(0xffff0000u);
  BUG y[index()] = tile.x[index() ^ 16];
}
__global__ void same_value(float* y, const float* x, int) {
  Tile& tile = shared<Tile>();
  if (index() == 0) tile.x[0] = 0.0f;
  __syncthreads();
  if (x[index()] > 2.0f) BUG tile.x[0] = 1.0f;
  __syncthreads();
  y[index()] = tile.x[0];
}
__global__ void sum_without_atomic(float* y, const float* x, int) { BUG y[0] += x[index()]; }
__global__ void race_between_blocks(float* y, const float* x, int) {
  if (index() == 0) BUG y[blockIdx.x / 2] = x[blockIdx.x];
}
__global__ void reads_other_block(float* y, const float* x, int) {
  const int i = static_cast<int>(blockIdx.x) * kBlock + index();
  y[i] = x[i];
  __syncthreads();
  if (blockIdx.x == 1 && index() == 5) BUG y[i] += y[0];
}
__global__ void missing_fence(float* y, const float* x, int* counters) {
  struct Last {
    int ticket;
  };
  Last& last = shared<Last>();
  if (index() == 0) {
    y[blockIdx.x] = x[blockIdx.x];
    last.ticket = atomicAdd(counters, 1);
  }
  __syncthreads();
  if (last.ticket == static_cast<int>(gridDim.x) - 1 && index() == 3) BUG y[100] = y[0] + y[1];
}
__global__ void fence_of_another(float* y, const float* x, int* counters) {
  struct Last {
    int ticket;
  };
  Last& last = shared<Last>();
  if (index() == 40) y[blockIdx.x] = x[blockIdx.x];
  if (index() == 0) {  // fences its own writes, not those of thread 40
    __threadfence();
    last.ticket = atomicAdd(counters, 1);
  }
  __syncthreads();
  if (last.ticket == static_cast<int>(gridDim.x) - 1 && index() == 3) BUG y[100] = y[0] + y[1];
}
__global__ void plain_and_atomic(float* y, const float*, int* counters) {
  if (index() == 0) y[blockIdx.x] = static_cast<float>(counters[0]);
  if (index() == 1) BUG atomicAdd(counters, 1);
}

// --- shared memory and cp.async -------------------------------------------------------------------------------------

__global__ void uninitialised(float* y, const float* x, int) {
  Tile& tile = shared<Tile>();
  if (index() < 63) tile.x[index()] = x[index()];
  __syncthreads();
  BUG y[index()] = tile.x[index()];
}
__global__ void left_by_last_block(float* y, const float* x, int) {
  __shared__ float tile[kBlock];
  if (blockIdx.x == 0) tile[index()] = x[index()];
  __syncthreads();
  BUG y[index()] = tile[index()];
}
__global__ void missing_wait(float* y, const float* x, int) {
  WideTile& tile = shared<WideTile>();
  copy_async_16(tile.x + 4 * index(), x + 4 * index());
  copy_async_commit();
  __syncthreads();
  BUG y[index()] = tile.x[4 * (63 - index())];
  copy_async_wait<0>();
}
__global__ void missing_commit(float* y, const float* x, int) {
  WideTile& tile = shared<WideTile>();
  copy_async_16(tile.x + 4 * index(), x + 4 * index());
  copy_async_wait<0>();
  __syncthreads();
  BUG y[index()] = tile.x[4 * (63 - index())];
  copy_async_commit();
  copy_async_wait<0>();
}
__global__ void wait_for_too_few(float* y, const float* x, int) {
  WideTile& tile = shared<WideTile>();
  copy_async_16(tile.x + 4 * index(), x + 4 * index());
  copy_async_commit();
  copy_async_wait<1>();
  __syncthreads();
  BUG y[index()] = tile.x[4 * index()];
  copy_async_wait<0>();
}
__global__ void wait_without_barrier(float* y, const float* x, int) {
  WideTile& tile = shared<WideTile>();
  copy_async_16(tile.x + 4 * index(), x + 4 * index());
  copy_async_commit();
  copy_async_wait<0>();
  BUG y[index()] = index() == 0 ? 0.0f : tile.x[4 * (index() - 1)];
}
__global__ void write_in_flight(float* y, const float* x, int) {
  WideTile& tile = shared<WideTile>();
  copy_async_16(tile.x + 4 * index(), x + 4 * index());
  copy_async_commit();
  BUG tile.x[4 * index() + 1] = 0.0f;
  copy_async_wait<0>();
  y[index()] = tile.x[4 * index()];
}
__global__ void never_waits(float*, const float* x, int) {
  BUG copy_async_16(shared<WideTile>().x + 4 * index(), x + 4 * index());
}
__global__ void misaligned_async(float* y, const float* x, int) {
  WideTile& tile = shared<WideTile>();
  BUG copy_async_16(tile.x + 4 * index(), x + 1);
  copy_async_commit();
  copy_async_wait<0>();
  y[index()] = tile.x[4 * index()];
}

#define PLANTED(kernel, blocks, ...)                                                                       \
  {                                                                                                        \
#kernel, [](const test::Arrays& a) {                                                                     \
     launch({.name = #kernel, .grid = blocks, .block = kBlock __VA_OPT__(, .shared_bytes = __VA_ARGS__)}, kernel, a.y, a.x, a.n); \
   } \
  }
#define PLANTED_COUNTING(kernel, blocks)                                                                             \
  {                                                                                                                  \
#kernel, [](const test::Arrays&                                                                                  \
                    a) { launch({.name = #kernel, .grid = blocks, .block = kBlock}, kernel, a.y, a.x, a.counters); } \
  }
constexpr test::Kernel kPlanted[] = {
    PLANTED(global_read, 4),
    PLANTED(global_read_before, 1),
    PLANTED(global_write, 1),
    PLANTED(global_wide_read, 1),
    PLANTED(pasted_shared_read, 1),
    PLANTED(pasted_shared_write, 1),
    PLANTED(shared_read, 1),
    PLANTED(shared_write, 1),
    PLANTED(dynamic_read, 1, kBlock * 4),
    PLANTED(dynamic_write, 1, kBlock * 4),
    PLANTED(misaligned, 1),
    PLANTED(null_pointer, 1),
    PLANTED(host_pointer, 1),
    PLANTED(freed_buffer, 1),
    PLANTED(stack_overflow, 1),
    PLANTED(division_by_zero, 1),
    PLANTED(early_exit, 1),
    PLANTED(divergent_barriers, 1),
    PLANTED(barrier_in_branch, 1),
    PLANTED(doubled_barrier_in_branch, 1),
    PLANTED(shuffle_in_branch, 1),
    PLANTED(shuffle_and_barrier, 1),
    PLANTED(shuffle_outside_mask, 1),
    PLANTED(not_in_mask, 1),
    PLANTED(spin, 1),
    PLANTED(missing_barrier_down, 1),
    PLANTED(missing_barrier_up, 1),
    PLANTED(missing_barrier_before_write, 1),
    PLANTED(race_in_warp, 1),
    PLANTED(shuffle_for_syncwarp, 1),
    PLANTED(syncwarp_of_others, 1),
    PLANTED(same_value, 1),
    PLANTED(sum_without_atomic, 1),
    PLANTED(race_between_blocks, 4),
    PLANTED(reads_other_block, 4),
    PLANTED_COUNTING(missing_fence, 4),
    PLANTED_COUNTING(fence_of_another, 4),
    PLANTED_COUNTING(plain_and_atomic, 4),
    PLANTED(uninitialised, 1),
    PLANTED(left_by_last_block, 2),
    PLANTED(missing_wait, 1),
    PLANTED(missing_commit, 1),
    PLANTED(wait_for_too_few, 1),
    PLANTED(wait_without_barrier, 1),
    PLANTED(write_in_flight, 1),
    PLANTED(never_waits, 1),
    PLANTED(misaligned_async, 1),
};

}  // namespace

test::Kernels planted_bugs() { return {kPlanted, std::size(kPlanted)}; }

}  // namespace curie::CURIE_GPU
