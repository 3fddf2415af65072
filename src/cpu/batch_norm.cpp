// Batch normalisation. Statistics: rows are cut into blocks that fit a core's cache; each block gives, per channel, its
// mean and its sum of squared differences from that mean, and the blocks are combined in order (Chan, Golub, LeVeque,
// "Updating formulae and a pairwise algorithm for computing sample variances", 1979). All sums are in double, and
// memory is read once.
#include "cpu/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/batch_norm.cpp"
#include <hwy/foreach_target.h>
// Highway's per-target headers must follow foreach_target.
#include <hwy/highway.h>

#include <algorithm>
#include <cmath>

#include "cpu/backend.h"
#include "cpu/runs.h"
#include "cpu/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace curie::HWY_NAMESPACE {
namespace {

using Floats = hn::ScalableTag<float>;

HWY_INLINE void store_wide(hn::Vec<Wide> value, double* to, std::size_t count) {
  const Wide wide;
  if (count >= hn::Lanes(wide)) {
    hn::StoreU(value, wide, to);
    return;
  }
  HWY_ALIGN double lanes[HWY_MAX_BYTES / sizeof(double)];
  hn::Store(value, wide, lanes);
  std::copy_n(lanes, count, to);
}

// mean[c] and squares[c] = sum of (x - mean)^2 over `rows` rows.
void block_moments(std::size_t rows, std::size_t channels, const float* x, double* mean, double* squares) {
  const Wide wide;
  const Narrow d;
  const std::size_t lanes = hn::Lanes(d);
  for (std::size_t c = 0; c < channels; c += lanes) {
    const std::size_t length = channels - c;
    auto sum = hn::Zero(wide);
    for (std::size_t r = 0; r < rows; ++r) {
      sum = hn::Add(sum, hn::PromoteTo(wide, load_up_to(d, x + r * channels + c, length)));
    }
    const auto average = hn::Div(sum, hn::Set(wide, static_cast<double>(rows)));
    auto spread = hn::Zero(wide);
    for (std::size_t r = 0; r < rows; ++r) {
      const auto difference = hn::Sub(hn::PromoteTo(wide, load_up_to(d, x + r * channels + c, length)), average);
      spread = hn::MulAdd(difference, difference, spread);
    }
    store_wide(average, mean + c, length);
    store_wide(spread, squares + c, length);
  }
}

// sums[c] = sum of dy, products[c] = sum of dy * (x - mean) * inv_std over `rows` rows.
void block_gradients(std::size_t rows, std::size_t channels, const float* x, const float* dy, const float* mean,
                     const float* inv_std, double* sums, double* products) {
  const Wide wide;
  const Narrow d;
  const std::size_t lanes = hn::Lanes(d);
  for (std::size_t c = 0; c < channels; c += lanes) {
    const std::size_t length = channels - c;
    const auto centre = hn::PromoteTo(wide, load_up_to(d, mean + c, length));
    auto sum = hn::Zero(wide), product = hn::Zero(wide);
    for (std::size_t r = 0; r < rows; ++r) {
      const auto value = hn::PromoteTo(wide, load_up_to(d, x + r * channels + c, length));
      const auto gradient = hn::PromoteTo(wide, load_up_to(d, dy + r * channels + c, length));
      sum = hn::Add(sum, gradient);
      product = hn::MulAdd(gradient, hn::Sub(value, centre), product);
    }
    store_wide(sum, sums + c, length);
    store_wide(hn::Mul(product, hn::PromoteTo(wide, load_up_to(d, inv_std + c, length))), products + c, length);
  }
}

// y = (x - mean) * scale + beta with scale = gamma * spread: spread is 1 / std, or computed here from a variance.
void normalize(std::size_t rows, std::size_t channels, const float* x, const float* mean, const float* spread,
               bool spread_is_variance, float epsilon, const float* gamma, const float* beta, float* y) {
  const Floats d;
  const std::size_t lanes = hn::Lanes(d);
  for (std::size_t c = 0; c < channels; c += lanes) {
    const std::size_t length = channels - c;
    auto scale = load_up_to(d, spread + c, length);
    if (spread_is_variance) scale = hn::Div(hn::Set(d, 1.0f), hn::Sqrt(hn::Add(scale, hn::Set(d, epsilon))));
    if (gamma != nullptr) scale = hn::Mul(scale, load_up_to(d, gamma + c, length));
    const auto centre = mean == nullptr ? hn::Zero(d) : load_up_to(d, mean + c, length);
    const auto shift = beta == nullptr ? hn::Zero(d) : load_up_to(d, beta + c, length);
    for (std::size_t r = 0; r < rows; ++r) {
      const auto value = load_up_to(d, x + r * channels + c, length);
      store_up_to(hn::MulAdd(hn::Sub(value, centre), scale, shift), d, y + r * channels + c, length);
    }
  }
}

// dx = gamma * inv_std * (dy - sum / count - xhat * product / count), sum and product over all `count` rows.
void input_gradient(std::size_t rows, std::size_t channels, double count, const float* x, const float* dy,
                    const float* mean, const float* inv_std, const float* gamma, const double* sums,
                    const double* products, float* dx) {
  const Floats d;
  const std::size_t lanes = hn::Lanes(d);
  HWY_ALIGN float sum_lanes[HWY_MAX_BYTES / sizeof(float)] = {}, product_lanes[HWY_MAX_BYTES / sizeof(float)] = {};
  for (std::size_t c = 0; c < channels; c += lanes) {
    const std::size_t length = channels - c;
    for (std::size_t i = 0; i < std::min(lanes, length); ++i) {
      sum_lanes[i] = static_cast<float>(sums[c + i] / count);
      product_lanes[i] = static_cast<float>(products[c + i] * inv_std[c + i] / count);
    }
    const auto mean_gradient = hn::Load(d, sum_lanes), slope = hn::Load(d, product_lanes);
    const auto centre = load_up_to(d, mean + c, length);
    auto scale = load_up_to(d, inv_std + c, length);
    if (gamma != nullptr) scale = hn::Mul(scale, load_up_to(d, gamma + c, length));
    for (std::size_t r = 0; r < rows; ++r) {
      const auto value = load_up_to(d, x + r * channels + c, length);
      const auto gradient = hn::Sub(load_up_to(d, dy + r * channels + c, length), mean_gradient);
      const auto part = hn::NegMulAdd(hn::Sub(value, centre), slope, gradient);
      store_up_to(hn::Mul(scale, part), d, dx + r * channels + c, length);
    }
  }
}

}  // namespace
}  // namespace curie::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace curie {
namespace {

HWY_EXPORT(block_moments);
HWY_EXPORT(block_gradients);
HWY_EXPORT(normalize);
HWY_EXPORT(input_gradient);

struct Blocks {
  explicit Blocks(const BatchNormShape& shape)
      : channels(static_cast<std::size_t>(shape.channels)),
        rows(static_cast<std::size_t>(shape.rows)),
        rows_per_block(std::max<std::size_t>(1, kRun / channels)),
        count(runs_in(rows, rows_per_block)) {}
  std::size_t rows_in(std::size_t block) const { return std::min(rows_per_block, rows - block * rows_per_block); }
  // Scratch: two doubles a channel for the result, then two a channel for each block.
  std::size_t doubles() const { return 2 * channels * (count + 1); }

