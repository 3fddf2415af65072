#include <doctest/doctest.h>

#include <string>

#include "ops/ops.h"
#include "support/backend.h"
#include "support/reference.h"
#include "support/throws.h"

namespace curie::test {
namespace {

const LossKind kAll[] = {LossKind::binary_logits,
                         LossKind::binary,
                         LossKind::categorical_logits,
                         LossKind::categorical,
                         LossKind::sparse_logits,
                         LossKind::sparse,
                         LossKind::nll,
                         LossKind::mse};

// The textbook formula of one sample, in double; t is one-hot for losses with a class index.
double textbook(LossKind kind, const Doubles& p, const Doubles& t) {
  const double low = 1e-7f, high = 1.0f - 1e-7f;
  double exponentials = 0.0, mass = 0.0, clipped_mass = 0.0, sum = 0.0;
  for (const double value : p) {
    exponentials += std::exp(value);
    mass += value;
    clipped_mass += std::clamp(value, low, high);
  }
  for (std::size_t c = 0; c < p.size(); ++c) {
    const double sigmoid = 1.0 / (1.0 + std::exp(-p[c])), clipped = std::clamp(p[c], low, high);
    switch (kind) {
      case LossKind::binary_logits:
        sum -= (t[c] * std::log(sigmoid) + (1.0 - t[c]) * std::log(1.0 - sigmoid)) / p.size();
        break;
      case LossKind::binary:
        sum -= (t[c] * std::log(clipped) + (1.0 - t[c]) * std::log(1.0 - clipped)) / p.size();
        break;
      case LossKind::categorical_logits:
      case LossKind::sparse_logits:
        sum -= t[c] * std::log(std::exp(p[c]) / exponentials);
        break;
      case LossKind::categorical:
        sum -= t[c] * std::log(std::clamp(p[c] / mass, low, high));
        break;
      case LossKind::sparse:
        sum -= t[c] * std::log(clipped / clipped_mass);
        break;
      case LossKind::nll:
        sum -= t[c] * p[c];
        break;
      case LossKind::mse:
        sum += (p[c] - t[c]) * (p[c] - t[c]) / p.size();
        break;
    }
  }
  return sum;
}

struct Problem {
  LossShape shape;
  Values predictions, targets;  // targets: one column a class
  std::vector<std::int32_t> labels;
  Values weights;
};

bool takes_probabilities(LossKind kind) {
  return kind == LossKind::binary || kind == LossKind::categorical || kind == LossKind::sparse;
}

Problem make_problem(LossKind kind, int rows, int classes, bool weighted) {
  const std::size_t count = std::size_t(rows) * classes;
  Problem problem{.shape = {kind, rows, classes}, .predictions = {}, .targets = {}, .labels = {}, .weights = {}};
  problem.predictions =
      takes_probabilities(kind) ? random_values(count, 1, 0.05f, 0.95f) : random_values(count, 1, -4.0f, 4.0f);
  problem.targets = random_values(count, 2, 0.0f, 1.0f);  // soft targets are allowed
  if (takes_class_index(kind)) {
    problem.targets.assign(count, 0.0f);
    for (int r = 0; r < rows; ++r) {
      problem.labels.push_back(r * 7 % classes);
      problem.targets[std::size_t(r) * classes + problem.labels.back()] = 1.0f;
    }
  }
  if (weighted) problem.weights = random_values(std::size_t(rows), 3, 0.0f, 3.0f);
  return problem;
}

struct Results {
  MetricTotals totals;
  Values gradient;
};

Results run(Backend& backend, const Problem& problem) {
  const GuardedTensor predictions = holding(backend, problem.predictions), targets = holding(backend, problem.targets);
  const GuardedTensor labels = blank(backend, problem.labels.size(), DType::i32);
  labels.set(problem.labels);
  const GuardedTensor weights = problem.weights.empty() ? GuardedTensor() : holding(backend, problem.weights);
  const GuardedTensor gradient = blank(backend, problem.predictions.size());
  const GuardedTensor memory = scratch_for(backend, problem.shape);
  const Tensor& wanted = problem.labels.empty() ? targets.tensor : labels.tensor;
  const OnDevice<MetricTotals> totals(backend, {.loss = 5.0, .samples = 7.0, .correct = 3.0});
  ops::loss(backend, problem.shape, predictions.tensor, wanted, weights.tensor, gradient.tensor, totals.address(),
            as_scratch(memory));
  const MetricTotals after = totals.get();
  CHECK(after.samples == 7.0 + problem.shape.rows);
  CHECK(after.correct == 3.0);
  // Without a gradient the value is the same.
  totals.set({.loss = 5.0});
  ops::loss(backend, problem.shape, predictions.tensor, wanted, weights.tensor, Tensor(), totals.address(),
            as_scratch(memory));
  CHECK((totals.get().loss == after.loss || std::isnan(after.loss)));
  for (const GuardedTensor* each : {&predictions, &targets, &labels, &weights, &gradient, &memory})
    CHECK(each->intact());
  return {{.loss = after.loss - 5.0, .samples = after.samples - 7.0, .correct = 0.0}, gradient.values()};
}

Doubles row_of(const Values& values, const LossShape& shape, int row) {
  const auto begin = values.begin() + std::ptrdiff_t(row) * shape.classes;
  return {begin, begin + shape.classes};
}

}  // namespace

TEST_CASE("values are the textbook's and gradients its central differences") {
  const std::unique_ptr<Backend> backend = test_backend(2);
  for (const LossKind kind : kAll) {
    for (const int classes : {1, 2, 5, 16}) {
      for (const bool weighted : {false, true}) {
        CAPTURE(static_cast<int>(kind));
        CAPTURE(classes);
        const Problem problem = make_problem(kind, 9, classes, weighted);
        const Results got = run(*backend, problem);
        double total = 0.0;
        for (int r = 0; r < 9; ++r) {
          const double weight = weighted ? problem.weights[std::size_t(r)] : 1.0;
          Doubles p = row_of(problem.predictions, problem.shape, r);
          const Doubles t = row_of(problem.targets, problem.shape, r);
          total += weight * textbook(kind, p, t);
          for (std::size_t c = 0; c < p.size(); ++c) {
            const double middle = p[c], step = 1e-5;
            p[c] = middle + step;
            const double up = textbook(kind, p, t);
            p[c] = middle - step;
            const double down = textbook(kind, p, t);
            p[c] = middle;
            const double slope = weight * (up - down) / (2 * step) / 9;
            // Central differences: third derivatives are below 2 / .05^3, rounding 1e-15 * 60 / step.
            const double bound = 1.01 * kUnit * std::abs(slope) + weight * (step * step * 2700 + 6e-9) / 9;
            CHECK(std::abs(got.gradient[std::size_t(r) * p.size() + c] - slope) <= bound);
          }
        }
        CHECK(got.totals.loss == doctest::Approx(total).epsilon(1e-12));
        CHECK(got.totals.samples == 9.0);
      }
    }
  }
}

TEST_CASE("logits of ten thousand give finite losses and gradients") {
  const std::unique_ptr<Backend> backend = test_backend(1);
  for (const float sign : {1.0f, -1.0f}) {
    Problem problem = make_problem(LossKind::binary_logits, 2, 1, false);
    problem.predictions = {sign * 1e4f, sign * 1e4f};
    problem.targets = {1.0f, 0.0f};
    const Results got = run(*backend, problem);
    CHECK(got.totals.loss == 1e4);  // one of the two is certain and wrong
    CHECK(got.gradient == (sign > 0 ? Values{0.0f, 0.5f} : Values{-0.5f, 0.0f}));
  }
  for (const LossKind kind : {LossKind::categorical_logits, LossKind::sparse_logits}) {
    Problem problem = make_problem(kind, 2, 2, false);
    problem.predictions = {1e4f, -1e4f, 1e4f, -1e4f};
    problem.targets = {1.0f, 0.0f, 0.0f, 1.0f};
    if (!problem.labels.empty()) problem.labels = {0, 1};
    const Results got = run(*backend, problem);
    CHECK(got.totals.loss == 2e4);
    CHECK(got.gradient == Values{0.0f, 0.0f, 0.5f, -0.5f});
  }
}

TEST_CASE("probabilities are clipped as Keras does, and a clipped one has no gradient") {
  const std::unique_ptr<Backend> backend = test_backend(1);
  Problem problem = make_problem(LossKind::binary, 1, 1, false);
  problem.predictions = {0.0f};
  problem.targets = {1.0f};
  CHECK(run(*backend, problem).totals.loss == doctest::Approx(16.118).epsilon(1e-4));
  CHECK(run(*backend, problem).gradient[0] == 0.0f);
  problem.predictions = {1.0f};
  problem.targets = {0.0f};
  CHECK(run(*backend, problem).totals.loss == doctest::Approx(15.942).epsilon(1e-4));
  for (const LossKind kind : {LossKind::categorical, LossKind::sparse}) {
    problem = make_problem(kind, 1, 2, false);
    problem.predictions = {1.0f, 0.0f};
    problem.targets = {0.0f, 1.0f};
    if (!problem.labels.empty()) problem.labels = {1};
    CHECK(run(*backend, problem).totals.loss == doctest::Approx(16.118).epsilon(1e-4));
    CHECK(run(*backend, problem).gradient[1] == 0.0f);
  }
}

TEST_CASE("NaN reaches the total of every loss") {
  const std::unique_ptr<Backend> backend = test_backend(2);
  for (const LossKind kind : kAll) {
    CAPTURE(static_cast<int>(kind));
    Problem problem = make_problem(kind, 4, 3, false);
    const std::size_t column = problem.labels.empty() ? 1 : std::size_t(problem.labels[2]);
    problem.predictions[2 * 3 + column] = std::nanf("");
    CHECK(std::isnan(run(*backend, problem).totals.loss));
  }
}

TEST_CASE("many rows: several blocks, the same sum for any number of threads") {
  for (const LossKind kind : {LossKind::binary_logits, LossKind::sparse_logits}) {
    const Problem problem = make_problem(kind, 5000, 3, true);
    const Results one = run(*test_backend(1), problem), three = run(*test_backend(3), problem);
    CHECK(one.totals.loss == three.totals.loss);
    CHECK(same_bits(one.gradient, three.gradient));
    double total = 0.0;
    for (int r = 0; r < 5000; ++r) {
      total += problem.weights[std::size_t(r)] *
               textbook(kind, row_of(problem.predictions, problem.shape, r), row_of(problem.targets, problem.shape, r));
    }
    CHECK(one.totals.loss == doctest::Approx(total).epsilon(1e-11));
  }
}

TEST_CASE("a class number outside the classes is an error that says where, or a NaN loss where a kernel cannot stop") {
  const std::unique_ptr<Backend> backend = test_backend(2);
  for (const int label : {-1, 4}) {
    Problem problem = make_problem(LossKind::sparse_logits, 5, 4, false);
    problem.labels[3] = label;
    if (!cpu_under_test()) {
      const Results got = run(*backend, problem);
      CHECK(std::isnan(got.totals.loss));
      for (std::size_t i = 0; i < got.gradient.size(); ++i) CHECK(std::isnan(got.gradient[i]) == (i / 4 == 3));
      continue;
    }
    CHECK_ERROR([&] { run(*backend, problem); }, data,
                "expected class numbers from 0 to 3, got " + std::to_string(label) + " in row 3");
  }
}

}  // namespace curie::test
