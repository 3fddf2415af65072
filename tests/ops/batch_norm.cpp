#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "ops/ops.h"
#include "support/backend.h"
#include "support/reference.h"
#include "support/targets.h"

namespace curie::test {
namespace {

struct Problem {
  BatchNormShape shape;
  Values x, gamma, beta, dy, running_mean, running_variance;

  std::size_t at(int row, int channel) const { return std::size_t(row) * shape.channels + channel; }
  double scale(int c) const { return gamma.empty() ? 1.0 : gamma[std::size_t(c)]; }
  double shift(int c) const { return beta.empty() ? 0.0 : beta[std::size_t(c)]; }
};

Problem make_problem(int rows, int channels, bool affine, float offset = 0.0f) {
  Problem problem;
  problem.shape = {.rows = rows, .channels = channels};
  const std::size_t count = std::size_t(rows) * channels, width = std::size_t(channels);
  problem.x = random_values(count, 1, offset - 1.0f, offset + 1.0f);
  problem.dy = random_values(count, 2);
  if (affine) problem.gamma = random_values(width, 3, 0.5f, 1.5f);
  if (affine) problem.beta = random_values(width, 4);
  problem.running_mean = random_values(width, 5);
  problem.running_variance = random_values(width, 6, 0.5f, 2.0f);
  return problem;
}

struct Results {
  Values y, mean, inv_std, running_mean, running_variance, dx, dgamma, dbeta, inference, frozen_dx;
};

// Of one kernel, the same bits; the libraries have no call for some of the ways to ask.
bool same_gradient(const Values& a, const Values& b) {
  if (!libraries_under_test()) return same_bits(a, b);
  const auto near = [](float u, float v) {
    return std::isnan(u) ? std::isnan(v) : std::abs(u - v) <= 1e-4f * (1.0f + std::abs(u));
  };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), near);
}

Results run(Backend& backend, const Problem& problem) {
  const auto held = [&](const Values& values) { return values.empty() ? GuardedTensor() : holding(backend, values); };
  const std::size_t width = std::size_t(problem.shape.channels);
  const GuardedTensor x = held(problem.x), gamma = held(problem.gamma), beta = held(problem.beta),
                      dy = held(problem.dy);
  const GuardedTensor running_mean = held(problem.running_mean), running_variance = held(problem.running_variance);
  const GuardedTensor y = blank(backend, problem.x.size()), dx = blank(backend, problem.x.size());
  const GuardedTensor inference = blank(backend, problem.x.size()), frozen = blank(backend, problem.x.size());
  const GuardedTensor mean = blank(backend, width), inv_std = blank(backend, width);
  const GuardedTensor dgamma = blank(backend, width), dbeta = blank(backend, width);
  const GuardedTensor memory = scratch_for(backend, problem.shape);
  ops::batch_norm_inference(backend, problem.shape, x.tensor, gamma.tensor, beta.tensor, running_mean.tensor,
                            running_variance.tensor, inference.tensor);
  ops::batch_norm_backward_inference(backend, problem.shape, gamma.tensor, running_variance.tensor, dy.tensor,
                                     frozen.tensor);
  CHECK(same_bits(running_mean.values(), problem.running_mean));
  CHECK(same_bits(running_variance.values(), problem.running_variance));
  ops::batch_norm_forward(backend, problem.shape, x.tensor, gamma.tensor, beta.tensor, y.tensor, mean.tensor,
                          inv_std.tensor, running_mean.tensor, running_variance.tensor, as_scratch(memory));
  ops::batch_norm_backward(backend, problem.shape, x.tensor, gamma.tensor, mean.tensor, inv_std.tensor, dy.tensor,
                           dx.tensor, dgamma.tensor, dbeta.tensor, as_scratch(memory));
  const Values dx_values = dx.values();
  // The same without what is not wanted, and into the memory of dy.
  dx.fill(kInfinity);
  ops::batch_norm_backward(backend, problem.shape, x.tensor, gamma.tensor, mean.tensor, inv_std.tensor, dy.tensor,
                           dx.tensor, Tensor(), Tensor(), as_scratch(memory));
  CHECK(same_gradient(dx.values(), dx_values));
  dgamma.fill(kInfinity);
  ops::batch_norm_backward(backend, problem.shape, x.tensor, gamma.tensor, mean.tensor, inv_std.tensor, dy.tensor,
                           Tensor(), dgamma.tensor, dbeta.tensor, as_scratch(memory));
  ops::batch_norm_backward(backend, problem.shape, x.tensor, gamma.tensor, mean.tensor, inv_std.tensor, dy.tensor,
                           dy.tensor, Tensor(), Tensor(), as_scratch(memory));
  CHECK(same_gradient(dy.values(), dx_values));
  for (const GuardedTensor* each : {&x, &gamma, &beta, &dy, &running_mean, &running_variance, &y, &dx, &inference,
                                    &frozen, &mean, &inv_std, &dgamma, &dbeta, &memory}) {
    CHECK(each->intact());
  }
  return {y.values(), mean.values(),   inv_std.values(), running_mean.values(), running_variance.values(),
          dx_values,  dgamma.values(), dbeta.values(),   inference.values(),    frozen.values()};
}

