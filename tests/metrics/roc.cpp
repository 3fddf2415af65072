#include "metrics/roc.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "metrics/golden.h"
#include "tensor/error.h"

namespace curie {
namespace {

constexpr double kEpsilon = std::numeric_limits<double>::epsilon();

std::vector<float> floats(const nlohmann::json& values) {
  std::vector<float> result;
  for (const nlohmann::json& value : values) result.push_back(static_cast<float>(value.get<double>()));
  return result;
}

TEST_CASE("ROC curves equal scikit-learn's, point by point") {
  const nlohmann::json cases = golden::metrics().at("roc");
  REQUIRE(cases.size() >= 9);
  for (const nlohmann::json& expected : cases) {
    CAPTURE(expected.at("title").get<std::string>());
    const std::vector<std::int32_t> truth = expected.at("truth");
    const std::vector<float> scores = floats(expected.at("scores"));
    for (const bool drop : {true, false}) {
      const RocCurve curve = roc_curve(truth, scores, expected.at("positive").get<std::int32_t>(), drop);
      const nlohmann::json& points = expected.at(drop ? "corners" : "all");
      // Rates are one quotient of two counts and thresholds are copies, so equality is exact.
      CHECK(curve.false_positive_rate == points.at("x").get<std::vector<double>>());
      CHECK(curve.true_positive_rate == points.at("y").get<std::vector<double>>());
      CHECK(curve.thresholds == points.at("thresholds").get<std::vector<double>>());
      // A trapezoid takes at most four roundings of values up to 1, and the sum one for each.
      const double bound = 5 * static_cast<double>(curve.thresholds.size()) * kEpsilon;
      CHECK(std::abs(curve.auc - expected.at("auc").get<double>()) <= bound);
    }
  }
}

TEST_CASE("the area is the chance that a positive outranks a negative") {
  // Pairs: .75 > .5, .75 > .25, .5 = .5 (counts half), .5 > .25.
  const std::vector<std::int32_t> truth{1, 1, 0, 0};
  const std::vector<float> scores{0.75f, 0.5f, 0.5f, 0.25f};
  CHECK(roc_curve(truth, scores).auc == 3.5 / 4);
}

TEST_CASE("one class only has no curve") {
  const std::vector<float> scores{0.1f, 0.2f};
  for (const std::int32_t label : {0, 1}) {
    const RocCurve curve = roc_curve(std::vector<std::int32_t>{label, label}, scores);
    CHECK_FALSE(curve.defined());
    CHECK(curve.false_positive_rate.empty());
    CHECK(std::isnan(curve.auc));
  }
  CHECK_FALSE(roc_curve({}, {}).defined());
}

TEST_CASE("scores must be finite and one a label") {
  const std::vector<std::int32_t> truth{0, 1};
  CHECK_THROWS_AS(roc_curve(truth, std::vector<float>{0.5f}), Error);
  CHECK_THROWS_AS(roc_curve(truth, std::vector<float>{0.5f, std::numeric_limits<float>::quiet_NaN()}), Error);
  CHECK_THROWS_AS(roc_curve(truth, std::vector<float>{std::numeric_limits<float>::infinity(), 0.5f}), Error);
}

}  // namespace
}  // namespace curie
