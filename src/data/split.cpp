#include "data/split.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <map>
#include <numeric>
#include <string_view>

#include "data/numpy_random.h"
#include "tensor/error.h"

namespace curie {
namespace {

struct Sizes {
  int train, test;
};

Sizes split_sizes(std::size_t samples, double test_fraction) {
  CURIE_CHECK(test_fraction > 0 && test_fraction < 1, usage,
              "split: expected a test fraction between 0 and 1, got {}; write .2 for 20 %", test_fraction);
  const int n = static_cast<int>(samples);
  const int test = static_cast<int>(std::ceil(test_fraction * n));
  CURIE_CHECK(
      test >= 1 && test < n, usage,
      "split: a test fraction of {} leaves {} of {} samples for training; give more samples or another fraction",
      test_fraction, n - test, n);
  return {n - test, test};
}

// How many of `draws` samples each class gives: its share rounded down, then one more for the largest remainders,
// ties broken at random (scikit-learn's _approximate_mode, in the same floating-point order).
std::vector<int> proportional_counts(const std::vector<int>& class_counts, int draws, NumpyRandom& random) {
  const double total = std::accumulate(class_counts.begin(), class_counts.end(), 0.0);
  std::vector<int> result;
  std::map<double, std::vector<int>, std::greater<>> by_remainder;
  for (std::size_t c = 0; c < class_counts.size(); ++c) {
    const double share = class_counts[c] / total * draws;
    result.push_back(static_cast<int>(std::floor(share)));
    by_remainder[share - std::floor(share)].push_back(static_cast<int>(c));
  }
  int missing = draws - std::accumulate(result.begin(), result.end(), 0);
  for (const auto& [remainder, classes] : by_remainder) {
    if (missing <= 0) break;
    const int taken = std::min(static_cast<int>(classes.size()), missing);
    for (int chosen : random.choice(static_cast<int>(classes.size()), taken)) {
      ++result[static_cast<std::size_t>(classes[static_cast<std::size_t>(chosen)])];
    }
    missing -= taken;
  }
  return result;
}

// The samples of each class, classes and samples in ascending order.
std::map<std::int32_t, std::vector<int>> members_of_classes(std::span<const std::int32_t> labels) {
  std::map<std::int32_t, std::vector<int>> members;
  for (std::size_t i = 0; i < labels.size(); ++i) members[labels[i]].push_back(static_cast<int>(i));
  return members;
}

// `test_count` says how many of a class's samples go to the test part.
template <typename TestCount>
Split split_classes(std::span<const std::int32_t> labels, std::uint32_t random_state, TestCount&& test_count) {
  Split split;
  for (const auto& [label, members] : members_of_classes(labels)) {
    const int count = static_cast<int>(members.size());
    const int test = test_count(count);
    CURIE_CHECK(
        test >= 1 && test < count, data,
        "split of each class: class {} has {} samples, of which {} would be held back and {} would remain; both "
        "need at least 1",
        label, count, test, count - test);
    const std::vector<int> order = NumpyRandom(random_state).permutation(count);
    for (std::size_t i = 0; i < order.size(); ++i) {
      std::vector<int>& part = i < static_cast<std::size_t>(test) ? split.test : split.train;
      part.push_back(members[static_cast<std::size_t>(order[i])]);
    }
  }
  return split;
}

std::vector<int> pick(const std::vector<int>& values, const std::vector<int>& positions) {
  std::vector<int> picked;
  picked.reserve(positions.size());
  for (const int position : positions) picked.push_back(values[static_cast<std::size_t>(position)]);
  return picked;
}

}  // namespace

Split train_test_split(int n, double test_fraction, std::uint32_t random_state) {
  CURIE_CHECK(n >= 0, usage, "split: expected a number of samples, got {}", n);
  const Sizes sizes = split_sizes(static_cast<std::size_t>(n), test_fraction);
  const std::vector<int> order = NumpyRandom(random_state).permutation(n);
  const auto middle = order.begin() + sizes.test;
  return {{middle, order.end()}, {order.begin(), middle}};
}

Split stratified_split(std::span<const std::int32_t> labels, double test_fraction, std::uint32_t random_state) {
  const Sizes sizes = split_sizes(labels.size(), test_fraction);

  const std::map<std::int32_t, std::vector<int>> members = members_of_classes(labels);
  std::vector<int> class_counts;
  for (const auto& [label, indices] : members) {
    CURIE_CHECK(indices.size() >= 2, data,
                "stratified split: class {} has 1 sample, expected at least 2 in each class; add samples, leave the "
                "class out, or split without stratifying",
                label);
    class_counts.push_back(static_cast<int>(indices.size()));
  }
  const int classes = static_cast<int>(members.size());
  CURIE_CHECK(sizes.train >= classes && sizes.test >= classes, data,
              "stratified split: {} training and {} test samples cannot each hold all {} classes; change the test "
              "fraction ({}) or add samples",
              sizes.train, sizes.test, classes, test_fraction);

  NumpyRandom random(random_state);
  const std::vector<int> train_counts = proportional_counts(class_counts, sizes.train, random);
  std::vector<int> remaining(class_counts);
  for (std::size_t c = 0; c < remaining.size(); ++c) remaining[c] -= train_counts[c];
  const std::vector<int> test_counts = proportional_counts(remaining, sizes.test, random);

  Split split;
  std::size_t c = 0;
  for (const auto& [label, indices] : members) {
    const std::vector<int> shuffled = pick(indices, random.permutation(class_counts[c]));
    const auto middle = shuffled.begin() + train_counts[c];
    split.train.insert(split.train.end(), shuffled.begin(), middle);
    split.test.insert(split.test.end(), middle, middle + test_counts[c]);
    ++c;
  }
  random.shuffle(std::span<int>(split.train));
  random.shuffle(std::span<int>(split.test));
  return split;
}

ThreeSplit stratified_three_way_split(std::span<const std::int32_t> labels, double validation_fraction,
                                      double test_fraction, std::uint32_t random_state) {
  CURIE_CHECK(validation_fraction > 0 && test_fraction > 0 && validation_fraction + test_fraction < 1, usage,
              "split: expected fractions above 0 whose sum is below 1, got {} for validation and {} for the test",
              validation_fraction, test_fraction);
  const Split outer = stratified_split(labels, test_fraction, random_state);
  std::vector<std::int32_t> rest;
  for (const int index : outer.train) rest.push_back(labels[static_cast<std::size_t>(index)]);
  const Split inner = stratified_split(rest, validation_fraction / (1 - test_fraction), random_state);
  return {pick(outer.train, inner.train), pick(outer.train, inner.test), outer.test};
}

Split group_split(std::span<const std::string> groups, double test_fraction, std::uint32_t random_state) {
  std::map<std::string_view, std::vector<int>> members;
  for (std::size_t i = 0; i < groups.size(); ++i) members[groups[i]].push_back(static_cast<int>(i));
  const int count = static_cast<int>(members.size());
  const Split chosen = with_context(fmt::format("splitting {} samples by {} groups", groups.size(), count),
                                    [&] { return train_test_split(count, test_fraction, random_state); });
  std::vector<bool> in_test(members.size(), false);
  for (const int group : chosen.test) in_test[static_cast<std::size_t>(group)] = true;
  Split split;
  std::size_t group = 0;
  for (const auto& [name, indices] : members) {
    std::vector<int>& part = in_test[group++] ? split.test : split.train;
    part.insert(part.end(), indices.begin(), indices.end());
  }
  std::sort(split.train.begin(), split.train.end());
  std::sort(split.test.begin(), split.test.end());
  return split;
}

Split split_each_class(std::span<const std::int32_t> labels, double test_fraction, std::uint32_t random_state) {
  CURIE_CHECK(test_fraction > 0 && test_fraction < 1, usage,
              "split of each class: expected a test fraction between 0 and 1, got {}; write .2 for 20 %",
              test_fraction);
  return split_classes(labels, random_state,
                       [&](int count) { return static_cast<int>(std::ceil(test_fraction * count)); });
}

Split hold_back(std::span<const std::int32_t> labels, int count, std::uint32_t random_state) {
  CURIE_CHECK(count >= 1, usage, "hold back: expected at least 1 sample of each class, got {}", count);
  return split_classes(labels, random_state, [&](int) { return count; });
}

Split validation_split(int n, double fraction) {
  CURIE_CHECK(fraction > 0 && fraction < 1, usage,
              "validation split: expected a fraction between 0 and 1, got {}; write .1 for 10 %", fraction);
  const int train = static_cast<int>(std::floor(n * (1.0 - fraction)));
  CURIE_CHECK(train >= 1 && train < n, usage,
              "validation split: a fraction of {} leaves {} of {} samples for training; give more samples or another "
              "fraction",
              fraction, train, n);
  Split split;
  for (int i = 0; i < n; ++i) (i < train ? split.train : split.test).push_back(i);
  return split;
}

}  // namespace curie