// Compares every result of one problem with loops in double; bounds count the roundings of each formula. The kernels of
// a GPU reduce groups of rows in float32, the CPU works in double: mean gains 4 units of the mean deviation, the
// variance 16 of itself, the sums of gradients 2 and 4 of their sizes (cuda/batch_norm.cu).
void check(const Problem& problem, const Results& got) {
  const BatchNormShape& shape = problem.shape;
  const double u = 1.01 * kUnit, group = cpu_under_test() ? 0.0 : u;
  for (int c = 0; c < shape.channels; ++c) {
    const std::size_t i = std::size_t(c);
    CAPTURE(c);
    double mean = 0.0, variance = 0.0, dbeta = 0.0, dgamma = 0.0, dgamma_size = 0.0;
    for (int r = 0; r < shape.rows; ++r) mean += problem.x[problem.at(r, c)] / double(shape.rows);
    double deviation = 0.0;
    for (int r = 0; r < shape.rows; ++r) {
      const double difference = problem.x[problem.at(r, c)] - mean;
      variance += difference * difference / shape.rows;
      deviation += std::abs(difference) / shape.rows;
    }
    const double inv_std = 1.0 / std::sqrt(variance + shape.epsilon);
    // A group's deviations are from its own mean, and at most twice those from the mean of all rows.
    const double mean_bound = u * std::abs(mean) + 8 * group * deviation + 1e-14;
    CHECK(std::abs(got.mean[i] - mean) <= mean_bound);
    CHECK(std::abs(got.inv_std[i] - inv_std) <= (u + 8 * group) * inv_std);
    const double momentum = shape.momentum;
    const double unbiased = shape.unbiased_running && shape.rows > 1 ? shape.rows / (shape.rows - 1.0) : 1.0;
    const double running_mean = momentum * problem.running_mean[i] + (1 - momentum) * mean;
    const double running_variance = momentum * problem.running_variance[i] + (1 - momentum) * unbiased * variance;
    CHECK(std::abs(got.running_mean[i] - running_mean) <= u * std::abs(running_mean) + (1 - momentum) * mean_bound);
    CHECK(std::abs(got.running_variance[i] - running_variance) <= (u + 16 * group) * running_variance);

    // Backward works with the saved float32 mean: xhat is off by as much, and in proportion as inv_std is.
    const double drift = inv_std * mean_bound;
    double dbeta_size = 0.0;
    for (int r = 0; r < shape.rows; ++r) {
      const double dy = problem.dy[problem.at(r, c)], xhat = (problem.x[problem.at(r, c)] - mean) * inv_std;
      dbeta += dy;
      dgamma += dy * xhat;
      dbeta_size += 2 * group * std::abs(dy);
      dgamma_size += std::abs(dy) * (drift + (u + 12 * group) * std::abs(xhat));
    }
    CHECK(std::abs(got.dbeta[i] - dbeta) <= u * std::abs(dbeta) + dbeta_size + 1e-12);
    CHECK(std::abs(got.dgamma[i] - dgamma) <= dgamma_size + u * std::abs(dgamma) + 1e-12);

    const double scale = problem.scale(c) * inv_std, shift = problem.shift(c);
    const double old_scale = problem.scale(c) / std::sqrt(problem.running_variance[i] + double(shape.epsilon));
    for (int r = 0; r < shape.rows; ++r) {
      const std::size_t at = problem.at(r, c);
      const double x = problem.x[at], dy = problem.dy[at], xhat = (x - mean) * inv_std;
      const double y = (x - mean) * scale + shift;
      const double y_bound =
          std::abs(scale) * (mean_bound + (4 * u + 8 * group) * std::abs(x - mean)) + u * std::abs(y);
      if (!(std::abs(got.y[at] - y) <= y_bound)) FAIL_CHECK("y at row ", r, ": ", got.y[at], " for ", y);

      const double slope = dgamma / shape.rows;
      const double dx = scale * (dy - dbeta / shape.rows - xhat * slope);
      const double size = std::abs(dy) + std::abs(dbeta / shape.rows) + std::abs(xhat * slope);
      const double dx_bound = std::abs(scale) * ((8 * u + 16 * group) * size + drift * std::abs(slope) +
                                                 (dbeta_size + std::abs(xhat) * dgamma_size) / shape.rows);
      if (!(std::abs(got.dx[at] - dx) <= dx_bound)) FAIL_CHECK("dx at row ", r, ": ", got.dx[at], " for ", dx);

      const double plain = (x - problem.running_mean[i]) * old_scale;
      const double plain_bound = 8 * u * (std::abs(plain) + std::abs(shift));
      CHECK(std::abs(got.inference[at] - plain - shift) <= plain_bound);
      CHECK(std::abs(got.frozen_dx[at] - dy * old_scale) <= 6 * u * std::abs(dy * old_scale));
    }
  }
}

}  // namespace

