// The profile of a recipe's training step as the report shows it.
#pragma once

#include <optional>
#include <string>

#include "model/profile.h"
#include "recipes/recipe.h"
#include "report/roofline.h"

namespace curie {

// Of a profile that is timed; `recipe` is a name.
Roofline roofline_of(const std::string& recipe, const StepProfile& profile);

// Times steps of a new model of the recipe; none, and a line in the log, where the device has no clock.
std::optional<Roofline> measured_roofline(const Recipe& recipe, const CompileOptions& compile, int batch);

}  // namespace curie
