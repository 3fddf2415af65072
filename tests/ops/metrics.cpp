#include <doctest/doctest.h>

#include "ops/ops.h"
#include "support/backend.h"
#include "support/reference.h"

namespace curie::test {
namespace {

const float kNaN = std::nanf("");

double correct(MatchRule rule, int rows, int classes, const Values& predictions, const Values& targets) {
  const std::unique_ptr<Backend> backend = test_backend(1);
  const GuardedTensor p = holding(*backend, predictions);
  GuardedTensor t = holding(*backend, targets);
  if (rule == MatchRule::sparse) {
    t = blank(*backend, targets.size(), DType::i32);
    t.set(std::vector<std::int32_t>(targets.begin(), targets.end()));
  }
  const OnDevice<MetricTotals> totals(*backend, {.loss = 1.0, .samples = 2.0, .correct = 10.0});
  ops::count_correct(*backend, rule, rows, classes, p.tensor, t.tensor, totals.address());
  CHECK(totals.get().loss == 1.0);
  CHECK(totals.get().samples == 2.0);
  return totals.get().correct - 10.0;
}

}  // namespace

TEST_CASE("binary: strictly above one half, in every column") {
  CHECK(correct(MatchRule::binary, 4, 1, {0.5f, 0.500001f, 0.4f, 0.9f}, {0, 1, 1, 1}) == 3);
  CHECK(correct(MatchRule::binary, 2, 2, {0.9f, 0.1f, 0.9f, 0.9f}, {1, 0, 1, 0}) == 1);
}

TEST_CASE("categorical and sparse: the first of the largest columns") {
  const Values predictions{0.4f, 0.4f, 0.2f, 0.1f, 0.2f, 0.7f, 0.3f, 0.3f, 0.4f};
  CHECK(correct(MatchRule::categorical, 3, 3, predictions, {1, 0, 0, 0, 0, 1, 1, 0, 0}) == 2);
  CHECK(correct(MatchRule::sparse, 3, 3, predictions, {0, 2, 2}) == 3);
  CHECK(correct(MatchRule::sparse, 3, 3, predictions, {1, 2, 0}) == 1);
}

TEST_CASE("many rows, of few classes and of many") {
  constexpr int kRows = 2500;
  for (const int classes : {1, 3, 5, 40}) {
    const std::size_t width = std::size_t(classes), count = kRows * width;
    Values predictions = random_integers(count, 1, 2), columns = random_integers(count, 2, 2);  // many ties
    for (std::size_t row = 0; row < kRows; row += 50) predictions[row * width + row % width] = kNaN;
    Values labels;
    double binary = 0.0, categorical = 0.0, sparse = 0.0;
    for (std::size_t row = 0; row < kRows; ++row) {
      const auto p = predictions.begin() + std::ptrdiff_t(row * width),
                 t = columns.begin() + std::ptrdiff_t(row * width);
      const auto end = p + classes;
      labels.push_back(static_cast<float>(row % width));
      if (std::any_of(p, end, [](float value) { return std::isnan(value); })) continue;
      const auto first_of_largest = std::max_element(p, end) - p;
      binary += std::equal(p, end, t, [](float a, float b) { return (a > 0.5f) == (b > 0.5f); });
      categorical += first_of_largest == std::max_element(t, t + classes) - t;
      sparse += first_of_largest == std::ptrdiff_t(row % width);
    }
    CAPTURE(classes);
    CHECK(correct(MatchRule::binary, kRows, classes, predictions, columns) == binary);
    CHECK(correct(MatchRule::categorical, kRows, classes, predictions, columns) == categorical);
    CHECK(correct(MatchRule::sparse, kRows, classes, predictions, labels) == sparse);
  }
  // Minus infinity everywhere: the first column.
  CHECK(correct(MatchRule::sparse, 1, 33, Values(33, -kInfinity), {0}) == 1);
}

TEST_CASE("a row with NaN is never right") {
  CHECK(correct(MatchRule::binary, 2, 1, {kNaN, 0.2f}, {0, 0}) == 1);
  CHECK(correct(MatchRule::categorical, 1, 2, {kNaN, 0.2f}, {1, 0}) == 0);
  CHECK(correct(MatchRule::sparse, 2, 2, {0.2f, kNaN, 0.1f, 0.9f}, {0, 1}) == 1);
}

}  // namespace curie::test
