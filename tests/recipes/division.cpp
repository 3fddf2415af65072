#include "recipes/division.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>

#include "support/throws.h"

using namespace curie;

namespace {

std::vector<std::int32_t> labels_of(const std::vector<int>& counts) {
  std::vector<std::int32_t> labels;
  for (std::size_t c = 0; c < counts.size(); ++c) {
    labels.insert(labels.end(), static_cast<std::size_t>(counts[c]), static_cast<std::int32_t>(c));
  }
  return labels;
}

std::vector<std::int32_t> select(const std::vector<std::int32_t>& labels, const std::vector<int>& indices) {
  std::vector<std::int32_t> chosen;
  for (const int i : indices) chosen.push_back(labels[static_cast<std::size_t>(i)]);
  return chosen;
}

std::vector<int> counts_of(const std::vector<std::int32_t>& labels, std::size_t classes) {
  std::vector<int> counts(classes);
  for (const std::int32_t label : labels) ++counts[static_cast<std::size_t>(label)];
  return counts;
}

// Every sample is in exactly one part.
void check_whole(const Split& split, std::size_t samples) {
  std::vector<int> all = split.train;
  all.insert(all.end(), split.test.begin(), split.test.end());
  std::sort(all.begin(), all.end());
  std::vector<int> expected(samples);
  std::iota(expected.begin(), expected.end(), 0);
  CHECK(all == expected);
}

}  // namespace

TEST_CASE("146 and 146 images, 16 of each held back: 194 train and 66 validate, as document 002 has it") {
  const std::vector<std::int32_t> labels = labels_of({146, 146});
  const Split first = divide(TestPart::held_back(16), labels, {}, 1);
  check_whole(first, labels.size());
  CHECK(counts_of(select(labels, first.test), 2) == std::vector<int>{16, 16});
  const std::vector<std::int32_t> rest = select(labels, first.train);
  const Split second = divide(ValidationPart::of_each_class(0.25), rest, 1);
  check_whole(second, rest.size());
  CHECK(second.train.size() == 194);
  CHECK(counts_of(select(rest, second.test), 2) == std::vector<int>{33, 33});
  CHECK(divide(TestPart::held_back(16), labels, {}, 1).test == first.test);
  CHECK(divide(TestPart::held_back(16), labels, {}, 2).test != first.test);
}

TEST_CASE("70 : 15 : 15 of the Radiography Database gives document 003's totals") {
  const std::vector<std::int32_t> labels = labels_of({10192, 3616, 1345, 6012});
  const Split first = divide(TestPart::stratified(0.15), labels, {}, 1);
  CHECK(counts_of(select(labels, first.test), 4) == std::vector<int>{1529, 542, 202, 902});
  const std::vector<std::int32_t> rest = select(labels, first.train);
  const Split second = divide(ValidationPart::stratified(0.15 / 0.85), rest, 1);
  CHECK(second.train.size() == 14815);
  CHECK(second.test.size() == 3175);
  CHECK(counts_of(select(rest, second.train), 4) == std::vector<int>{7134, 2532, 941, 4208});
}

TEST_CASE("147 samples as document 004 divides them: 117 and 30, then 105 and the last 12") {
  const std::vector<std::int32_t> labels(147, 0);
  const Split first = divide(TestPart::random(0.2), labels, {}, 40);
  CHECK(first.train.size() == 117);
  CHECK(first.test.size() == 30);
  const Split second = divide(ValidationPart::last(0.1), std::vector<std::int32_t>(117, 0), 40);
  CHECK(second.train.size() == 105);
  CHECK(second.train.front() == 0);
  CHECK(second.test.front() == 105);
  CHECK(second.test.back() == 116);
  check_whole(second, 117);
}

TEST_CASE("the data set's own test part is taken as it is") {
  const Split split = divide(TestPart::official(), labels_of({2, 2}), {false, true, true, false}, 1);
  CHECK(split.test == std::vector<int>{1, 2});
  CHECK(split.train == std::vector<int>{0, 3});
}

TEST_CASE("samples that cannot be divided are refused in words") {
  const std::vector<std::int32_t> few = labels_of({20, 16});
  CHECK_ERROR([&] { divide(TestPart::held_back(16), few, {}, 1); }, data, "class 1 has 16 samples");
  CHECK_ERROR([&] { divide(TestPart::official(), few, {}, 1); }, data, "folders train and test");
  CHECK_ERROR([&] { divide(TestPart::official(), few, std::vector<bool>(36, false), 1); }, data, "36 training and 0");
  CHECK_ERROR([&] { divide(ValidationPart::last(0.1), std::vector<std::int32_t>(1, 0), 1); }, usage,
              "0.1 leaves 0 of 1");
}

TEST_CASE("each kind of part has words of its own") {
  CHECK(to_string(TestPart::held_back(16)) == "16 images of each class at random");
  CHECK(to_string(TestPart::random(0.2)) == "20 % at random");
  CHECK(to_string(ValidationPart::stratified(0.15 / 0.85)) ==
        "17.6 % of the rest at random, each class in its proportion");
  CHECK(to_string(ValidationPart::last(0.1)) == "the last 10 % of the rest");
  CHECK(to_string(ValidationPart::test_part()) == "the test part");
}
