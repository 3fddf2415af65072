#include "data/split.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <map>
#include <numeric>

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

  std::map<std::int32_t, std::vector<int>> members;
  for (std::size_t i = 0; i < labels.size(); ++i) members[labels[i]].push_back(static_cast<int>(i));
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
    std::vector<int> shuffled;
    for (int position : random.permutation(class_counts[c])) {
      shuffled.push_back(indices[static_cast<std::size_t>(position)]);
    }
    const auto middle = shuffled.begin() + train_counts[c];
    split.train.insert(split.train.end(), shuffled.begin(), middle);
    split.test.insert(split.test.end(), middle, middle + test_counts[c]);
    ++c;
  }
  random.shuffle(std::span<int>(split.train));
  random.shuffle(std::span<int>(split.test));
  return split;
}

}  // namespace curie
