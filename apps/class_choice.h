// One class and the probability from which on a sample counts to it: --class and --threshold of several commands.
#pragma once

#include <string>
#include <vector>

namespace curie {

// The number of the class that --class names; without it, the second of two. Throws Error(usage) for a name that the
// model does not know, suggesting the nearest, and for no name where the model tells more than two classes apart.
int chosen_class(const std::vector<std::string>& names, const std::string& wanted);

// As the model's probabilities are kept, so that a threshold that was printed is met by the sample that it comes from.
// Throws Error(usage) unless it is in [0, 1].
float checked_threshold(double threshold);

}  // namespace curie
