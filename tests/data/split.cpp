#include "data/split.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <limits>

#include "data/sampling_golden.h"
#include "tensor/error.h"

using curie::Split;
using nlohmann::json;

namespace {

std::vector<std::int32_t> repeated(std::initializer_list<int> counts) {
  std::vector<std::int32_t> labels;
  std::int32_t label = 0;
  for (const int count : counts) labels.insert(labels.end(), static_cast<std::size_t>(count), label++);
  return labels;
}

curie::ErrorKind kind_of_failure(const std::vector<std::int32_t>& labels, double fraction) {
  try {
    curie::stratified_split(labels, fraction, 0);
  } catch (const curie::Error& error) {
    return error.kind();
  }
  FAIL("expected an error");
  return curie::ErrorKind::internal;
}

}  // namespace

TEST_CASE("train_test_split equals scikit-learn's") {
  for (const json& golden : sampling_golden().at("splits")) {
    const Split split = curie::train_test_split(golden.at("n"), golden.at("fraction"), golden.at("seed"));
    CHECK(split.train == golden.at("train").get<std::vector<int>>());
    CHECK(split.test == golden.at("test").get<std::vector<int>>());
  }
}

TEST_CASE("stratified_split equals scikit-learn's, ties between classes included") {
  for (const json& golden : sampling_golden().at("stratified")) {
    const std::vector<std::int32_t> labels = golden.at("labels");
    const Split split = curie::stratified_split(labels, golden.at("fraction"), golden.at("seed"));
    CHECK(split.train == golden.at("train").get<std::vector<int>>());
    CHECK(split.test == golden.at("test").get<std::vector<int>>());
  }
}

TEST_CASE("the Radiography Database splits into 2,039 and 723 test images") {
  const std::vector<std::int32_t> labels = repeated({10192, 3616});
  const Split split = curie::stratified_split(labels, .2, 1);
  const auto normal = [](int index) { return index < 10192; };
  CHECK(std::count_if(split.test.begin(), split.test.end(), normal) == 2039);
  CHECK(split.test.size() == 2039 + 723);
  CHECK(std::count_if(split.train.begin(), split.train.end(), normal) == 8153);
  CHECK(split.train.size() == 8153 + 2893);
}

TEST_CASE("a split that cannot be made is refused") {
  CHECK_THROWS_AS(curie::train_test_split(10, 0.0, 0), curie::Error);
  CHECK_THROWS_AS(curie::train_test_split(10, 1.0, 0), curie::Error);
  CHECK_THROWS_AS(curie::train_test_split(10, std::numeric_limits<double>::quiet_NaN(), 0), curie::Error);
  CHECK_THROWS_AS(curie::train_test_split(1, .5, 0), curie::Error);
  CHECK_THROWS_AS(curie::train_test_split(0, .5, 0), curie::Error);
  CHECK_THROWS_AS(curie::train_test_split(10, .95, 0), curie::Error);  // ceil(9.5) = 10 leaves nothing

  CHECK(kind_of_failure(repeated({10, 1}), .2) == curie::ErrorKind::data);
  CHECK(kind_of_failure(repeated({3, 3, 3}), .2) == curie::ErrorKind::data);  // 2 test samples, 3 classes
  CHECK(kind_of_failure({}, .2) == curie::ErrorKind::usage);
}
