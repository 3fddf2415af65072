// Softmax, rung 4: the row stays in registers. Each lane reads its 32nd part of the row once and keeps it; all passes
// over the row, and the exponentials, are then made from there.
//
// What it buys: x is read once and y written once, the fewest bytes possible, and every exponential is computed once:
// with the row at hand two passes cost nothing, so the online rule has gone again.
//
// What it asks: rows of at most 1024 classes, 32 registers a lane. Which register a value is in must be known when the
// kernel is compiled, so the loops run over all 32 and skip what is behind the row's end.
#include "cuda/ladder/rungs.h"
#include "cuda/launch.cuh"
#include "cuda/reduce.cuh"

namespace curie::CURIE_GPU::ladder {
namespace {

constexpr int kBlock = 256, kRows = kBlock / kWarpSize;
constexpr int kPerLane = kSoftmaxInRegisters / kWarpSize;

__global__ void __launch_bounds__(kBlock)
    in_registers_kernel(SoftmaxShape shape, const float* __restrict__ x, float* __restrict__ y) {
  const int lane = static_cast<int>(threadIdx.x) % kWarpSize;
  const std::size_t row = std::size_t{blockIdx.x} * kRows + threadIdx.x / kWarpSize;
  const int classes = row < static_cast<std::size_t>(shape.rows) ? shape.classes : 0;
  const std::size_t first = row * static_cast<std::size_t>(shape.classes);
  float values[kPerLane];
  float largest = -INFINITY;
  CURIE_UNROLL
  for (int i = 0; i < kPerLane; ++i) {
    const int at = i * kWarpSize + lane;
    values[i] = at < classes ? x[first + at] : -INFINITY;
    largest = Maximum::of(largest, values[i]);
  }
  largest = warp_reduce<Maximum>(largest);
  float sum = 0.0f;
  CURIE_UNROLL
  for (int i = 0; i < kPerLane; ++i) {
    values[i] = i * kWarpSize + lane < classes ? expf(values[i] - largest) : 0.0f;
    sum += values[i];
  }
  const float scale = 1.0f / warp_reduce<Sum>(sum);
  CURIE_UNROLL
  for (int i = 0; i < kPerLane; ++i) {
    const int at = i * kWarpSize + lane;
    if (at < classes) y[first + at] = values[i] * scale;
  }
}

}  // namespace

void softmax_4_in_registers(Stream stream, const SoftmaxShape& shape, const float* x, float* y) {
  launch({.name = "softmax_4_in_registers", .grid = blocks_for(shape.rows, kRows), .block = kBlock, .stream = stream},
         in_registers_kernel, shape, x, y);
}

}  // namespace curie::CURIE_GPU::ladder
