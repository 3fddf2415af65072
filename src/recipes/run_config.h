// A run's options, completed from its recipe, as they are kept in config.json to repeat or resume it.
#pragma once

#include <string>

#include "recipes/run.h"

namespace curie {

// The options' recipe with their image size and augmentation. Throws Error(usage) for an unknown one, for a size that
// cannot be, and for an augmentation that the recipe does not have.
Recipe recipe_of(const RunOptions& options);

// What was left open is taken from the recipe. Throws Error(usage) for values that cannot be meant.
RunOptions with_defaults(RunOptions options, const Recipe& recipe);

// Of completed options.
nlohmann::json config_of(const RunOptions& options, const std::string& started);

}  // namespace curie
