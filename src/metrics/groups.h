// From images to patients: several images of one patient are one case.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace curie {

// One case each, in the order in which their first image comes.
struct GroupedPredictions {
  std::vector<std::string> groups;
  std::vector<std::int32_t> truth;
  std::vector<float> probabilities;  // the mean over the case's images, `columns` a case
  std::vector<std::int32_t> images;  // how many

  std::size_t size() const { return truth.size(); }
};

// groups[i] names the patient of sample i; an empty name is a patient of its own. A patient whose images carry
// different labels (ill, then well) is one case for each label. Throws Error(data) for spans that do not match.
GroupedPredictions mean_by_group(std::span<const std::string> groups, std::span<const std::int32_t> truth,
                                 std::span<const float> probabilities, int columns);

}  // namespace curie
