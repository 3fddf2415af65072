#include "metrics/confusion.h"

#include <doctest/doctest.h>

#include <cmath>

#include "metrics/golden.h"
#include "tensor/error.h"

namespace curie {
namespace {

TEST_CASE("confusion matrices equal scikit-learn's") {
  const nlohmann::json golden = golden::metrics();
  for (const nlohmann::json& expected : golden.at("reports")) {
    const nlohmann::json& rows = expected.at("confusion");
    // Without names the golden's rows are the labels that occur, which a matrix over all labels need not equal.
    if (expected.at("names").empty()) continue;
    CAPTURE(expected.at("title").get<std::string>());
    const int classes = static_cast<int>(rows.size());
    const ConfusionMatrix matrix =
        confusion_matrix(golden::runs(expected.at("truth")), golden::runs(expected.at("predicted")), classes);
    std::vector<std::int64_t> flat;
    for (const nlohmann::json& row : rows) {
      for (const nlohmann::json& count : row) flat.push_back(count.get<std::int64_t>());
    }
    CHECK(matrix.counts == flat);
    CHECK(std::abs(balanced_accuracy(matrix) - expected.at("balanced_accuracy").get<double>()) <= 1e-14);
    CHECK(std::abs(matthews_correlation(matrix) - expected.at("matthews").get<double>()) <= 1e-14);
  }
}

TEST_CASE("one probability decides at a half, several by the first of the largest") {
  using Labels = std::vector<std::int32_t>;
  CHECK(predicted_classes(std::vector<float>{0.5f, 0.75f, 0.25f}, 1) == Labels{0, 1, 0});
  CHECK(predicted_classes(std::vector<float>{0.2f, 0.4f, 0.4f, 0.6f, 0.3f, 0.1f}, 3) == Labels{1, 0});
  CHECK(predicted_classes({}, 3).empty());
}

TEST_CASE("rows are the truth, and the sums agree") {
  const std::vector<std::int32_t> truth{0, 0, 0, 1, 2, 2}, predicted{0, 1, 1, 1, 0, 2};
  const ConfusionMatrix matrix = confusion_matrix(truth, predicted, 4);
  CHECK(matrix.at(0, 1) == 2);
  CHECK(matrix.at(1, 0) == 0);
  CHECK(matrix.at(2, 0) == 1);
  CHECK(matrix.truth_total(0) == 3);
  CHECK(matrix.truth_total(3) == 0);
  CHECK(matrix.predicted_total(1) == 3);
  CHECK(matrix.predicted_total(3) == 0);
  CHECK(matrix.correct() == 3);
  CHECK(matrix.total() == 6);
  CHECK(matrix.specificity(0) == 2.0 / 3);
  CHECK(matrix.specificity(1) == 3.0 / 5);
  CHECK(matrix.specificity(3) == 1);
  CHECK(std::isnan(confusion_matrix(std::vector<std::int32_t>{0}, std::vector<std::int32_t>{1}, 2).specificity(0)));
}

TEST_CASE("no samples give zeros; labels out of range and unequal lengths are errors") {
  const std::vector<std::int32_t> none, one{0}, two{0, 1}, negative{0, -1};
  CHECK(confusion_matrix(none, none, 2).counts == std::vector<std::int64_t>(4, 0));
  CHECK_THROWS_WITH_AS(confusion_matrix(two, negative, 2),
                       "confusion matrix: expected labels from 0 to 1, but the predicted label of sample 1 is -1",
                       Error);
  CHECK_THROWS_AS(confusion_matrix(two, two, 1), Error);
  CHECK_THROWS_AS(confusion_matrix(one, two, 2), Error);
  CHECK_THROWS_AS(confusion_matrix(none, none, 0), Error);
}

}  // namespace
}  // namespace curie
