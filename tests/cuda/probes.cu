#include "cuda/copy_async.cuh"
#include "cuda/launch.cuh"
#include "cuda/mma.cuh"
#include "cuda/reduce.cuh"
#include "probes.h"

namespace curie::CURIE_GPU::probe {
namespace {

constexpr int kBlock = 128;
constexpr int kColumns = 8;  // of B and D

__host__ __device__ constexpr int at(Element element, int columns) { return element.row * columns + element.column; }

__global__ void __launch_bounds__(kWarpSize)
    multiply_tf32_kernel(const float* a, const float* b, const float* c, float* d) {
  constexpr int kDepth = 8;
  const auto lane = static_cast<int>(threadIdx.x);
  FragmentA fragment_a;
  FragmentB fragment_b;
  FragmentD sum;
  for (int i = 0; i < 4; ++i) fragment_a.x[i] = to_tf32(a[at(element_of_a(lane, i), kDepth)]);
  for (int i = 0; i < 2; ++i) fragment_b.x[i] = to_tf32(b[at(element_of_b(lane, i), kColumns)]);
  for (int i = 0; i < 4; ++i) sum.x[i] = c[at(element_of_d(lane, i), kColumns)];
  mma_tf32(sum, fragment_a, fragment_b);
  for (int i = 0; i < 4; ++i) d[at(element_of_d(lane, i), kColumns)] = sum.x[i];
}

__device__ unsigned pair(const std::uint16_t* first, const std::uint16_t* second) {
  return *first | static_cast<unsigned>(*second) << 16;
}

__global__ void __launch_bounds__(kWarpSize)
    multiply_bf16_kernel(const std::uint16_t* a, const std::uint16_t* b, const float* c, float* d) {
  constexpr int kDepth = 16;
  const auto lane = static_cast<int>(threadIdx.x);
  FragmentA fragment_a;
  FragmentB fragment_b;
  FragmentD sum;
  for (int i = 0; i < 4; ++i) {
    const std::uint16_t* element = a + at(pair_of_a(lane, i), kDepth);
    fragment_a.x[i] = pair(element, element + 1);
  }
  for (int i = 0; i < 2; ++i) {
    const std::uint16_t* element = b + at(pair_of_b(lane, i), kColumns);
    fragment_b.x[i] = pair(element, element + kColumns);
  }
  for (int i = 0; i < 4; ++i) sum.x[i] = c[at(element_of_d(lane, i), kColumns)];
  mma_bf16(sum, fragment_a, fragment_b);
  for (int i = 0; i < 4; ++i) d[at(element_of_d(lane, i), kColumns)] = sum.x[i];
}

__global__ void __launch_bounds__(kBlock) round_to_tf32_kernel(std::size_t count, const float* x, std::uint32_t* bits) {
  const std::size_t i = std::size_t{blockIdx.x} * kBlock + threadIdx.x;
  if (i < count) bits[i] = to_tf32(x[i]);
}

struct MatrixRows {
  alignas(16) std::uint32_t word[32][4];
};

__global__ void __launch_bounds__(kWarpSize) load_matrices_kernel(const std::uint32_t* rows, std::uint32_t* registers) {
  MatrixRows& tile = shared<MatrixRows>();
  const auto lane = static_cast<int>(threadIdx.x);
  for (int i = 0; i < 4; ++i) tile.word[lane][i] = rows[4 * lane + i];
  __syncthreads();
  unsigned r[4];
  CURIE_GPU::load_matrices(r, tile.word[lane]);
  for (int i = 0; i < 4; ++i) registers[4 * lane + i] = r[i];
}

struct CopyTiles {
  alignas(16) float x[2][kCopyTile];
};

template <bool Wide>
__device__ void queue_tile(std::size_t first, std::size_t count, const float* x, float* tile) {
  constexpr int kStep = Wide ? 4 : 1;
  for (int i = kStep * static_cast<int>(threadIdx.x); i < static_cast<int>(kCopyTile); i += kStep * kBlock) {
    const std::size_t element = first + static_cast<std::size_t>(i);
    const bool valid = element + kStep <= count;
    const float* from = valid ? x + element : x;
    if constexpr (Wide) {
      copy_async_16(tile + i, from, valid);
    } else {
      copy_async_4(tile + i, from, valid);
    }
  }
  copy_async_commit();
}

template <bool Wide>
__global__ void __launch_bounds__(kBlock) copy_kernel(std::size_t count, std::size_t padded, const float* x, float* y) {
  CopyTiles& tiles = shared<CopyTiles>();
  queue_tile<Wide>(0, count, x, tiles.x[0]);
  int now = 0;
  for (std::size_t first = 0; first < padded; first += kCopyTile) {
    const bool more = first + kCopyTile < padded;
    if (more) {
      queue_tile<Wide>(first + kCopyTile, count, x, tiles.x[1 - now]);
      copy_async_wait<1>();
    } else {
      copy_async_wait<0>();
    }
    __syncthreads();
    for (int i = static_cast<int>(threadIdx.x); i < static_cast<int>(kCopyTile); i += kBlock) {
      const int other = static_cast<int>(kCopyTile) - 1 - i;  // queued by another thread
      y[first + static_cast<std::size_t>(other)] = tiles.x[now][other];
    }
    __syncthreads();
    now = 1 - now;
  }
}

__host__ __device__ std::uint32_t next_value(std::uint32_t x, std::uint32_t factor, std::uint32_t term, std::size_t i) {
  return factor * x + term + static_cast<std::uint32_t>(i);
}

__global__ void __launch_bounds__(kBlock)
    advance_kernel(std::size_t count, std::uint32_t factor, const std::uint32_t* term, std::uint32_t* x) {
  const std::size_t i = std::size_t{blockIdx.x} * kBlock + threadIdx.x;
  if (i < count) x[i] = next_value(x[i], factor, *term, i);
}

__global__ void __launch_bounds__(kBlock) add_up_kernel(std::size_t count, const float* x, float* sum) {
  float part = 0.0f;
  for (std::size_t i = threadIdx.x; i < count; i += kBlock) part += x[i];
  const float whole = block_reduce<Sum, kBlock>(part, shared<BlockPartials<float, kBlock>>());
  if (threadIdx.x == 0) *sum = whole;
}

__global__ void nothing_kernel() {}

}  // namespace

void multiply_tf32(Stream stream, const float* a, const float* b, const float* c, float* d) {
  launch({.name = "multiply_tf32", .grid = 1, .block = kWarpSize, .stream = stream}, multiply_tf32_kernel, a, b, c, d);
}
void multiply_bf16(Stream stream, const std::uint16_t* a, const std::uint16_t* b, const float* c, float* d) {
  launch({.name = "multiply_bf16", .grid = 1, .block = kWarpSize, .stream = stream}, multiply_bf16_kernel, a, b, c, d);
}
void round_to_tf32(Stream stream, std::size_t count, const float* x, std::uint32_t* bits) {
  launch({.name = "round_to_tf32", .grid = blocks_for(count, kBlock), .block = kBlock, .stream = stream},
         round_to_tf32_kernel, count, x, bits);
}
void load_matrices(Stream stream, const std::uint32_t* rows, std::uint32_t* registers) {
  launch({.name = "load_matrices", .grid = 1, .block = kWarpSize, .stream = stream}, load_matrices_kernel, rows,
         registers);
}
void copy_by_16_bytes(Stream stream, std::size_t count, std::size_t padded, const float* x, float* y) {
  launch({.name = "copy_by_16_bytes", .grid = 1, .block = kBlock, .stream = stream}, copy_kernel<true>, count, padded,
         x, y);
}
void copy_by_4_bytes(Stream stream, std::size_t count, std::size_t padded, const float* x, float* y) {
  launch({.name = "copy_by_4_bytes", .grid = 1, .block = kBlock, .stream = stream}, copy_kernel<false>, count, padded,
         x, y);
}
void advance(Stream stream, std::size_t count, std::uint32_t factor, const std::uint32_t* term, std::uint32_t* x) {
  launch({.name = "advance", .grid = blocks_for(count, kBlock), .block = kBlock, .stream = stream}, advance_kernel,
         count, factor, term, x);
}
std::uint32_t advanced(std::uint32_t x, std::uint32_t factor, std::uint32_t term, std::size_t i) {
  return next_value(x, factor, term, i);
}
void add_up(Stream stream, std::size_t count, const float* x, float* sum) {
  launch({.name = "add_up", .grid = 1, .block = kBlock, .stream = stream}, add_up_kernel, count, x, sum);
}
void too_large_block(Stream stream) {
  launch({.name = "too_large_block", .grid = 1, .block = 2048, .stream = stream}, nothing_kernel);
}
void too_much_shared_memory(Stream stream) {
  constexpr std::size_t kBytes = std::size_t{1} << 20;
  launch({.name = "too_much_shared_memory", .grid = 1, .block = 32, .shared_bytes = kBytes, .stream = stream},
         nothing_kernel);
}

}  // namespace curie::CURIE_GPU::probe
