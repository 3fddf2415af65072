#include "metrics/groups.h"

#include <doctest/doctest.h>

#include "support/throws.h"

namespace curie {
namespace {

TEST_CASE("a patient's probability is the mean over the patient's images") {
  const std::vector<std::string> groups{"p7", "", "p2", "p7", "", "p2", "p7"};
  const std::vector<std::int32_t> truth{1, 0, 0, 1, 0, 0, 0};
  const std::vector<float> p{.25f, .1f, .5f, .75f, .2f, 0.f, .9f};
  const GroupedPredictions cases = mean_by_group(groups, truth, p, 1);
  // p7 comes twice: once for each label that the patient's images carry.
  CHECK(cases.groups == std::vector<std::string>{"p7", "", "p2", "", "p7"});
  CHECK(cases.truth == std::vector<std::int32_t>{1, 0, 0, 0, 0});
  CHECK(cases.images == std::vector<std::int32_t>{2, 1, 2, 1, 1});
  CHECK(cases.probabilities == std::vector<float>{.5f, .1f, .25f, .2f, .9f});
}

TEST_CASE("every class has its own mean") {
  const std::vector<std::string> groups{"a", "a"};
  const std::vector<std::int32_t> truth{2, 2};
  const std::vector<float> p{.5f, .25f, .25f, .0f, .25f, .75f};
  const GroupedPredictions cases = mean_by_group(groups, truth, p, 3);
  CHECK(cases.size() == 1);
  CHECK(cases.probabilities == std::vector<float>{.25f, .25f, .5f});
}

TEST_CASE("spans that do not match are errors") {
  const std::vector<std::string> groups{"a", "b"};
  const std::vector<std::int32_t> truth{0, 1};
  CHECK_ERROR([&] { mean_by_group(groups, truth, std::vector<float>{.5f}, 1); }, data, "2 samples");
  CHECK_ERROR([&] { mean_by_group(groups, std::vector<std::int32_t>{0}, std::vector<float>{.5f}, 1); }, data,
              "patients");
  CHECK(mean_by_group({}, {}, {}, 2).size() == 0);
}

}  // namespace
}  // namespace curie
