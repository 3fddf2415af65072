#include "data/undersample.h"

#include <cstddef>
#include <map>

#include "data/numpy_random.h"
#include "tensor/error.h"

namespace curie {
namespace {

using Members = std::map<std::int32_t, std::vector<int>>;

Members members_by_class(std::span<const std::int32_t> labels) {
  Members members;
  for (std::size_t i = 0; i < labels.size(); ++i) members[labels[i]].push_back(static_cast<int>(i));
  return members;
}

Members::const_iterator smallest(const Members& members) {
  auto best = members.begin();
  for (auto it = members.begin(); it != members.end(); ++it) {
    if (it->second.size() < best->second.size()) best = it;
  }
  return best;
}

std::vector<int> keep(const Members& members, int kept_per_class, std::uint32_t random_state) {
  const std::int32_t untouched = smallest(members)->first;
  NumpyRandom random(random_state);
  std::vector<int> result;
  for (const auto& [label, indices] : members) {
    if (label == untouched) {
      result.insert(result.end(), indices.begin(), indices.end());
      continue;
    }
    for (int chosen : random.choice(static_cast<int>(indices.size()), kept_per_class)) {
      result.push_back(indices[static_cast<std::size_t>(chosen)]);
    }
  }
  return result;
}

}  // namespace

std::vector<int> random_undersample(std::span<const std::int32_t> labels, double ratio, std::uint32_t random_state) {
  CURIE_CHECK(ratio > 0 && ratio <= 1, usage, "undersampling: expected a ratio in (0, 1], got {}", ratio);
  const Members members = members_by_class(labels);
  CURIE_CHECK(members.size() == 2, data,
              "undersampling to a ratio: expected samples of 2 classes, got {}; with more classes, undersample all to "
              "the smallest",
              members.size());
  const double minority = static_cast<double>(smallest(members)->second.size());
  const double majority = static_cast<double>(labels.size()) - minority;
  CURIE_CHECK(
      minority / ratio < majority + 1, usage,
      "undersampling: a ratio of {} needs {:.0f} samples of the larger class, which has {}; the ratio is already "
      "{:.4f}, ask for a larger one",
      ratio, minority / ratio, majority, minority / majority);
  return keep(members, static_cast<int>(minority / ratio), random_state);
}

std::vector<int> random_undersample_to_minority(std::span<const std::int32_t> labels, std::uint32_t random_state) {
  const Members members = members_by_class(labels);
  CURIE_CHECK(!members.empty(), data, "undersampling: expected at least one sample, got none");
  return keep(members, static_cast<int>(smallest(members)->second.size()), random_state);
}

}  // namespace curie
