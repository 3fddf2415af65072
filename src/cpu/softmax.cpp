// Rows are short (a class each column), so these loops are plain; all of them compute in double and round once or
// twice.
#include <algorithm>
#include <cmath>

#include "cpu/backend.h"
#include "cpu/runs.h"

namespace curie {
namespace {

template <typename Row>
void for_rows(ThreadPool& pool, int rows, int classes, const Row& row) {
  const auto width = static_cast<std::size_t>(classes);
  for_runs(pool, static_cast<std::size_t>(rows), std::max<std::size_t>(1, kRun / 4 / width),
           [&](std::size_t first, std::size_t length) {
             for (std::size_t r = first; r < first + length; ++r) row(r * width);
           });
}

// The largest of a row; a NaN that the comparison passes over comes back through the sum of exponentials.
double largest(int classes, const float* x) { return *std::max_element(x, x + classes); }

}  // namespace

void CpuBackend::softmax_forward(int rows, int classes, const float* x, float* y) {
  for_rows(pool_, rows, classes, [&](std::size_t row) {
    const double top = largest(classes, x + row);
    double sum = 0.0;
    for (int c = 0; c < classes; ++c) {
      const double e = std::exp(x[row + c] - top);
      sum += e;
      y[row + c] = static_cast<float>(e);
    }
    const double scale = 1.0 / sum;
    for (int c = 0; c < classes; ++c) y[row + c] = static_cast<float>(y[row + c] * scale);
  });
}

void CpuBackend::softmax_backward(int rows, int classes, const float* y, const float* dy, float* dx) {
  for_rows(pool_, rows, classes, [&](std::size_t row) {
    double dot = 0.0;
    for (int c = 0; c < classes; ++c) dot += static_cast<double>(y[row + c]) * dy[row + c];
    for (int c = 0; c < classes; ++c) dx[row + c] = static_cast<float>(y[row + c] * (dy[row + c] - dot));
  });
}

void CpuBackend::log_softmax_forward(int rows, int classes, const float* x, float* y) {
  for_rows(pool_, rows, classes, [&](std::size_t row) {
    const double top = largest(classes, x + row);
    double sum = 0.0;
    for (int c = 0; c < classes; ++c) sum += std::exp(x[row + c] - top);
    const double log_sum = std::log(sum);
    for (int c = 0; c < classes; ++c) y[row + c] = static_cast<float>(x[row + c] - top - log_sum);
  });
}

void CpuBackend::log_softmax_backward(int rows, int classes, const float* y, const float* dy, float* dx) {
  for_rows(pool_, rows, classes, [&](std::size_t row) {
    double sum = 0.0;
    for (int c = 0; c < classes; ++c) sum += dy[row + c];
    for (int c = 0; c < classes; ++c) {
      dx[row + c] = static_cast<float>(dy[row + c] - std::exp(static_cast<double>(y[row + c])) * sum);
    }
  });
}

}  // namespace curie
