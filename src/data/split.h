// Splits of a data set in two, with the same members in the same order as scikit-learn 1.2 draws for the same seed.
#pragma once

#include <cstdint>
#include <span>
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

}  // namespace curie
