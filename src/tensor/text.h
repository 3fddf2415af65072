// Text for messages.
#pragma once

#include <string>
#include <vector>

namespace curie {

std::string lower_case(std::string text);  // ASCII letters

// "; did you mean \"COVID\"?" for the name nearest to `wanted`, by letters to insert, delete or replace (Levenshtein's
// distance) without regard to case; nothing when no name is near.
std::string suggestion(const std::string& wanted, const std::vector<std::string>& names);

}  // namespace curie
