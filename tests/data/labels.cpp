#include "data/labels.h"

#include <doctest/doctest.h>

#include "pictures.h"

namespace curie {
namespace {

TEST_CASE("names are encoded, and rows made one-hot, as scikit-learn does") {
  const nlohmann::json golden = read_golden("splits.json").at("encoder");
  const std::vector<std::string> names = golden.at("names");
  const EncodedLabels encoded = encode_labels(names);
  CHECK(encoded.class_names == golden.at("classes").get<std::vector<std::string>>());
  CHECK(encoded.labels == golden.at("labels").get<std::vector<std::int32_t>>());
  const Tensor rows = one_hot(encoded.labels, static_cast<int>(encoded.class_names.size()));
  CHECK(rows.shape() == Shape{9, 7});
  std::vector<float> expected;
  for (const nlohmann::json& row : golden.at("one_hot")) {
    for (const int value : row.get<std::vector<int>>()) expected.push_back(static_cast<float>(value));
  }
  const std::span<const float> values = rows.host<float>();
  CHECK(std::vector<float>(values.begin(), values.end()) == expected);
  CHECK(encode_labels({}).class_names.empty());
}

TEST_CASE("balanced class weights are scikit-learn's, to the last bit") {
  const nlohmann::json goldens = read_golden("splits.json");
  for (const nlohmann::json& golden : goldens.at("class_weights")) {
    const std::vector<int> counts = golden.at("counts");
    CHECK(balanced_class_weights(counts) == golden.at("weights").get<std::vector<double>>());
  }
  const std::vector<int> hollow = {3, 0};
  CHECK(error_of([&] { balanced_class_weights(hollow); }).says("class 1 has no samples"));
}

TEST_CASE("a label outside the classes is refused") {
  const std::vector<std::int32_t> labels = {0, 2, 1};
  CHECK(error_of([&] { one_hot(labels, 2); }).says("expected labels from 0 to 1, got 2"));
  const std::vector<std::int32_t> negative = {-1};
  CHECK(error_of([&] { one_hot(negative, 2); }).kind == ErrorKind::data);
}

}  // namespace
}  // namespace curie
