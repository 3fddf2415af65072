// Kernels that look like the planted bugs and are right: no mode may report them, and every order gives the same bytes.
#include <iterator>

#include "cuda/copy_async.cuh"
#include "cuda/launch.cuh"
#include "cuda/mma.cuh"
#include "cuda/reduce.cuh"
#include "kernels.h"

namespace curie::CURIE_GPU {
namespace {

constexpr int kBlock = 64;

struct Tile {
  float x[kBlock];
};
__device__ int index() { return static_cast<int>(threadIdx.x); }

__global__ void guarded_edge(float* y, const float* x, int n) {
  const int i = static_cast<int>(blockIdx.x) * kBlock + index();
  if (i < n) y[i] = x[i] + (i + 1 < n ? x[i + 1] : 0.0f);
}
__global__ void in_place(float* y, const float* x, int n) {
  for (int i = static_cast<int>(blockIdx.x) * kBlock + index(); i < n; i += static_cast<int>(gridDim.x) * kBlock) {
    y[i] = x[i];
    y[i] = y[i] * 2.0f + y[i];
  }
}
__global__ void exchange_in_block(float* y, const float* x, int n) {
  Tile& tile = shared<Tile>();
  float sum = 0.0f;
  for (int k = 0; k < n; k += kBlock) {
    tile.x[index()] = x[k + index()];
    __syncthreads();
    for (int j = 0; j < kBlock; ++j) sum += tile.x[j] * static_cast<float>(j + 1);
    __syncthreads();
  }
  y[index()] = sum;
}
__global__ void two_buffers(float* y, const float* x, int n) {  // one barrier a round
  __shared__ float tile[2][kBlock];
  float sum = 0.0f;
  int which = 0;
  for (int k = 0; k < n; k += kBlock, which ^= 1) {
    tile[which][index()] = x[k + index()];
    __syncthreads();
    sum += tile[which][63 - index()];
  }
  y[index()] = sum;
}
__global__ void exchange_in_warp(float* y, const float* x, int) {
  Tile& tile = shared<Tile>();
  tile.x[index()] = x[index()];
  __syncwarp();
  const float neighbour = tile.x[index() ^ 1];
  __syncwarp();
  tile.x[index()] = neighbour;
  __syncwarp();
  y[index()] = tile.x[index() ^ 3];
}
__global__ void exchange_in_half_warps(float* y, const float* x, int) {
  Tile& tile = shared<Tile>();
  const unsigned half = index() % 32 < 16 ? 0x0000ffffu : 0xffff0000u;
  float v = x[index()];
  for (int offset = 8; offset > 0; offset /= 2) {
    tile.x[index()] = v;
    __syncwarp(half);
    v += tile.x[index() ^ offset];
    __syncwarp(half);
  }
  y[index()] = v;
}
__global__ void one_thread_only(float* y, const float* x, int) {
  Tile& tile = shared<Tile>();
  tile.x[index()] = x[index()];
  tile.x[index()] += 1.0f;
  y[index()] = tile.x[index()];
  tile.x[index()] = 0.0f;
}
struct Partials {
  BlockPartials<float, kBlock> sum, most, product;
};
__global__ void reduces(float* y, const float* x, int n) {
  Partials& partials = shared<Partials>();
  float total = 0.0f;
  for (int k = index(); k < n; k += kBlock) {
    const float sum = block_reduce<Sum>(x[k], partials.sum);
    const float most = block_reduce<Maximum>(x[k], partials.most);
    total += block_reduce<Sum>(sum * most, partials.product);
  }
  y[index()] = total;
}
__global__ void bytes_side_by_side(float* y, const float* x, int) {
  struct Bytes {
    unsigned char x[kBlock];
  };
  Bytes& bytes = shared<Bytes>();
  bytes.x[index()] = static_cast<unsigned char>(x[index()]);
  __syncthreads();
  auto* out = reinterpret_cast<unsigned char*>(y);
  out[index()] = bytes.x[63 - index()];
}
__global__ void wide_and_narrow(float* y, const float* x, int) {
  struct alignas(16) Wide {
    float x[4 * kBlock];
  };
  Wide& wide = shared<Wide>();
  *reinterpret_cast<float4*>(wide.x + 4 * index()) = reinterpret_cast<const float4*>(x)[index()];
  __syncthreads();
  y[index()] = wide.x[index()] + wide.x[3 * kBlock + index()];
}

struct Last {
  int ticket;
};
__device__ bool is_last(int* counter) {
  Last& last = shared<Last>();
  if (index() == 0) last.ticket = atomicAdd(counter, 1);
  __syncthreads();
  return last.ticket == static_cast<int>(gridDim.x) - 1;
}
__device__ void add_up(float* y, int* counter) {
  if (index() == 0) {
    float sum = 0.0f;
    for (unsigned b = 0; b < gridDim.x; ++b) sum += y[b];
    y[100] = sum;
    *counter = 0;
  }
}
__global__ void last_block_fences_itself(float* y, const float* x, int* counters) {
  if (index() == 0) {
    y[blockIdx.x] = x[blockIdx.x];
    __threadfence();
  }
  if (is_last(counters)) add_up(y, counters);
}
__global__ void last_block_all_fence(float* y, const float* x, int* counters) {
  if (index() < 4) y[4 * blockIdx.x + threadIdx.x] = x[blockIdx.x];
  __threadfence();
  __syncthreads();
  if (is_last(counters) && index() < 4) {
    float sum = 0.0f;
    for (unsigned b = 0; b < gridDim.x; ++b) sum += y[4 * b + threadIdx.x];
    y[100 + index()] = sum;
  }
}
__global__ void last_block_fence_after_barrier(float* y, const float* x, int* counters) {
  if (index() == 50) y[blockIdx.x] = x[blockIdx.x];
  __syncthreads();
  if (index() == 0) __threadfence();
  if (is_last(counters)) add_up(y, counters);
}
__global__ void last_warp_of_block(float* y, const float* x, int) {
  struct Tickets {
    float sum[2];
    int count;
  };
  Tickets& tickets = shared<Tickets>();
  if (index() == 0) tickets.count = 0;
  __syncthreads();
  const float sum = warp_reduce<Sum>(x[index()]);
  if (index() % 32 == 0) {
    tickets.sum[index() / 32] = sum;
    __threadfence_block();
    if (atomicAdd(&tickets.count, 1) == 1) y[0] = tickets.sum[0] + tickets.sum[1];
  }
}
__global__ void histogram(float* y, const float* x, int* counters) {
  struct Bins {
    int count[4];
  };
  Bins& bins = shared<Bins>();
  if (index() < 4) bins.count[index()] = 0;
  __syncthreads();
  atomicAdd(&bins.count[static_cast<int>(x[index()]) % 4], 1);
  __syncthreads();
  if (index() < 4) atomicAdd(&counters[index()], bins.count[index()]);
  if (index() == 0) y[blockIdx.x] = 1.0f;
}
__global__ void pipeline(float* y, const float* x, int n) {  // cp.async, two stages
  struct alignas(16) Stages {
    float x[2][4 * kBlock / 4];
  };
  Stages& stages = shared<Stages>();
  const auto fetch = [&](int stage, int k) {
    if (index() < 16) copy_async_16(stages.x[stage] + 4 * index(), x + k + 4 * index(), k < n);
    copy_async_commit();
  };
  fetch(0, 0);
  float sum = 0.0f;
  for (int k = 0, stage = 0; k < n; k += kBlock, stage ^= 1) {
    if (k + kBlock < n) {
      fetch(stage ^ 1, k + kBlock);
      copy_async_wait<1>();
    } else {
      copy_async_wait<0>();
    }
    __syncthreads();
    sum += stages.x[stage][63 - index()];
    __syncthreads();
  }
  y[index()] = sum;
}
__global__ void zeros_beyond_the_edge(float* y, const float* x, int n) {
  struct alignas(16) Edge {
    float x[4 * kBlock];
  };
  Edge& edge = shared<Edge>();
  const int i = 4 * index() + n - 4 * 32;
  copy_async_16(edge.x + 4 * index(), x + i, i < n);
  copy_async_commit();
  copy_async_wait<0>();
  y[index()] = edge.x[4 * index()];
}
__device__ float through_own_array(float value) {  // a pasted array of a function next to one of the kernel's own
  __shared__ float partials[kBlock];
  __syncthreads();
  partials[index()] = value;
  __syncthreads();
  return partials[63 - index()];
}
constexpr float kTable[4] = {1.0f, 2.0f, 4.0f, 8.0f};
__constant__ float scale_of_all = 3.0f;
__global__ void pasted_arrays(float* y, const float* x, int) {
  __shared__ float tile[kBlock];
  __shared__ double wide[3];
  if (index() < 3) wide[index()] = index();
  tile[index()] = x[index()];
  __syncthreads();
  y[index()] = through_own_array(tile[index() ^ 5]) * kTable[index() % 4] * scale_of_all + static_cast<float>(wide[2]);
}
__global__ void dynamic_parts(float* y, const float* x, int) {
  auto* a = dynamic_shared<float>();
  auto* b = reinterpret_cast<double*>(a + kBlock);
  a[index()] = x[index()];
  b[63 - index()] = x[index()];
  __syncthreads();
  y[index()] = a[63 - index()] + static_cast<float>(b[index()]);
}
__global__ void warp_products(float* y, const float* x, int) {
  struct alignas(16) Rows {
    float x[32][4];
  };
  Rows& rows = shared<Rows>();
  if (index() < 32) *reinterpret_cast<float4*>(rows.x[index()]) = reinterpret_cast<const float4*>(x)[index()];
  __syncthreads();
  unsigned r[4];
  load_matrices(r, rows.x[index() % 32]);
  FragmentA a{{to_tf32(__uint_as_float(r[0])), r[1], r[2], r[3]}};
  FragmentB b{{r[0], r[1]}};
  FragmentD d{};
  mma_tf32(d, a, b);
  y[index()] = d.x[0] + d.x[1] + d.x[2] + d.x[3];
}
__global__ void votes(float* y, const float* x, int) {
  const unsigned even = __ballot_sync(kFullWarp, static_cast<int>(x[index()]) % 2 == 0);
  const int any = __syncthreads_or(x[index()] > 62.0f), all = __syncthreads_and(x[index()] >= 0.0f);
  y[index()] = static_cast<float>(__popc(even) + any + all + __syncthreads_count(index() < 10));
}
__global__ void few_lanes(float* y, const float* x, int) {  // a mask of the lanes that take part
  const unsigned mask = __ballot_sync(kFullWarp, index() % 32 < 5);
  float v = x[index()];
  if (index() % 32 < 5) v = __shfl_sync(mask, v, 4);
  y[index()] = v;
}
__global__ void late_start(float* y, const float* x, int n) {  // whole warps return, and nobody waits any more
  __syncthreads();
  if (index() >= 32) return;
  y[index()] = warp_reduce<Sum>(x[index() % n]);
}

#define CORRECT(kernel, blocks, ...)                                                                          \
  {                                                                                                           \
#kernel, [](const test::Arrays& a) {                                                                        \
     launch({.name = #kernel, .grid = blocks, .block = kBlock __VA_OPT__(, .shared_bytes = __VA_ARGS__)}, kernel, \
            a.y, a.x, a.n);                                                                                    \
   } \
  }
#define CORRECT_COUNTING(kernel, blocks)                                                                             \
  {                                                                                                                  \
#kernel, [](const test::Arrays&                                                                                  \
                    a) { launch({.name = #kernel, .grid = blocks, .block = kBlock}, kernel, a.y, a.x, a.counters); } \
  }
constexpr test::Kernel kCorrect[] = {
    CORRECT(guarded_edge, 5),
    CORRECT(in_place, 3),
    CORRECT(exchange_in_block, 1),
    CORRECT(two_buffers, 1),
    CORRECT(exchange_in_warp, 1),
    CORRECT(exchange_in_half_warps, 1),
    CORRECT(one_thread_only, 1),
    CORRECT(reduces, 1),
    CORRECT(bytes_side_by_side, 1),
    CORRECT(wide_and_narrow, 1),
    CORRECT_COUNTING(last_block_fences_itself, 8),
    CORRECT_COUNTING(last_block_all_fence, 8),
    CORRECT_COUNTING(last_block_fence_after_barrier, 8),
    CORRECT(last_warp_of_block, 1),
    CORRECT_COUNTING(histogram, 4),
    CORRECT(pipeline, 1),
    CORRECT(zeros_beyond_the_edge, 1),
    CORRECT(pasted_arrays, 1),
    CORRECT(dynamic_parts, 1, kBlock * 12),
    CORRECT(warp_products, 1),
    CORRECT(votes, 1),
    CORRECT(few_lanes, 1),
    CORRECT(late_start, 1),
};

}  // namespace

test::Kernels correct_kernels() { return {kCorrect, std::size(kCorrect)}; }

}  // namespace curie::CURIE_GPU
