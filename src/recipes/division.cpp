#include "recipes/division.h"

#include <fmt/format.h>

#include <cmath>

#include "tensor/error.h"

namespace curie {
namespace {

Split official_part(const std::vector<bool>& official) {
  Split split;
  for (std::size_t i = 0; i < official.size(); ++i) {
    (official[i] ? split.test : split.train).push_back(static_cast<int>(i));
  }
  CURIE_CHECK(
      !split.test.empty() && !split.train.empty(), data,
      "split: expected a data set with a training and a test part of its own (folders train and test), found {} "
      "training and {} test images",
      split.train.size(), split.test.size());
  return split;
}

}  // namespace

std::string to_string(const TestPart& part) {
  switch (part.kind) {
    case TestPart::Kind::random:
      return fmt::format("{:g} % at random", 100 * part.fraction);
    case TestPart::Kind::stratified:
      return fmt::format("{:g} % at random, each class in its proportion", 100 * part.fraction);
    case TestPart::Kind::held_back:
      return fmt::format("{} images of each class at random", part.of_each_class);
    case TestPart::Kind::official:
      return "the data set's own test part";
  }
  return {};
}

std::string to_string(const ValidationPart& part) {
  const double percent = std::round(1000 * part.fraction) / 10;
  switch (part.kind) {
    case ValidationPart::Kind::random:
      return fmt::format("{:g} % of the rest at random", percent);
    case ValidationPart::Kind::stratified:
      return fmt::format("{:g} % of the rest at random, each class in its proportion", percent);
    case ValidationPart::Kind::of_each_class:
      return fmt::format("{:g} % of the rest of each class", percent);
    case ValidationPart::Kind::last:
      return fmt::format("the last {:g} % of the rest", percent);
    case ValidationPart::Kind::test_part:
      return "the test part";
  }
  return {};
}

Split divide(const TestPart& part, std::span<const std::int32_t> labels, const std::vector<bool>& official,
             std::uint32_t seed) {
  switch (part.kind) {
    case TestPart::Kind::random:
      return train_test_split(static_cast<int>(labels.size()), part.fraction, seed);
    case TestPart::Kind::stratified:
      return stratified_split(labels, part.fraction, seed);
    case TestPart::Kind::held_back:
      return hold_back(labels, part.of_each_class, seed);
    case TestPart::Kind::official:
      return official_part(official);
  }
  return {};
}

Split divide(const ValidationPart& part, std::span<const std::int32_t> labels, std::uint32_t seed) {
  const auto n = static_cast<int>(labels.size());
  switch (part.kind) {
    case ValidationPart::Kind::random:
      return train_test_split(n, part.fraction, seed);
    case ValidationPart::Kind::stratified:
      return stratified_split(labels, part.fraction, seed);
    case ValidationPart::Kind::of_each_class:
      return split_each_class(labels, part.fraction, seed);
    case ValidationPart::Kind::last:
      return validation_split(n, part.fraction);
    case ValidationPart::Kind::test_part:
      break;
  }
  CURIE_ASSERT(false, "the test part divides nothing");
  return {};
}

}  // namespace curie
