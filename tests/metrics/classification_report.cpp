#include "metrics/classification_report.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "metrics/golden.h"
#include "tensor/error.h"

namespace curie {
namespace {

constexpr double kEpsilon = std::numeric_limits<double>::epsilon();

// A score in [0, 1] takes at most four roundings; a mean over `classes` of them as many more as it has additions.
void check_scores(const Scores& scores, const nlohmann::json& expected, std::size_t classes) {
  const double bound = static_cast<double>(classes + 6) * kEpsilon;
  CHECK(std::abs(scores.precision - expected.at("precision").get<double>()) <= bound);
  CHECK(std::abs(scores.recall - expected.at("recall").get<double>()) <= bound);
  CHECK(std::abs(scores.f1 - expected.at("f1").get<double>()) <= bound);
}

TEST_CASE("classification reports equal scikit-learn's text and numbers") {
  const nlohmann::json cases = golden::metrics().at("reports");
  REQUIRE(cases.size() >= 18);
  for (const nlohmann::json& expected : cases) {
    CAPTURE(expected.at("title").get<std::string>());
    const std::vector<std::string> names = expected.at("names");
    const std::vector<std::int32_t> truth = golden::runs(expected.at("truth"));
    const std::vector<std::int32_t> predicted = golden::runs(expected.at("predicted"));
    const ClassificationReport report = classification_report(truth, predicted, names);

    CHECK(to_text(report, expected.at("digits").get<int>()) == expected.at("text").get<std::string>());
    REQUIRE(report.classes.size() == expected.at("classes").size());
    for (std::size_t i = 0; i < report.classes.size(); ++i) {
      check_scores(report.classes[i].scores, expected.at("classes")[i], 0);
      CHECK(report.classes[i].support == expected.at("classes")[i].at("support").get<std::int64_t>());
    }
    check_scores(report.macro, expected.at("macro"), report.classes.size());
    check_scores(report.weighted, expected.at("weighted"), report.classes.size());
    CHECK(report.accuracy == expected.at("accuracy").get<double>());
    CHECK(report.support == static_cast<std::int64_t>(truth.size()));
  }
}

TEST_CASE("two digits are the default") {
  const std::vector<std::int32_t> truth{0, 1, 1}, predicted{0, 1, 0};
  const ClassificationReport report = classification_report(truth, predicted);
  CHECK(to_text(report) == to_text(report, 2));
  CHECK(to_text(report) != to_text(report, 3));
}

TEST_CASE("a matrix and its labels give the same report") {
  const std::vector<std::string> names{"Normal", "COVID"};
  const std::vector<std::int32_t> truth{0, 0, 0, 1, 1}, predicted{0, 1, 0, 1, 1};
  CHECK(to_text(classification_report(confusion_matrix(truth, predicted, 2), names)) ==
        to_text(classification_report(truth, predicted, names)));
}

TEST_CASE("reports refuse what has no answer") {
  const std::vector<std::string> names{"Normal", "COVID"};
  const std::vector<std::int32_t> none, two{0, 1}, three{0, 1, 1}, unknown{0, 2};
  CHECK_THROWS_AS(classification_report(none, none, names), Error);
  CHECK_THROWS_AS(classification_report(none, none), Error);
  CHECK_THROWS_AS(classification_report(two, three, names), Error);
  CHECK_THROWS_AS(classification_report(two, three), Error);
  CHECK_THROWS_AS(classification_report(two, unknown, names), Error);
  CHECK_THROWS_AS(classification_report(confusion_matrix(two, two, 3), names), Error);
  CHECK_THROWS_AS(to_text(classification_report(two, two), -1), Error);
}

}  // namespace
}  // namespace curie
