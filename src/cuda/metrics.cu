// Counts right predictions. One block does it all: a batch is small, and a count by one block needs no scratch memory
// and no second kernel.
#include "cuda/kernels.h"
#include "cuda/launch.cuh"
#include "cuda/reduce.cuh"

namespace curie::CURIE_GPU {
namespace {

constexpr int kBlock = 1024;
constexpr int kFewClasses = 4;  // up to here a thread reads a row alone, beyond it a warp does

// The first of the largest columns of a row that `Lanes` lanes share, and whether the row holds a NaN.
struct Largest {
  float value = -INFINITY;
  int column = 0x7fffffff;
  bool nan = false;
};

template <int Lanes>
__device__ __forceinline__ Largest largest(int lane, int classes, const float* row) {
  Largest best;
  for (int c = lane; c < classes; c += Lanes) {
    const float value = row[c];
    best.nan = best.nan || value != value;
    if (value > best.value || best.column == 0x7fffffff) best.value = value, best.column = c;
  }
  CURIE_UNROLL
  for (int offset = Lanes / 2; offset > 0; offset /= 2) {
    const float value = __shfl_xor_sync(kFullWarp, best.value, offset);
    const int column = __shfl_xor_sync(kFullWarp, best.column, offset);
    const int nan = __shfl_xor_sync(kFullWarp, static_cast<int>(best.nan), offset);
    best.nan = best.nan || nan != 0;
    if (value > best.value || (value == best.value && column < best.column)) best.value = value, best.column = column;
  }
  return best;
}

// Whether all columns lie on the same side of one half as their targets; a NaN lies on none.
template <int Lanes>
__device__ __forceinline__ bool same_sides(int lane, int classes, const float* row, const float* target) {
  int wrong = 0;
  for (int c = lane; c < classes; c += Lanes) {
    if (row[c] != row[c] || (row[c] > 0.5f) != (target[c] > 0.5f)) ++wrong;
  }
  return warp_reduce<Sum, Lanes>(wrong) == 0;
}

template <int Lanes>
__global__ void __launch_bounds__(kBlock)
    count_correct_kernel(MatchRule rule, int rows, int classes, const float* __restrict__ predictions,
                         const void* __restrict__ targets, MetricTotals* __restrict__ totals) {
  constexpr int kRows = kBlock / Lanes;
  const int lane = static_cast<int>(threadIdx.x) % Lanes;
  int correct = 0;
  for (long long first = 0; first < rows; first += kRows) {
    const auto row = static_cast<std::size_t>(first) + threadIdx.x / Lanes;
    const bool inside = row < static_cast<std::size_t>(rows);
    const int columns = inside ? classes : 0;
    const std::size_t at = row * static_cast<std::size_t>(classes);
    const float* const wanted = static_cast<const float*>(targets) + at;
    bool right = false;
    if (rule == MatchRule::binary) {
      right = same_sides<Lanes>(lane, columns, predictions + at, wanted);
    } else {
      const Largest best = largest<Lanes>(lane, columns, predictions + at);
      int label = rule == MatchRule::sparse && inside ? static_cast<const std::int32_t*>(targets)[row] : 0;
      if (rule == MatchRule::categorical) label = largest<Lanes>(lane, columns, wanted).column;
      right = !best.nan && best.column == label;
    }
    if (inside && lane == 0 && right) ++correct;
  }
  correct = block_reduce<Sum>(correct, shared<BlockPartials<int, kBlock>>());
  if (threadIdx.x == 0) totals->correct += correct;
}

}  // namespace

void count_correct(Stream stream, MatchRule rule, int rows, int classes, const float* predictions, const void* targets,
                   MetricTotals* totals) {
  launch({.name = "count_correct", .grid = 1, .block = kBlock, .stream = stream},
         classes <= kFewClasses ? count_correct_kernel<1> : count_correct_kernel<kWarpSize>, rule, rows, classes,
         predictions, targets, totals);
}

}  // namespace curie::CURIE_GPU