  std::size_t channels, rows, rows_per_block, count;
};

// A channel's mean and biased variance from the blocks.
struct Moments {
  double mean, variance;
};
Moments combine(const Blocks& blocks, const double* of_blocks, std::size_t channel) {
  double mean = 0.0, squares = 0.0;
  const auto rows = static_cast<double>(blocks.rows);
  for (std::size_t b = 0; b < blocks.count; ++b) {
    mean += of_blocks[2 * b * blocks.channels + channel] * (static_cast<double>(blocks.rows_in(b)) / rows);
  }
  for (std::size_t b = 0; b < blocks.count; ++b) {
    const double difference = of_blocks[2 * b * blocks.channels + channel] - mean;
    squares += of_blocks[(2 * b + 1) * blocks.channels + channel] +
               static_cast<double>(blocks.rows_in(b)) * difference * difference;
  }
  return {mean, squares / rows};
}

}  // namespace

std::size_t CpuBackend::scratch_bytes(const BatchNormShape& shape) const {
  return Blocks(shape).doubles() * sizeof(double);
}

void CpuBackend::batch_norm_forward(const BatchNormShape& shape, const float* x, const float* gamma, const float* beta,
                                    float* y, float* saved_mean, float* saved_inv_std, float* running_mean,
                                    float* running_variance, Scratch scratch) {
  const Blocks blocks(shape);
  double* const of_blocks = reinterpret_cast<double*>(scratch.data) + 2 * blocks.channels;
  for_runs(pool_, blocks.rows, blocks.rows_per_block, [&](std::size_t first, std::size_t rows) {
    double* const mean = of_blocks + 2 * (first / blocks.rows_per_block) * blocks.channels;
    HWY_DYNAMIC_DISPATCH(block_moments)
    (rows, blocks.channels, x + first * blocks.channels, mean, mean + blocks.channels);
  });
  // A single row has no unbiased variance: it counts as if it had two, as in Keras' fused kernel.
  const double unbias = shape.unbiased_running ? shape.rows / std::max(1.0, shape.rows - 1.0) : 1.0;
  const double keep = shape.momentum;
  for_runs(pool_, blocks.channels, 16, [&](std::size_t first, std::size_t count) {
    for (std::size_t c = first; c < first + count; ++c) {
      const Moments moments = combine(blocks, of_blocks, c);
      saved_mean[c] = static_cast<float>(moments.mean);
      saved_inv_std[c] = static_cast<float>(1.0 / std::sqrt(moments.variance + shape.epsilon));
      running_mean[c] = static_cast<float>(keep * running_mean[c] + (1.0 - keep) * moments.mean);
      running_variance[c] = static_cast<float>(keep * running_variance[c] + (1.0 - keep) * unbias * moments.variance);
    }
  });
  for_runs(pool_, blocks.rows, blocks.rows_per_block, [&](std::size_t first, std::size_t rows) {
    const std::size_t at = first * blocks.channels;
    HWY_DYNAMIC_DISPATCH(normalize)
    (rows, blocks.channels, x + at, saved_mean, saved_inv_std, false, shape.epsilon, gamma, beta, y + at);
  });
}