TEST_CASE("training, inference and gradients agree with the formulas in double") {
  for_each_target([&](const char* target) {
    CAPTURE(target);
    const std::unique_ptr<Backend> backend = test_backend(2);
    // Around the vector of 4 and 8 doubles and 16 floats; enough rows for several blocks of statistics.
    for (const int channels : {1, 3, 7, 8, 9, 15, 16, 17, 40}) {
      for (const int rows : {2, 31}) {
        CAPTURE(channels);
        CAPTURE(rows);
        const Problem problem = make_problem(rows, channels, channels != 9);
        check(problem, run(*backend, problem));
      }
    }
    const Problem tall = make_problem(2600, 33, true);
    check(tall, run(*backend, tall));
  });
}

TEST_CASE("a mean a thousand times the spread does not spoil the variance") {
  const std::unique_ptr<Backend> backend = test_backend(2);
  const Problem problem = make_problem(1500, 24, true, 1000.0f);
  check(problem, run(*backend, problem));
}

// In float32 the squares alone would have it at 2^24, whose neighbours are further apart than the variance.
TEST_CASE("the variance is not the difference of two sums of squares") {
  const std::unique_ptr<Backend> backend = test_backend(2);
  Problem problem = make_problem(4096, 4, false);
  for (std::size_t i = 0; i < problem.x.size(); ++i) problem.x[i] = i / 4 % 2 == 0 ? 4096.0f : 4097.0f;
  const Results got = run(*backend, problem);
  check(problem, got);
  for (std::size_t c = 0; c < 4; ++c) CHECK(got.mean[c] == 4096.5f);
}

TEST_CASE("a first value far from the others does not spoil the variance") {
  const std::unique_ptr<Backend> backend = test_backend(2);
  for (const int channels : {5, 8}) {
    Problem problem = make_problem(1500, channels, true);
    for (int c = 0; c < channels; ++c) problem.x[problem.at(0, c)] = c % 2 == 0 ? 1e4f : -1e4f;
    check(problem, run(*backend, problem));
  }
}

