// A step's profile as `curie profile` prints it: as text and as JSON.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "model/profile.h"

namespace curie {

std::string profile_text(const std::string& recipe, const StepProfile& profile);
nlohmann::ordered_json profile_json(const std::string& recipe, const StepProfile& profile);

}  // namespace curie
