// The roof of arithmetic: multiply-adds, and tensor-core products in TF32, by threads that do nothing else. Eight
// chains that do not wait for each other hide an instruction's latency.
#include "cuda/ladder/rungs.h"
#include "cuda/launch.cuh"
#include "cuda/mma.cuh"

namespace curie::CURIE_GPU::ladder {
namespace {

constexpr int kBlock = 256;

// x becomes factor * x + term, again and again: with these it stays where it is, but the compiler does not know.
__global__ void __launch_bounds__(kBlock) multiply_adds_kernel(int rounds, float factor, float term, float* y) {
  float chains[kRoofChains];
  CURIE_UNROLL
  for (int i = 0; i < kRoofChains; ++i) chains[i] = static_cast<float>(i);
  for (int round = 0; round < rounds; ++round) {
    CURIE_UNROLL
    for (float& chain : chains) chain = fmaf(chain, factor, term);
  }
  float sum = 0.0f;
  CURIE_UNROLL
  for (const float chain : chains) sum += chain;
  y[std::size_t{blockIdx.x} * kBlock + threadIdx.x] = sum;
}

// A of ones times B of `value`: a step adds 8 * value to every element of a chain.
__global__ void __launch_bounds__(kBlock) tensor_cores_kernel(int rounds, float value, float* y) {
  FragmentA a;
  FragmentB b;
  CURIE_UNROLL
  for (unsigned& x : a.x) x = to_tf32(1.0f);
  CURIE_UNROLL
  for (unsigned& x : b.x) x = to_tf32(value);
  FragmentD chains[kRoofChains] = {};
  for (int round = 0; round < rounds; ++round) {
    CURIE_UNROLL
    for (FragmentD& chain : chains) mma_tf32(chain, a, b);
  }
  float sum = 0.0f;
  CURIE_UNROLL
  for (const FragmentD& chain : chains) sum += chain.x[0] + chain.x[1] + chain.x[2] + chain.x[3];
  y[std::size_t{blockIdx.x} * kBlock + threadIdx.x] = sum;
}

}  // namespace

void roof_multiply_adds(Stream stream, std::size_t threads, int rounds, float* y) {
  launch({.name = "roof_multiply_adds", .grid = blocks_for(threads, kBlock), .block = kBlock, .stream = stream},
         multiply_adds_kernel, rounds, 1.0f, 0.0f, y);
}

void roof_tensor_cores(Stream stream, std::size_t threads, int rounds, float* y) {
  launch({.name = "roof_tensor_cores", .grid = blocks_for(threads, kBlock), .block = kBlock, .stream = stream},
         tensor_cores_kernel, rounds, 0.125f, y);
}

}  // namespace curie::CURIE_GPU::ladder
