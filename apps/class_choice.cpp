#include "class_choice.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "tensor/error.h"
#include "tensor/text.h"

namespace curie {

int chosen_class(const std::vector<std::string>& names, const std::string& wanted) {
  if (wanted.empty()) {
    CURIE_CHECK(names.size() == 2, usage, "expected --class NAME, the class that the threshold is for: one of {}",
                fmt::join(names, ", "));
    return 1;
  }
  const auto found = std::find(names.begin(), names.end(), wanted);
  CURIE_CHECK(found != names.end(), usage, "--class {}: the model's classes are {}{}", wanted, fmt::join(names, ", "),
              suggestion(wanted, names));
  return static_cast<int>(found - names.begin());
}

float checked_threshold(double threshold) {
  CURIE_CHECK(threshold >= 0 && threshold <= 1, usage,
              "--threshold: expected a probability from 0 to 1, such as 0.3, got {}", threshold);
  return static_cast<float>(threshold);
}

}  // namespace curie
