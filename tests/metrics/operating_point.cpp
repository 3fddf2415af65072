#include "metrics/operating_point.h"

#include <doctest/doctest.h>

#include <cmath>

#include "metrics/golden.h"
#include "metrics/precision_recall.h"
#include "support/throws.h"

namespace curie {
namespace {

std::vector<float> floats(const nlohmann::json& values) {
  std::vector<float> result;
  for (const nlohmann::json& value : values) result.push_back(static_cast<float>(value.get<double>()));
  return result;
}

TEST_CASE("precision-recall curves equal scikit-learn's, point by point") {
  const nlohmann::json golden = golden::metrics();
  for (const nlohmann::json& expected : golden.at("roc")) {
    CAPTURE(expected.at("title").get<std::string>());
    const std::vector<std::int32_t> truth = expected.at("truth");
    const PrecisionRecallCurve curve =
        precision_recall_curve(truth, floats(expected.at("scores")), expected.at("positive").get<std::int32_t>());
    const nlohmann::json& points = expected.at("precision_recall");
    CHECK(curve.precision == points.at("precision").get<std::vector<double>>());
    CHECK(curve.recall == points.at("recall").get<std::vector<double>>());
    CHECK(curve.thresholds == points.at("thresholds").get<std::vector<double>>());
    CHECK(std::abs(curve.average_precision - points.at("average").get<double>()) <= 1e-12);
    CHECK(curve.precision.front() == curve.prevalence);
  }
  const std::vector<float> scores{.1f, .2f};
  const PrecisionRecallCurve none = precision_recall_curve(std::vector<std::int32_t>{0, 0}, scores);
  CHECK_FALSE(none.defined());
  CHECK(std::isnan(none.average_precision));
  CHECK_ERROR([&] { precision_recall_curve(std::vector<std::int32_t>{0}, scores); }, data, "precision-recall curve");
}

// Positives score .9 .7 .4, negatives .8 .4 .3 .2: two share a score.
const std::vector<std::int32_t> kTruth{1, 0, 1, 0, 1, 0, 0};
const std::vector<float> kScores{.9f, .8f, .7f, .4f, .4f, .3f, .2f};

TEST_CASE("an operating point counts scores at or above its threshold") {
  const OperatingPoint point = operating_point(kTruth, kScores, static_cast<double>(.7f));
  CHECK(point.true_positives == 2);
  CHECK(point.false_positives == 1);
  CHECK(point.false_negatives == 1);
  CHECK(point.true_negatives == 3);
  CHECK(point.sensitivity() == 2.0 / 3);
  CHECK(point.specificity() == 0.75);
  CHECK(point.precision() == 2.0 / 3);
  CHECK(point.negative_predictive_value() == 0.75);
  CHECK(point.f1() == 2.0 / 3);
  CHECK(point.accuracy() == 5.0 / 7);
  const OperatingPoint all = operating_point(kTruth, kScores, 0);
  CHECK(all.sensitivity() == 1);
  CHECK(all.specificity() == 0);
  CHECK(std::isnan(all.negative_predictive_value()));
  const OperatingPoint nothing = operating_point(kTruth, kScores, 2);
  CHECK(nothing.sensitivity() == 0);
  CHECK(std::isnan(nothing.precision()));
}

TEST_CASE("the threshold for a sensitivity is the highest that reaches it") {
  CHECK(threshold_for_sensitivity(kTruth, kScores, 0.3) == static_cast<double>(.9f));
  CHECK(threshold_for_sensitivity(kTruth, kScores, 1.0 / 3) == static_cast<double>(.9f));
  CHECK(threshold_for_sensitivity(kTruth, kScores, 0.34) == static_cast<double>(.7f));
  CHECK(threshold_for_sensitivity(kTruth, kScores, 1) == static_cast<double>(.4f));
  CHECK(threshold_for_sensitivity(kTruth, kScores, 1, 0) == static_cast<double>(.2f));
  CHECK(std::isnan(threshold_for_sensitivity(std::vector<std::int32_t>(7, 0), kScores, 0.9)));
  CHECK_ERROR([&] { threshold_for_sensitivity(kTruth, kScores, 0); }, usage, "(0, 1], got 0");
  CHECK_ERROR([&] { threshold_for_sensitivity(kTruth, kScores, 1.5); }, usage, "(0, 1], got 1.5");
}

TEST_CASE("Youden's threshold has the largest sum of sensitivity and specificity") {
  // Sensitivity - false-alarm rate: .9: 1/3; .8: 1/12; .7: 5/12; .4: 1/2; .3: 1/4; .2: 0.
  CHECK(youden_threshold(kTruth, kScores) == static_cast<double>(.4f));
  CHECK(std::isnan(youden_threshold(std::vector<std::int32_t>(7, 1), kScores)));
  const std::vector<float> bad{.1f, std::nanf("")};
  CHECK_ERROR([&] { youden_threshold(std::vector<std::int32_t>{0, 1}, bad); }, data, "finite");
}

TEST_CASE("a model's own decision is an operating point of each class") {
  const std::vector<std::int32_t> truth{0, 0, 0, 1, 1, 2, 2, 2}, predicted{0, 0, 1, 1, 2, 2, 2, 0};
  const OperatingPoint second = own_decision(confusion_matrix(truth, predicted, 3), 1);
  CHECK(std::isnan(second.threshold));
  CHECK(second.true_positives == 1);
  CHECK(second.false_negatives == 1);
  CHECK(second.false_positives == 1);
  CHECK(second.true_negatives == 5);
  // Two classes: what the threshold .5 does, where nobody stands on it.
  std::vector<std::int32_t> called;
  for (const float score : kScores) called.push_back(score > 0.5f);
  const OperatingPoint own = own_decision(confusion_matrix(kTruth, called, 2), 1);
  const OperatingPoint half = operating_point(kTruth, kScores, 0.5);
  CHECK(own.threshold == 0.5);
  CHECK(own.true_positives == half.true_positives);
  CHECK(own.false_positives == half.false_positives);
  CHECK(own.true_negatives == half.true_negatives);
  CHECK(own.false_negatives == half.false_negatives);
  CHECK_ERROR([&] { own_decision(confusion_matrix(truth, predicted, 3), 3); }, usage, "from 0 to 2, got 3");
}

TEST_CASE("scores of a class are its column, or what the other of two classes leaves") {
  const std::vector<float> rows{.1f, .2f, .7f, .5f, .3f, .2f}, two{.25f, 1.0f};
  CHECK(scores_of_class(rows, 3, 2) == std::vector<float>{.7f, .2f});
  CHECK(scores_of_class(two, 2, 1) == two);
  CHECK(scores_of_class(two, 2, 0) == std::vector<float>{.75f, 0.0f});
  CHECK_ERROR([&] { scores_of_class(two, 2, 2); }, usage, "from 0 to 1, got 2");
  CHECK_ERROR([&] { scores_of_class(two, 3, 0); }, data, "3 probabilities a sample");
}

}  // namespace
}  // namespace curie
