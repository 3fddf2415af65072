#include "data/undersample.h"

#include <doctest/doctest.h>

#include "data/sampling_golden.h"
#include "tensor/error.h"

using nlohmann::json;

TEST_CASE("the indices kept equal imbalanced-learn's") {
  for (const json& golden : sampling_golden().at("undersample")) {
    const std::vector<std::int32_t> labels = golden.at("labels");
    const double ratio = golden.at("ratio");
    const std::uint32_t seed = golden.at("seed");
    CAPTURE(ratio);
    const std::vector<int> kept = ratio > 0 ? curie::random_undersample(labels, ratio, seed)
                                            : curie::random_undersample_to_minority(labels, seed);
    CHECK(kept == golden.at("kept").get<std::vector<int>>());
  }
}

TEST_CASE("a class absent from the labels does not count") {
  const std::vector<std::int32_t> labels = {5, 5, 2, 5};
  const std::vector<int> kept = curie::random_undersample(labels, 1.0, 0);
  REQUIRE(kept.size() == 2);
  CHECK(kept[0] == 2);
  CHECK(labels[static_cast<std::size_t>(kept[1])] == 5);
}

TEST_CASE("ratios and labels that cannot work are refused") {
  const std::vector<std::int32_t> labels = {0, 0, 0, 1, 1};
  CHECK_THROWS_AS(curie::random_undersample(labels, 0.0, 0), curie::Error);
  CHECK_THROWS_AS(curie::random_undersample(labels, 1.5, 0), curie::Error);
  CHECK_THROWS_AS(curie::random_undersample(labels, 0.5, 0), curie::Error);  // 4 of 3
  CHECK(curie::random_undersample(labels, 0.65, 0).size() == 5);             // int(2 / 0.65) = 3 of 3
  CHECK_THROWS_AS(curie::random_undersample(std::vector<std::int32_t>{0, 1, 2}, 1.0, 0), curie::Error);
  CHECK_THROWS_AS(curie::random_undersample(std::vector<std::int32_t>{0, 0}, 1.0, 0), curie::Error);
  CHECK_THROWS_AS(curie::random_undersample_to_minority({}, 0), curie::Error);
}
