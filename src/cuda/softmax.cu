// Softmax over rows of classes: a warp a row, or a block a row where rows are long. Sums and exponentials are in
// double, so that a result carries one rounding.
#include "cuda/kernels.h"
#include "cuda/launch.cuh"
#include "cuda/reduce.cuh"

namespace curie::CURIE_GPU {
namespace {

constexpr int kBlock = 256;
[[maybe_unused]] constexpr int kResident =
    2;                         // blocks of a multiprocessor, at least: double exponentials take registers
constexpr int kLongRow = 512;  // classes from which a row has a block to itself

struct SoftmaxPartials {
  BlockPartials<float, kBlock> largest;
  BlockPartials<double, kBlock> sum;
};

// The row that `kThreads` threads, a warp or the block, share; thread c of them takes the classes c, c + kThreads, ...
// Behind the last row there are no classes, but the threads take part in the reductions.
template <int kThreads>
struct Row {
  static_assert(kThreads == kWarpSize || kThreads == kBlock);

  __device__ __forceinline__ Row(int rows, int columns) {
    const std::size_t row = std::size_t{blockIdx.x} * (kBlock / kThreads) + threadIdx.x / kThreads;
    first = static_cast<int>(threadIdx.x) % kThreads;
    classes = row < static_cast<std::size_t>(rows) ? columns : 0;
    at = row * static_cast<std::size_t>(columns);
  }
  __device__ __forceinline__ float largest(float value) const {
    if constexpr (kThreads == kWarpSize) return warp_reduce<Maximum>(value);
    return block_reduce<Maximum>(value, shared<SoftmaxPartials>().largest);
  }
  __device__ __forceinline__ double sum(double value) const {
    if constexpr (kThreads == kWarpSize) return warp_reduce<Sum>(value);
    return block_reduce<Sum>(value, shared<SoftmaxPartials>().sum);
  }

  int first, classes;
  std::size_t at;
};

// The largest class and the sum of exponentials of what exceeds it. NaN anywhere makes the sum NaN.
struct Exponentials {
  double top, sum;
};

template <int kThreads>
__device__ __forceinline__ Exponentials exponentials(const Row<kThreads>& row, const float* x) {
  float most = -INFINITY;
  for (int c = row.first; c < row.classes; c += kThreads) most = Maximum::of(most, x[row.at + c]);
  const double top = row.largest(most);
  double sum = 0.0;
  for (int c = row.first; c < row.classes; c += kThreads) sum += exp(x[row.at + c] - top);
  return {top, row.sum(sum)};
}

template <int kThreads>
__global__ void __launch_bounds__(kBlock, kResident) softmax_kernel(int rows, int classes, const float* x, float* y) {
  const Row<kThreads> row(rows, classes);
  const Exponentials of = exponentials(row, x);
  const double scale = 1.0 / of.sum;
  for (int c = row.first; c < row.classes; c += kThreads) {
    y[row.at + c] = static_cast<float>(exp(x[row.at + c] - of.top) * scale);
  }
}

template <int kThreads>
__global__ void __launch_bounds__(kBlock, kResident)
    softmax_gradient_kernel(int rows, int classes, const float* __restrict__ y, const float* dy, float* dx) {
  const Row<kThreads> row(rows, classes);
  double dot = 0.0;
  for (int c = row.first; c < row.classes; c += kThreads) {
    dot += static_cast<double>(y[row.at + c]) * dy[row.at + c];
  }
  dot = row.sum(dot);
  for (int c = row.first; c < row.classes; c += kThreads) {
    dx[row.at + c] = static_cast<float>(y[row.at + c] * (dy[row.at + c] - dot));
  }
}

template <int kThreads>
__global__ void __launch_bounds__(kBlock, kResident)
    log_softmax_kernel(int rows, int classes, const float* x, float* y) {
  const Row<kThreads> row(rows, classes);
  const Exponentials of = exponentials(row, x);
  const double log_sum = log(of.sum);
  for (int c = row.first; c < row.classes; c += kThreads) {
    y[row.at + c] = static_cast<float>(x[row.at + c] - of.top - log_sum);
  }
}

template <int kThreads>
__global__ void __launch_bounds__(kBlock, kResident)
    log_softmax_gradient_kernel(int rows, int classes, const float* __restrict__ y, const float* dy, float* dx) {
  const Row<kThreads> row(rows, classes);
  double sum = 0.0;
  for (int c = row.first; c < row.classes; c += kThreads) sum += dy[row.at + c];
  sum = row.sum(sum);
  for (int c = row.first; c < row.classes; c += kThreads) {
    dx[row.at + c] = static_cast<float>(dy[row.at + c] - exp(static_cast<double>(y[row.at + c])) * sum);
  }
}

template <typename Kernel, typename... Pointers>
void start(const char* name, Stream stream, int rows, int classes, Kernel of_warp, Kernel of_block,
           Pointers... pointers) {
  if (rows == 0 || classes == 0) return;
  const bool is_long = classes >= kLongRow;
  launch({.name = name,
          .grid = blocks_for(static_cast<std::size_t>(rows), is_long ? 1 : kBlock / kWarpSize),
          .block = kBlock,
          .stream = stream},
         is_long ? of_block : of_warp, rows, classes, pointers...);
}

}  // namespace

void softmax_forward(Stream stream, int rows, int classes, const float* x, float* y) {
  start("softmax", stream, rows, classes, softmax_kernel<kWarpSize>, softmax_kernel<kBlock>, x, y);
}
void softmax_backward(Stream stream, int rows, int classes, const float* y, const float* dy, float* dx) {
  start("softmax_gradient", stream, rows, classes, softmax_gradient_kernel<kWarpSize>, softmax_gradient_kernel<kBlock>,
        y, dy, dx);
}
void log_softmax_forward(Stream stream, int rows, int classes, const float* x, float* y) {
  start("log_softmax", stream, rows, classes, log_softmax_kernel<kWarpSize>, log_softmax_kernel<kBlock>, x, y);
}
void log_softmax_backward(Stream stream, int rows, int classes, const float* y, const float* dy, float* dx) {
  start("log_softmax_gradient", stream, rows, classes, log_softmax_gradient_kernel<kWarpSize>,
        log_softmax_gradient_kernel<kBlock>, y, dy, dx);
}

}  // namespace curie::CURIE_GPU
