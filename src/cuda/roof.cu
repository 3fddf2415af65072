#include "cuda/launch.cuh"
#include "cuda/mma.cuh"
#include "cuda/roof.h"
#include "cuda/vec.cuh"

namespace curie::CURIE_GPU {
namespace {

constexpr int kBlock = 256;
constexpr int kChains = 8;  // independent sums of a thread: more than a multiply-add's latency needs with 8 warps

__global__ void __launch_bounds__(kBlock) multiply_add_kernel(int rounds, float* __restrict__ sums) {
  float chain[kChains];
  CURIE_UNROLL
  for (int i = 0; i < kChains; ++i) chain[i] = static_cast<float>(i);
  for (int round = 0; round < rounds; ++round) {
    CURIE_UNROLL
    for (int i = 0; i < kChains; ++i) chain[i] = chain[i] * 0.5f + 1.0f;
  }
  float sum = 0.0f;
  CURIE_UNROLL
  for (int i = 0; i < kChains; ++i) sum += chain[i];
  sums[blockIdx.x * kBlock + threadIdx.x] = sum;
}

constexpr int kTiles = 4;  // independent products of a warp

template <bool kBf16>
__global__ void __launch_bounds__(kBlock) tensor_core_kernel(int rounds, float* __restrict__ sums) {
  constexpr unsigned kTwoOnes = 0x3f803f80u;  // two bfloat16 of one register
  FragmentA a;
  FragmentB b;
  FragmentD tiles[kTiles];
  CURIE_UNROLL
  for (int i = 0; i < 4; ++i) a.x[i] = kBf16 ? kTwoOnes : to_tf32(1.0f);
  CURIE_UNROLL
  for (int i = 0; i < 2; ++i) b.x[i] = kBf16 ? kTwoOnes : to_tf32(1.0f);
  CURIE_UNROLL
  for (int t = 0; t < kTiles; ++t) {
    CURIE_UNROLL
    for (int i = 0; i < 4; ++i) tiles[t].x[i] = 0.0f;
  }
  for (int round = 0; round < rounds; ++round) {
    CURIE_UNROLL
    for (int t = 0; t < kTiles; ++t) {
      if constexpr (kBf16) {
        mma_bf16(tiles[t], a, b);
      } else {
        mma_tf32(tiles[t], a, b);
      }
    }
  }
  float sum = 0.0f;
  CURIE_UNROLL
  for (int t = 0; t < kTiles; ++t) {
    CURIE_UNROLL
    for (int i = 0; i < 4; ++i) sum += tiles[t].x[i];
  }
  sums[blockIdx.x * kBlock + threadIdx.x] = sum;
}

constexpr int kQuads = 4;  // of 16 bytes that a thread has under way

__global__ void __launch_bounds__(kBlock)
    copy_kernel(std::size_t quads, const float* __restrict__ from, float* __restrict__ to) {
  const std::size_t first = std::size_t(blockIdx.x) * (kBlock * kQuads) + threadIdx.x;
  float4 values[kQuads];
  CURIE_UNROLL
  for (int i = 0; i < kQuads; ++i) {
    const std::size_t quad = first + std::size_t(i) * kBlock;
    if (quad < quads) values[i] = load4(from + 4 * quad);
  }
  CURIE_UNROLL
  for (int i = 0; i < kQuads; ++i) {
    const std::size_t quad = first + std::size_t(i) * kBlock;
    if (quad < quads) store4(to + 4 * quad, values[i]);
  }
}

__global__ void __launch_bounds__(kWarpSize) nothing_kernel() {}

}  // namespace

std::size_t roof_threads(int blocks) { return std::size_t(blocks) * kBlock; }

double roof_products(Stream stream, Math math, int blocks, int rounds, float* sums) {
  const double threads = static_cast<double>(roof_threads(blocks));
  if (!rounds_factors(math)) {
    launch({.name = "roof_multiply_add", .grid = unsigned(blocks), .block = kBlock, .stream = stream},
           multiply_add_kernel, rounds, sums);
    return 2.0 * threads * kChains * rounds;
  }
  launch({.name = "roof_tensor_cores", .grid = unsigned(blocks), .block = kBlock, .stream = stream},
         math == Math::bf16 ? tensor_core_kernel<true> : tensor_core_kernel<false>, rounds, sums);
  const double product = 2.0 * 16 * 8 * (math == Math::bf16 ? 16 : 8);  // operations of one warp's instruction
  return threads / kWarpSize * kTiles * product * rounds;
}

void roof_copy(Stream stream, std::size_t floats, const float* from, float* to) {
  const std::size_t quads = floats / 4;
  launch({.name = "roof_copy", .grid = blocks_for(quads, kBlock * kQuads), .block = kBlock, .stream = stream},
         copy_kernel, quads, from, to);
}

void roof_nothing(Stream stream) {
  launch({.name = "roof_nothing", .grid = 1, .block = kWarpSize, .stream = stream}, nothing_kernel);
}

}  // namespace curie::CURIE_GPU
