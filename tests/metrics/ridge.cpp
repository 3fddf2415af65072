#include "metrics/ridge.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "metrics/golden.h"
#include "support/throws.h"

namespace curie {
namespace {

std::vector<float> floats(const nlohmann::json& values) {
  std::vector<float> result;
  for (const nlohmann::json& value : values) result.push_back(static_cast<float>(value.get<double>()));
  return result;
}

TEST_CASE("scores equal scikit-learn's RidgeClassifier, whichever Gram matrix is smaller") {
  const nlohmann::json golden = golden::metrics();
  REQUIRE(golden.at("ridge").size() == 3);
  for (const nlohmann::json& one : golden.at("ridge")) {
    CAPTURE(one.at("title").get<std::string>());
    const auto features = one.at("features").get<std::size_t>();
    const std::vector<std::int32_t> labels = one.at("labels");
    for (const int threads : {1, 3}) {
      const RidgeClassifier ridge(floats(one.at("rows")), labels, features, one.at("classes").get<int>(),
                                  one.at("alpha").get<double>(), threads);
      for (std::size_t i = 0; i < one.at("test").size(); ++i) {
        const std::vector<double> expected = one.at("scores")[i];
        const std::vector<double> found = ridge.scores(floats(one.at("test")[i]));
        REQUIRE(found.size() == expected.size());
        for (std::size_t k = 0; k < found.size(); ++k) CHECK(std::abs(found[k] - expected[k]) <= 1e-9);
        const auto best = std::max_element(expected.begin(), expected.end()) - expected.begin();
        CHECK(ridge.predict(floats(one.at("test")[i])) == best);
      }
    }
  }
}

TEST_CASE("a constant feature and a class without samples do no harm; misuse is an error") {
  const std::vector<float> rows{0, 1, 0, 2, 0, 3};
  const std::vector<std::int32_t> labels{0, 0, 2};
  const RidgeClassifier ridge(rows, labels, 2, 3);
  CHECK(ridge.predict(std::vector<float>{0, 0}) == 0);
  CHECK(ridge.predict(std::vector<float>{5, 9}) == 2);
  CHECK_ERROR([&] { ridge.scores(std::vector<float>{1}); }, data, "expected 2 features, got 1");
  CHECK_ERROR([&] { RidgeClassifier(rows, labels, 3, 3); }, data, "9 values for 3 samples of 3 features, got 6");
  CHECK_ERROR([&] { RidgeClassifier(rows, labels, 2, 2); }, data, "labels from 0 to 1, got 2");
  CHECK_ERROR([&] { RidgeClassifier(rows, labels, 2, 3, 0); }, usage, "positive alpha");
}

}  // namespace
}  // namespace curie
