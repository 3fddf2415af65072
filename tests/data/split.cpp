#include "data/split.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <limits>

#include "data/sampling_golden.h"
#include "pictures.h"
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

namespace {

const json& splits_golden() {
  static const json golden = json::parse(curie::read_text(CURIE_TEST_DATA "/splits.json"));
  return golden;
}

// As scripts/goldens/sampling.py has it: the order counts.
std::int64_t checksum(const std::vector<int>& indices) {
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < indices.size(); ++i) sum += indices[i] * static_cast<std::int64_t>(i + 1);
  return sum;
}

}  // namespace

TEST_CASE("a three-way split equals two of scikit-learn's") {
  for (const json& golden : splits_golden().at("three_way")) {
    const std::vector<std::int32_t> labels = golden.at("labels");
    const curie::ThreeSplit split =
        curie::stratified_three_way_split(labels, golden.at("validation"), golden.at("test"), golden.at("seed"));
    CHECK(split.train == golden.at("parts")[0].get<std::vector<int>>());
    CHECK(split.validation == golden.at("parts")[1].get<std::vector<int>>());
    CHECK(split.test == golden.at("parts")[2].get<std::vector<int>>());
  }
}

TEST_CASE("the four classes of the Radiography Database, 70 : 15 : 15") {
  const std::vector<std::int32_t> labels = repeated({10192, 3616, 1345, 6012});
  const curie::ThreeSplit split = curie::stratified_three_way_split(labels, .15, .15, 1);
  const json& golden = splits_golden().at("radiography");
  const std::vector<int>* parts[] = {&split.train, &split.validation, &split.test};
  for (std::size_t part = 0; part < 3; ++part) {
    std::vector<int> counts(4, 0);
    for (const int index : *parts[part]) ++counts[static_cast<std::size_t>(labels[static_cast<std::size_t>(index)])];
    CHECK(counts == golden.at("counts")[part].get<std::vector<int>>());
    CHECK(checksum(*parts[part]) == golden.at("checksums")[part].get<std::int64_t>());
  }
  CHECK(split.train.size() == 14815);
  CHECK(split.validation.size() == 3175);
  CHECK(split.test.size() == 3175);
}

TEST_CASE("group_split equals scikit-learn's GroupShuffleSplit, and parts no group") {
  for (const json& golden : splits_golden().at("groups")) {
    const std::vector<std::string> groups = golden.at("groups");
    const Split split = curie::group_split(groups, golden.at("fraction"), golden.at("seed"));
    CHECK(split.train == golden.at("train").get<std::vector<int>>());
    CHECK(split.test == golden.at("test").get<std::vector<int>>());
    CHECK(split.train.size() + split.test.size() == groups.size());
    for (const int a : split.train) {
      for (const int b : split.test) CHECK(groups[static_cast<std::size_t>(a)] != groups[static_cast<std::size_t>(b)]);
    }
  }
}

TEST_CASE("classes split by themselves: document 002's 16 of each, then 194 and 66") {
  for (const json& golden : splits_golden().at("per_class")) {
    const std::vector<std::int32_t> labels = golden.at("labels");
    const json& size = golden.at("size");
    const Split split = size.is_number_integer() ? curie::hold_back(labels, size, golden.at("seed"))
                                                 : curie::split_each_class(labels, size, golden.at("seed"));
    CHECK(split.train == golden.at("train").get<std::vector<int>>());
    CHECK(split.test == golden.at("test").get<std::vector<int>>());
  }
  CHECK(curie::hold_back(repeated({146, 146}), 16, 0).train.size() == 260);
  CHECK(curie::split_each_class(repeated({130, 130}), .25, 0).train.size() == 194);
}

TEST_CASE("validation_split takes the last part, as Keras does") {
  const Split split = curie::validation_split(117, .1);
  CHECK(split.train.size() == 105);
  CHECK(split.train.front() == 0);
  CHECK(split.train.back() == 104);
  CHECK(split.test.size() == 12);
  CHECK(split.test.front() == 105);
  CHECK(split.test.back() == 116);
}

TEST_CASE("further splits that cannot be made are refused") {
  using curie::ErrorKind;
  const auto refused = [](ErrorKind kind, const char* why, auto&& action) {
    const curie::Thrown thrown = curie::error_of(action);
    CHECK(thrown.kind == kind);
    CHECK_MESSAGE(thrown.says(why), thrown.message);
  };
  const std::vector<std::int32_t> labels = repeated({20, 20});
  refused(ErrorKind::usage, "sum is below 1, got 0.5", [&] { curie::stratified_three_way_split(labels, .5, .5, 0); });
  refused(ErrorKind::usage, "above 0", [&] { curie::stratified_three_way_split(labels, 0, .5, 0); });
  refused(ErrorKind::data, "class 1 has 1 sample", [&] {
    curie::stratified_three_way_split(repeated({9, 1}), .2, .2, 0);
  });
  const std::vector<std::string> one_group(7, "same");
  refused(ErrorKind::usage, "splitting 7 samples by 1 groups", [&] { curie::group_split(one_group, .2, 0); });
  refused(ErrorKind::usage, "between 0 and 1, got 1.5", [&] { curie::split_each_class(labels, 1.5, 0); });
  refused(ErrorKind::data, "class 1 has 2 samples, of which 2 would be held back", [&] {
    curie::hold_back(repeated({3, 2}), 2, 0);
  });
  refused(ErrorKind::usage, "at least 1 sample of each class, got 0", [&] { curie::hold_back(labels, 0, 0); });
  refused(ErrorKind::usage, "got 0", [&] { curie::validation_split(10, 0); });
  refused(ErrorKind::usage, "leaves 0 of 1", [&] { curie::validation_split(1, .5); });
}