TEST_CASE("a constant channel has its value for a mean and no variance") {
  const std::unique_ptr<Backend> backend = test_backend(2);
  for (const int rows : {3, 8, 77, 1500}) {
    Problem problem = make_problem(rows, 12, false);
    for (std::size_t i = 0; i < problem.x.size(); ++i) problem.x[i] = 0.1f * static_cast<float>(i % 12) - 0.37f;
    const Results got = run(*backend, problem);
    CHECK(got.mean == Values(problem.x.begin(), problem.x.begin() + 12));
    for (const float inv_std : got.inv_std) CHECK(inv_std == static_cast<float>(1.0 / std::sqrt(double(1e-3f))));
  }
}

// One float32 sum over as many rows would be off by hundreds of units.
TEST_CASE("rounding does not add up over many rows") {
  const std::unique_ptr<Backend> backend = test_backend(2);
  const Problem problem = make_problem(100'003, 4, true, 3.0f);
  const Results got = run(*backend, problem);
  check(problem, got);
  for (int c = 0; c < 4; ++c) {
    double mean = 0.0, variance = 0.0, dbeta = 0.0, size = 0.0;
    for (int r = 0; r < problem.shape.rows; ++r) mean += problem.x[problem.at(r, c)] / double(problem.shape.rows);
    for (int r = 0; r < problem.shape.rows; ++r) {
      variance += std::pow(problem.x[problem.at(r, c)] - mean, 2) / problem.shape.rows;
      dbeta += problem.dy[problem.at(r, c)];
      size += std::abs(problem.dy[problem.at(r, c)]);
    }
    const double inv_std = 1.0 / std::sqrt(variance + problem.shape.epsilon);
    CHECK(std::abs(got.mean[std::size_t(c)] - mean) <= 1.1 * kUnit * mean);
    CHECK(std::abs(got.inv_std[std::size_t(c)] - inv_std) <= 1.1 * kUnit * inv_std);
    CHECK(std::abs(got.dbeta[std::size_t(c)] - dbeta) <= kUnit * std::abs(dbeta) + 0.05 * kUnit * size);
  }
}

TEST_CASE("the running variance is unbiased or biased, as asked") {
  const std::unique_ptr<Backend> backend = test_backend(1);
  Problem problem = make_problem(4, 1, false);
  problem.x = {1.0f, 2.0f, 4.0f, 7.0f};  // PyTorch's running_var from 1 with its momentum .1: 1.6
  problem.running_variance = {1.0f};
  problem.shape.momentum = 0.9f;
  CHECK(run(*backend, problem).running_variance[0] == doctest::Approx(0.9 + 0.1 * 7.0).epsilon(1e-6));
  problem.shape.unbiased_running = false;
  CHECK(run(*backend, problem).running_variance[0] == doctest::Approx(0.9 + 0.1 * 5.25).epsilon(1e-6));
}

TEST_CASE("one row gives its shift, and a finite running variance") {
  const std::unique_ptr<Backend> backend = test_backend(1);
  const Problem problem = make_problem(1, 5, true);
  const Results got = run(*backend, problem);
  CHECK(got.y == problem.beta);
  for (std::size_t c = 0; c < 5; ++c) {
    CHECK(got.running_variance[c] == doctest::Approx(0.99 * problem.running_variance[c]).epsilon(1e-6));
  }
}

TEST_CASE("the number of threads changes no bit") {
  const Problem problem = make_problem(3000, 35, true);
  const Results a = run(*test_backend(1), problem), b = run(*test_backend(3), problem);
  CHECK(same_bits(a.y, b.y));
  CHECK(same_bits(a.dx, b.dx));
  CHECK(same_bits(a.dgamma, b.dgamma));
  CHECK(same_bits(a.running_variance, b.running_variance));
}

TEST_CASE("NaN stays in its channel") {
  const std::unique_ptr<Backend> backend = test_backend(1);
  Problem problem = make_problem(10, 18, true);
  problem.x[problem.at(4, 17)] = std::nanf("");
  const Results got = run(*backend, problem);
  for (std::size_t i = 0; i < got.y.size(); ++i) CHECK(std::isnan(got.y[i]) == (i % 18 == 17));
}

}  // namespace curie::test
