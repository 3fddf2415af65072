// Splits of a data set in parts, with the same members in the same order as scikit-learn 1.2 draws for the same seed.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace curie {

struct Split {
  std::vector<int> train, test;  // indices, shuffled
};

// train_test_split(range(n), test_size=test_fraction, random_state=random_state): the test part has
// ceil(test_fraction * n) members. Throws usage unless 0 < test_fraction < 1 and both parts get a member.
Split train_test_split(int n, double test_fraction, std::uint32_t random_state);

// The same with stratify=labels: each class is divided in the proportion of the whole, to within one sample.
// Throws data when a class has a single member or a part has fewer members than there are classes.
Split stratified_split(std::span<const std::int32_t> labels, double test_fraction, std::uint32_t random_state);

struct ThreeSplit {
  std::vector<int> train, validation, test;  // indices, shuffled
};

// Two stratified splits, one after the other, both with `random_state`: first the test part, then, of the rest, the
// validation part with a share of validation_fraction / (1 - test_fraction). The fractions are of the whole.
// Throws usage unless both are above 0 and their sum is below 1, else as stratified_split.
ThreeSplit stratified_three_way_split(std::span<const std::int32_t> labels, double validation_fraction,
                                      double test_fraction, std::uint32_t random_state);

// GroupShuffleSplit(n_splits=1): ceil(test_fraction * number of distinct groups) groups, with all their samples, are
// the test part. The fraction is one of groups, not of samples; both parts are in ascending order. Throws usage as
// train_test_split does, counting groups.
Split group_split(std::span<const std::string> groups, double test_fraction, std::uint32_t random_state);

// Each class is split by itself, as train_test_split with the same random_state would: ceil(fraction * its samples), or
// `count` samples, go to the test part. The parts hold class after class. Throws data when a part would get no sample
// of a class.
Split split_each_class(std::span<const std::int32_t> labels, double test_fraction, std::uint32_t random_state);
Split hold_back(std::span<const std::int32_t> labels, int count, std::uint32_t random_state);

// Keras' validation_split: the first floor(n * (1 - fraction)) samples train, the rest validate, nothing is shuffled,
// so data sorted by class must be shuffled before. Throws usage unless 0 < fraction < 1 and both parts get a member.
Split validation_split(int n, double fraction);

}  // namespace curie
