// Softmax over rows of classes: a warp a row, or a block a row where rows are long. A row of up to 4096 classes is read
// once and kept in registers. Sums and exponentials are in double, so that a result carries one rounding.
#include "cuda/kernels.h"
#include "cuda/launch.cuh"
#include "cuda/reduce.cuh"

namespace curie::CURIE_GPU {
namespace {

constexpr int kBlock = 256;
// Blocks of a multiprocessor, at least: double exponentials take registers.
[[maybe_unused]] constexpr int kResident = 2;
constexpr int kHeld = 16;                    // values that a thread keeps of an array
constexpr int kLongRow = kHeld * kWarpSize;  // more classes have a block to themselves

struct SoftmaxPartials {
  BlockPartials<float, kBlock> largest;
  BlockPartials<double, kBlock> sum;
};

// The row that `kThreads` threads, a warp or the block, share; thread c of them takes the classes c, c + kThreads, ...
// Behind the last row there are no classes, but the threads take part in the reductions. kHolds: a thread has kHeld
// classes at most.
template <int kThreads, bool kHolds>
struct Row {
  static_assert(kThreads == kWarpSize || kThreads == kBlock);

  __device__ __forceinline__ Row(int rows, int columns) {
    const std::size_t row = std::size_t{blockIdx.x} * (kBlock / kThreads) + threadIdx.x / kThreads;
    first = static_cast<int>(threadIdx.x) % kThreads;
    classes = row < static_cast<std::size_t>(rows) ? columns : 0;
    at = row * static_cast<std::size_t>(columns);
  }
  // Calls visit(class, its number among the thread's).
  template <typename Visit>
  __device__ __forceinline__ void each(Visit visit) const {
    if constexpr (kHolds) {
      CURIE_UNROLL
      for (int i = 0; i < kHeld; ++i) {
        if (first + i * kThreads < classes) visit(first + i * kThreads, i);
      }
    } else {
      for (int c = first; c < classes; c += kThreads) visit(c, 0);
    }
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

// A thread's classes of a row of x: read once where they fit its registers, else each time they are asked for.
template <int kThreads, bool kHolds>
class Values {
 public:
  __device__ __forceinline__ Values(const Row<kThreads, kHolds>& row, const float* x) : x_(x + row.at) {
    if constexpr (kHolds) row.each([this](int c, int i) { held_[i] = x_[c]; });
  }
  __device__ __forceinline__ float operator()(int c, int i) const {
    if constexpr (kHolds) return held_[i];
    return x_[c];
  }

 private:
  const float* x_;
  float held_[kHolds ? kHeld : 1];
};

// The largest class and the sum of exponentials of what exceeds it. NaN anywhere makes the sum NaN.
struct Exponentials {
  double top, sum;
};

template <int kThreads, bool kHolds>
__device__ __forceinline__ Exponentials exponentials(const Row<kThreads, kHolds>& row,
                                                     const Values<kThreads, kHolds>& x) {
  float most = -INFINITY;
  row.each([&](int c, int i) { most = Maximum::of(most, x(c, i)); });
  const double top = row.largest(most);
  double sum = 0.0;
  row.each([&](int c, int i) { sum += exp(x(c, i) - top); });
  return {top, row.sum(sum)};
}

template <int kThreads, bool kHolds>
__global__ void __launch_bounds__(kBlock, kResident) softmax_kernel(int rows, int classes, const float* x, float* y) {
  const Row<kThreads, kHolds> row(rows, classes);
  const Values<kThreads, kHolds> values(row, x);
  const Exponentials of = exponentials(row, values);
  const double scale = 1.0 / of.sum;
  row.each([&](int c, int i) { y[row.at + c] = static_cast<float>(exp(values(c, i) - of.top) * scale); });
}

template <int kThreads, bool kHolds>
__global__ void __launch_bounds__(kBlock, kResident)
    softmax_gradient_kernel(int rows, int classes, const float* __restrict__ y, const float* dy, float* dx) {
  const Row<kThreads, kHolds> row(rows, classes);
  const Values<kThreads, kHolds> result(row, y), gradient(row, dy);
  double dot = 0.0;
  row.each([&](int c, int i) { dot += static_cast<double>(result(c, i)) * gradient(c, i); });
  dot = row.sum(dot);
  row.each([&](int c, int i) { dx[row.at + c] = static_cast<float>(result(c, i) * (gradient(c, i) - dot)); });
}

template <int kThreads, bool kHolds>
__global__ void __launch_bounds__(kBlock, kResident)
    log_softmax_kernel(int rows, int classes, const float* x, float* y) {
  const Row<kThreads, kHolds> row(rows, classes);
  const Values<kThreads, kHolds> values(row, x);
  const Exponentials of = exponentials(row, values);
  const double log_sum = log(of.sum);
  row.each([&](int c, int i) { y[row.at + c] = static_cast<float>(values(c, i) - of.top - log_sum); });
}

template <int kThreads, bool kHolds>
__global__ void __launch_bounds__(kBlock, kResident)
    log_softmax_gradient_kernel(int rows, int classes, const float* __restrict__ y, const float* dy, float* dx) {
  const Row<kThreads, kHolds> row(rows, classes);
  const Values<kThreads, kHolds> result(row, y), gradient(row, dy);
  double sum = 0.0;
  row.each([&](int c, int i) { sum += gradient(c, i); });
  sum = row.sum(sum);
  row.each([&](int c, int i) {
    dx[row.at + c] = static_cast<float>(gradient(c, i) - exp(static_cast<double>(result(c, i))) * sum);
  });
}

// The kernels of a warp a row, of a block a row, and of a block a row that does not fit registers.
template <typename Kernel, typename... Pointers>
void start(const char* name, Stream stream, int rows, int classes, Kernel of_warp, Kernel of_block, Kernel of_long,
           Pointers... pointers) {
  if (rows == 0 || classes == 0) return;
  const bool is_long = classes > kLongRow;
  launch({.name = name,
          .grid = blocks_for(static_cast<std::size_t>(rows), is_long ? 1 : kBlock / kWarpSize),
          .block = kBlock,
          .stream = stream},
         !is_long                    ? of_warp
         : classes <= kHeld * kBlock ? of_block
                                     : of_long,
         rows, classes, pointers...);
}

}  // namespace

#define CURIE_BY_ROW(kernel) kernel<kWarpSize, true>, kernel<kBlock, true>, kernel<kBlock, false>

void softmax_forward(Stream stream, int rows, int classes, const float* x, float* y) {
  start("softmax", stream, rows, classes, CURIE_BY_ROW(softmax_kernel), x, y);
}
void softmax_backward(Stream stream, int rows, int classes, const float* y, const float* dy, float* dx) {
  start("softmax_gradient", stream, rows, classes, CURIE_BY_ROW(softmax_gradient_kernel), y, dy, dx);
}
void log_softmax_forward(Stream stream, int rows, int classes, const float* x, float* y) {
  start("log_softmax", stream, rows, classes, CURIE_BY_ROW(log_softmax_kernel), x, y);
}
void log_softmax_backward(Stream stream, int rows, int classes, const float* y, const float* dy, float* dx) {
  start("log_softmax_gradient", stream, rows, classes, CURIE_BY_ROW(log_softmax_gradient_kernel), y, dy, dx);
}

#undef CURIE_BY_ROW

}  // namespace curie::CURIE_GPU
