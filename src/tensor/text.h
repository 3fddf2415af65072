// Text for messages.
#pragma once

#include <string>
#include <vector>

namespace curie {

std::string lower_case(std::string text);  // ASCII letters
// What is compared of a class's or a folder's name: letters without their case, underscores as spaces.
std::string plain_name(std::string name);

// The parts between the separators: one more than there are of these, empty ones too.
std::vector<std::string> split(const std::string& text, char separator);

// "; did you mean \"COVID\"?" for the name nearest to `wanted`, by letters to insert, delete or replace (Levenshtein's
// distance) without regard to case; nothing when no name is near.
std::string suggestion(const std::string& wanted, const std::vector<std::string>& names);

}  // namespace curie
