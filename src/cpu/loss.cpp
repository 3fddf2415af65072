// Values and gradients in double, one rounding at the end; rows are summed in a fixed order, block by block.
#include <algorithm>
#include <cmath>

#include "cpu/backend.h"
#include "cpu/runs.h"

namespace curie {
namespace {

// Keras' epsilon, and what 1 - epsilon is in float32.
constexpr float kLow = 1e-7f, kHigh = 1.0f - 1e-7f;

double clip(double p) { return std::clamp<double>(p, kLow, kHigh); }
bool clipped(double p) { return p < kLow || p > kHigh; }

// One sample: returns its loss; writes scale * gradient where gradient is not null. NaN comes through.
struct Row {
  int classes;
  const float* prediction;
  const float* target;  // for losses with a target a column
  int label;            // for losses with a class index
  double scale;
  float* gradient;

  double target_of(int c) const { return target[c]; }
  void put(int c, double value) const {
    if (gradient != nullptr) gradient[c] = static_cast<float>(scale * value);
  }
};

double binary_logits(const Row& row) {
  double sum = 0.0;
  for (int c = 0; c < row.classes; ++c) {
    const double z = row.prediction[c], t = row.target_of(c);
    const double e = std::exp(-std::abs(z));  // at most 1
    sum += std::max(z, 0.0) - z * t + std::log1p(e);
    const double sigmoid = z < 0.0 ? e / (1.0 + e) : 1.0 / (1.0 + e);
    row.put(c, (sigmoid - t) / row.classes);
  }
  return sum / row.classes;
}

double binary(const Row& row) {
  double sum = 0.0;
  for (int c = 0; c < row.classes; ++c) {
    const double p = clip(row.prediction[c]), t = row.target_of(c);
    sum -= t * std::log(p) + (1.0 - t) * std::log1p(-p);
    row.put(c, clipped(row.prediction[c]) ? 0.0 : (p - t) / (p * (1.0 - p)) / row.classes);
  }
  return sum / row.classes;
}

// log(sum exp z), without overflow. A NaN that max_element passes over comes back through the sum.
double log_sum_exp(int classes, const float* z) {
  const double top = *std::max_element(z, z + classes);
  double sum = 0.0;
  for (int c = 0; c < classes; ++c) sum += std::exp(z[c] - top);
  return top + std::log(sum);
}

double categorical_logits(const Row& row) {
  const double normalizer = log_sum_exp(row.classes, row.prediction);
  double loss = 0.0, mass = 0.0;
  for (int c = 0; c < row.classes; ++c) {
    loss -= row.target_of(c) * (row.prediction[c] - normalizer);
    mass += row.target_of(c);
  }
  for (int c = 0; c < row.classes; ++c) {
    row.put(c, std::exp(row.prediction[c] - normalizer) * mass - row.target_of(c));
  }
  return loss;
}

// With q = p / sum p: d loss / dp = (sum of t over the columns that are not clipped - t / q) / sum p.
double categorical(const Row& row) {
  double sum = 0.0;
  for (int c = 0; c < row.classes; ++c) sum += row.prediction[c];
  double loss = 0.0, mass = 0.0;
  for (int c = 0; c < row.classes; ++c) {
    const double q = row.prediction[c] / sum;
    loss -= row.target_of(c) * std::log(clip(q));
    if (!clipped(q)) mass += row.target_of(c);
  }
  for (int c = 0; c < row.classes; ++c) {
    const double q = row.prediction[c] / sum;
    row.put(c, (mass - (clipped(q) ? 0.0 : row.target_of(c) / q)) / sum);
  }
  return loss;
}

double sparse_logits(const Row& row) {
  const double normalizer = log_sum_exp(row.classes, row.prediction);
  for (int c = 0; c < row.classes; ++c) {
    row.put(c, std::exp(row.prediction[c] - normalizer) - (c == row.label ? 1.0 : 0.0));
  }
  return normalizer - row.prediction[row.label];
}

// The logits are log(clip(p)): their exponentials are the clipped probabilities themselves.
double sparse(const Row& row) {
  double sum = 0.0;
  for (int c = 0; c < row.classes; ++c) sum += clip(row.prediction[c]);
  for (int c = 0; c < row.classes; ++c) {
    const double own = c == row.label ? 1.0 / clip(row.prediction[c]) : 0.0;
    row.put(c, clipped(row.prediction[c]) ? 0.0 : 1.0 / sum - own);
  }
  return std::log(sum) - std::log(clip(row.prediction[row.label]));
}

double negative_log_likelihood(const Row& row) {
  for (int c = 0; c < row.classes; ++c) row.put(c, c == row.label ? -1.0 : 0.0);
  return -static_cast<double>(row.prediction[row.label]);
}

double mean_squared_error(const Row& row) {
  double sum = 0.0;
  for (int c = 0; c < row.classes; ++c) {
    const double difference = row.prediction[c] - row.target_of(c);
    sum += difference * difference;
    row.put(c, 2.0 * difference / row.classes);
  }
  return sum / row.classes;
}

double loss_of(LossKind kind, const Row& row) {
  switch (kind) {
    case LossKind::binary_logits:
      return binary_logits(row);
    case LossKind::binary:
      return binary(row);
    case LossKind::categorical_logits:
      return categorical_logits(row);
    case LossKind::categorical:
      return categorical(row);
    case LossKind::sparse_logits:
      return sparse_logits(row);
    case LossKind::sparse:
      return sparse(row);
    case LossKind::nll:
      return negative_log_likelihood(row);
    case LossKind::mse:
      return mean_squared_error(row);
  }
  CURIE_ASSERT(false, "loss kind {}", static_cast<int>(kind));
  return 0.0;
}

std::size_t rows_per_block(const LossShape& shape) {
  return std::max<std::size_t>(1, kRun / 4 / static_cast<std::size_t>(shape.classes));
}

}  // namespace

std::size_t CpuBackend::scratch_bytes(const LossShape& shape) const {
  return runs_in(static_cast<std::size_t>(shape.rows), rows_per_block(shape)) * sizeof(double);
}

void CpuBackend::loss(const LossShape& shape, const float* predictions, const void* targets, const float* weights,
                      float* gradient, MetricTotals* totals, Scratch scratch) {
  const auto classes = static_cast<std::size_t>(shape.classes);
  const std::size_t block_rows = rows_per_block(shape);
  const bool indices = takes_class_index(shape.kind);
  auto* const sums = reinterpret_cast<double*>(scratch.data);
  for_runs(pool_, static_cast<std::size_t>(shape.rows), block_rows, [&](std::size_t first, std::size_t rows) {
    double sum = 0.0;
    for (std::size_t r = first; r < first + rows; ++r) {
      const double weight = weights == nullptr ? 1.0 : weights[r];
      Row row{.classes = shape.classes,
              .prediction = predictions + r * classes,
              .target = nullptr,
              .label = 0,
              .scale = weight / shape.rows,
              .gradient = gradient == nullptr ? nullptr : gradient + r * classes};
      if (indices) {
        row.label = static_cast<const std::int32_t*>(targets)[r];
        CURIE_CHECK(row.label >= 0 && row.label < shape.classes, data,
                    "loss: expected class numbers from 0 to {}, got {} in row {} of the batch", shape.classes - 1,
                    row.label, r);
      } else {
        row.target = static_cast<const float*>(targets) + r * classes;
      }
      sum += weight * loss_of(shape.kind, row);
    }
    sums[first / block_rows] = sum;
  });
  double total = 0.0;
  for (std::size_t b = 0; b < runs_in(static_cast<std::size_t>(shape.rows), block_rows); ++b) total += sums[b];
  totals->loss += total;
  totals->samples += shape.rows;
}

}  // namespace curie
