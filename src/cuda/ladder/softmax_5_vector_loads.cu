// Softmax, rung 5: vector loads. Rung 4 with four neighbouring classes to a load and a store.
//
// What it buys: a quarter of the requests for the same bytes. A kernel that computes this little is a stream of loads
// and stores, and fewer instructions keep more bytes on their way at a time.
//
// What it asks: rows of at most 1024 classes in whole float4, at addresses that are multiples of 16 bytes.
#include "cuda/ladder/rungs.h"
#include "cuda/launch.cuh"
#include "cuda/reduce.cuh"
#include "cuda/vec.cuh"

namespace curie::CURIE_GPU::ladder {
namespace {

constexpr int kBlock = 256, kRows = kBlock / kWarpSize;
constexpr int kQuads = kSoftmaxInRegisters / 4 / kWarpSize;  // of a lane

__global__ void __launch_bounds__(kBlock)
    vector_loads_kernel(SoftmaxShape shape, const float* __restrict__ x, float* __restrict__ y) {
  const int lane = static_cast<int>(threadIdx.x) % kWarpSize;
  const std::size_t row = std::size_t{blockIdx.x} * kRows + threadIdx.x / kWarpSize;
  const int classes = row < static_cast<std::size_t>(shape.rows) ? shape.classes : 0;
  const std::size_t first = row * static_cast<std::size_t>(shape.classes);
  float4 values[kQuads];
  float largest = -INFINITY;
  CURIE_UNROLL
  for (int i = 0; i < kQuads; ++i) {
    const int at = 4 * (i * kWarpSize + lane);
    values[i] = at < classes ? load4(x + first + at) : make_float4(-INFINITY, -INFINITY, -INFINITY, -INFINITY);
    largest =
        Maximum::of(largest, Maximum::of(Maximum::of(values[i].x, values[i].y), Maximum::of(values[i].z, values[i].w)));
  }
  largest = warp_reduce<Maximum>(largest);
  float sum = 0.0f;
  CURIE_UNROLL
  for (int i = 0; i < kQuads; ++i) {
    if (4 * (i * kWarpSize + lane) >= classes) continue;
    float4& of = values[i];
    of = make_float4(expf(of.x - largest), expf(of.y - largest), expf(of.z - largest), expf(of.w - largest));
    sum += of.x + of.y + (of.z + of.w);
  }
  const float scale = 1.0f / warp_reduce<Sum>(sum);
  CURIE_UNROLL
  for (int i = 0; i < kQuads; ++i) {
    const int at = 4 * (i * kWarpSize + lane);
    const float4 of = values[i];
    if (at < classes) store4(y + first + at, make_float4(of.x * scale, of.y * scale, of.z * scale, of.w * scale));
  }
}

}  // namespace

void softmax_5_vector_loads(Stream stream, const SoftmaxShape& shape, const float* x, float* y) {
  launch({.name = "softmax_5_vector_loads", .grid = blocks_for(shape.rows, kRows), .block = kBlock, .stream = stream},
         vector_loads_kernel, shape, x, y);
}

}  // namespace curie::CURIE_GPU::ladder
