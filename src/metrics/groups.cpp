#include "metrics/groups.h"

#include <map>
#include <utility>

#include "tensor/error.h"

namespace curie {

GroupedPredictions mean_by_group(std::span<const std::string> groups, std::span<const std::int32_t> truth,
                                 std::span<const float> probabilities, int columns) {
  CURIE_CHECK(columns >= 1, usage, "figures by patient: expected at least one column, got {}", columns);
  const auto width = static_cast<std::size_t>(columns);
  CURIE_CHECK(groups.size() == truth.size() && probabilities.size() == truth.size() * width, data,
              "figures by patient: expected {} patients and {} probabilities for {} samples, got {} and {}",
              truth.size(), truth.size() * width, truth.size(), groups.size(), probabilities.size());
  GroupedPredictions result;
  std::vector<double> sums;
  std::map<std::pair<std::string, std::int32_t>, std::size_t> places;
  for (std::size_t i = 0; i < truth.size(); ++i) {
    std::size_t place = result.size();
    if (!groups[i].empty()) place = places.emplace(std::pair(groups[i], truth[i]), place).first->second;
    if (place == result.size()) {
      result.groups.push_back(groups[i]);
      result.truth.push_back(truth[i]);
      result.images.push_back(0);
      sums.resize(sums.size() + width, 0.0);
    }
    ++result.images[place];
    for (std::size_t k = 0; k < width; ++k) {
      sums[place * width + k] += static_cast<double>(probabilities[i * width + k]);
    }
  }
  for (std::size_t i = 0; i < sums.size(); ++i) {
    result.probabilities.push_back(static_cast<float>(sums[i] / static_cast<double>(result.images[i / width])));
  }
  return result;
}

}  // namespace curie
