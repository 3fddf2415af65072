#include "metrics/figures.h"

#include <doctest/doctest.h>

#include <cmath>

#include "metrics/calibration.h"
#include "metrics/golden.h"
#include "metrics/top_k.h"
#include "support/throws.h"

namespace curie {
namespace {

struct Case {
  std::string title;
  int classes, positive;
  std::vector<std::int32_t> truth, predicted;
  std::vector<float> probabilities;
  nlohmann::json expected;
};

std::vector<Case> cases() {
  std::vector<Case> result;
  const nlohmann::json golden = golden::metrics();
  for (const nlohmann::json& one : golden.at("figures")) {
    Case read{one.at("title"), one.at("classes"), one.at("positive"), one.at("truth"), one.at("predicted"), {}, one};
    for (const nlohmann::json& p : one.at("probabilities")) read.probabilities.push_back(static_cast<float>(p));
    result.push_back(std::move(read));
  }
  REQUIRE(result.size() >= 4);
  return result;
}

constexpr double kRounding = 1e-12;  // sums of at most some hundred quotients in another order

TEST_CASE("every figure equals scikit-learn's") {
  for (const Case& one : cases()) {
    CAPTURE(one.title);
    const std::vector<Figure> figures =
        classification_figures(one.truth, one.predicted, one.probabilities, one.classes, one.positive, {.draws = 0});
    const nlohmann::json& expected = one.expected.at("figures");
    CHECK(figures.size() == expected.size());
    for (const Figure& figure : figures) {
      CAPTURE(figure.key);
      REQUIRE(expected.contains(figure.key));
      CHECK(std::abs(figure.value - expected.at(figure.key).get<double>()) <= kRounding);
      CHECK_FALSE(figure.interval.known());
      CHECK_FALSE(figure.label.empty());
    }
    CHECK(find_figure(figures, "roc_auc")->label.substr(0, 7) == "ROC-AUC");
    CHECK(find_figure(figures, "auc") == nullptr);
  }
}

TEST_CASE("intervals agree with NumPy's bootstrap up to chance, and with themselves exactly") {
  int compared = 0;
  for (const Case& one : cases()) {
    if (!one.expected.contains("intervals")) continue;
    CAPTURE(one.title);
    const BootstrapOptions options{.draws = 4000, .seed = 3};
    const auto figures = [&] {
      return classification_figures(one.truth, one.predicted, one.probabilities, 2, one.positive, options);
    };
    const std::vector<Figure> first = figures(), second = figures();
    for (std::size_t i = 0; i + 1 < first.size(); ++i) {
      CHECK(first[i].interval.low == second[i].interval.low);
      CHECK(first[i].interval.high == second[i].interval.high);
      CHECK(first[i].interval.low <= first[i].value);
      CHECK(first[i].value <= first[i].interval.high);
    }
    CHECK_FALSE(first.back().interval.known());  // the calibration error
    for (const auto& limits : one.expected.at("intervals").items()) {
      CAPTURE(limits.key());
      const Interval& own = find_figure(first, limits.key())->interval;
      const double low = limits.value().at(0), high = limits.value().at(1);
      // A percentile near 2.5 % of 4000 draws has a standard error of about 2 % of the interval's width.
      CHECK(std::abs(own.low - low) <= 0.08 * (high - low));
      CHECK(std::abs(own.high - high) <= 0.08 * (high - low));
      ++compared;
    }
  }
  CHECK(compared == 6);
}

TEST_CASE("calibration curves equal scikit-learn's") {
  int compared = 0;
  for (const Case& one : cases()) {
    if (!one.expected.contains("calibration")) continue;
    for (const nlohmann::json& expected : one.expected.at("calibration")) {
      const std::vector<std::uint8_t> holds(one.truth.begin(), one.truth.end());
      const CalibrationCurve curve = calibration_curve(holds, one.probabilities, expected.at("bins").get<int>());
      REQUIRE(curve.bins.size() == expected.at("share").size());
      for (std::size_t i = 0; i < curve.bins.size(); ++i) {
        CHECK(std::abs(curve.bins[i].share - expected.at("share")[i].get<double>()) <= kRounding);
        CHECK(std::abs(curve.bins[i].mean_probability - expected.at("mean")[i].get<double>()) <= kRounding);
        CHECK(curve.bins[i].samples == expected.at("samples")[i].get<std::int64_t>());
        CHECK(curve.bins[i].low <= curve.bins[i].mean_probability);
        CHECK(curve.bins[i].mean_probability <= curve.bins[i].high + kRounding);
      }
      CHECK(std::abs(curve.expected_error - expected.at("expected_error").get<double>()) <= kRounding);
      ++compared;
    }
  }
  CHECK(compared == 8);
  CHECK(std::isnan(calibration_curve({}, {}).expected_error));
  const std::vector<std::uint8_t> holds{1};
  CHECK_ERROR([&] { calibration_curve(holds, std::vector<float>{1.5f}); }, data, "sample 0 is 1.5");
  CHECK_ERROR([&] { calibration_curve(holds, std::vector<float>{std::nanf("")}); }, data, "sample 0 is nan");
  CHECK_ERROR([&] { calibration_curve(holds, {}); }, data, "1 samples, got 0");
  CHECK_ERROR([&] { calibration_curve(holds, std::vector<float>{.5f}, 0); }, usage, "at least one bin");
}

TEST_CASE("top-k accuracy equals scikit-learn's for every k, ties included") {
  int compared = 0;
  for (const Case& one : cases()) {
    if (!one.expected.contains("top_k")) continue;
    for (int k = 1; k <= one.classes; ++k, ++compared) {
      CAPTURE(k);
      CHECK(top_k_accuracy(one.truth, one.probabilities, one.classes, k) ==
            one.expected.at("top_k")[static_cast<std::size_t>(k - 1)].get<double>());
    }
  }
  CHECK(compared == 7);
  const std::vector<std::int32_t> truth{0};
  const std::vector<float> row{.5f, .5f};
  CHECK(std::isnan(top_k_accuracy({}, {}, 2, 1)));
  CHECK_ERROR([&] { top_k_accuracy(truth, row, 2, 3); }, usage, "k from 1 to 2 classes, got 3");
  CHECK_ERROR([&] { top_k_accuracy(truth, row, 3, 1); }, data, "3 probabilities");
  CHECK_ERROR([&] { top_k_accuracy(std::vector<std::int32_t>{2}, row, 2, 1); }, data, "sample 0 is 2");
}

TEST_CASE("a class without samples leaves its undefined areas out of the means") {
  const std::vector<std::int32_t> truth{0, 1, 0, 1}, predicted{0, 1, 1, 1};
  const std::vector<float> p{.8f, .2f, .0f, .1f, .9f, .0f, .4f, .6f, .0f, .3f, .7f, .0f};
  const std::vector<Figure> figures = classification_figures(truth, predicted, p, 3, 0, {.draws = 50});
  CHECK(find_figure(figures, "roc_auc")->value == 1);
  CHECK(find_figure(figures, "balanced_accuracy")->value == 0.75);
  const std::vector<std::int32_t> same(4, 1);
  const std::vector<float> q{.6f, .7f, .8f, .9f};
  const std::vector<Figure> one_class = classification_figures(same, same, q, 2, 1, {.draws = 50});
  CHECK(std::isnan(find_figure(one_class, "roc_auc")->value));
  CHECK_FALSE(find_figure(one_class, "roc_auc")->interval.known());
  CHECK(find_figure(one_class, "accuracy")->interval.low == 1);
}

TEST_CASE("figures refuse what does not fit together") {
  const std::vector<std::int32_t> labels{0, 1}, odd{0, 2};
  const std::vector<float> p{.2f, .8f}, wrong{.2f, 1.01f};
  CHECK_ERROR([&] { classification_figures(labels, labels, p, 3); }, data, "6 probabilities for 2 samples of 3");
  CHECK_ERROR([&] { classification_figures(labels, odd, p, 2); }, data, "predicted label of sample 1 is 2");
  CHECK_ERROR([&] { classification_figures(labels, labels, wrong, 2); }, data, "from 0 to 1");
  CHECK_ERROR([&] { classification_figures({}, {}, {}, 2); }, data, "at least one sample");
  CHECK_ERROR([&] { classification_figures(labels, labels, p, 2, 2); }, usage, "positive");
  CHECK_ERROR([&] { classification_figures(labels, labels, p, 2, 1, {.draws = -1}); }, usage, "draws");
  CHECK_ERROR([&] { classification_figures(labels, labels, p, 2, 1, {.confidence = 1}); }, usage, "confidence");
}

}  // namespace
}  // namespace curie
