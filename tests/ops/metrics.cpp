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

TEST_CASE("a row with NaN is never right") {
  CHECK(correct(MatchRule::binary, 2, 1, {kNaN, 0.2f}, {0, 0}) == 1);
  CHECK(correct(MatchRule::categorical, 1, 2, {kNaN, 0.2f}, {1, 0}) == 0);
  CHECK(correct(MatchRule::sparse, 2, 2, {0.2f, kNaN, 0.1f, 0.9f}, {0, 1}) == 1);
}

}  // namespace curie::test