void CpuBackend::batch_norm_inference(const BatchNormShape& shape, const float* x, const float* gamma,
                                      const float* beta, const float* running_mean, const float* running_variance,
                                      float* y) {
  const Blocks blocks(shape);
  for_runs(pool_, blocks.rows, blocks.rows_per_block, [&](std::size_t first, std::size_t rows) {
    const std::size_t at = first * blocks.channels;
    HWY_DYNAMIC_DISPATCH(normalize)
    (rows, blocks.channels, x + at, running_mean, running_variance, true, shape.epsilon, gamma, beta, y + at);
  });
}

void CpuBackend::batch_norm_backward(const BatchNormShape& shape, const float* x, const float* gamma,
                                     const float* saved_mean, const float* saved_inv_std, const float* dy, float* dx,
                                     float* dgamma, float* dbeta, Scratch scratch) {
  const Blocks blocks(shape);
  double* const sums = reinterpret_cast<double*>(scratch.data);
  double* const products = sums + blocks.channels;
  double* const of_blocks = products + blocks.channels;
  for_runs(pool_, blocks.rows, blocks.rows_per_block, [&](std::size_t first, std::size_t rows) {
    double* const sum = of_blocks + 2 * (first / blocks.rows_per_block) * blocks.channels;
    const std::size_t at = first * blocks.channels;
    HWY_DYNAMIC_DISPATCH(block_gradients)
    (rows, blocks.channels, x + at, dy + at, saved_mean, saved_inv_std, sum, sum + blocks.channels);
  });
  for (std::size_t i = 0; i < 2 * blocks.channels; ++i) {
    sums[i] = 0.0;
    for (std::size_t b = 0; b < blocks.count; ++b) sums[i] += of_blocks[2 * b * blocks.channels + i];
  }
  for (std::size_t c = 0; c < blocks.channels; ++c) {
    if (dbeta != nullptr) dbeta[c] = static_cast<float>(sums[c]);
    if (dgamma != nullptr) dgamma[c] = static_cast<float>(products[c]);
  }
  if (dx == nullptr) return;
  for_runs(pool_, blocks.rows, blocks.rows_per_block, [&](std::size_t first, std::size_t rows) {
    const std::size_t at = first * blocks.channels;
    HWY_DYNAMIC_DISPATCH(input_gradient)
    (rows, blocks.channels, static_cast<double>(blocks.rows), x + at, dy + at, saved_mean, saved_inv_std, gamma, sums,
     products, dx + at);
  });
}

void CpuBackend::batch_norm_backward_inference(const BatchNormShape& shape, const float* gamma,
                                               const float* running_variance, const float* dy, float* dx) {
  const Blocks blocks(shape);
  for_runs(pool_, blocks.rows, blocks.rows_per_block, [&](std::size_t first, std::size_t rows) {
    const std::size_t at = first * blocks.channels;
    HWY_DYNAMIC_DISPATCH(normalize)
    (rows, blocks.channels, dy + at, nullptr, running_variance, true, shape.epsilon, gamma, nullptr, dx + at);
  });
}

}  // namespace curie
#endif
