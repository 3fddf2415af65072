// Tables of text, for terminals.
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <vector>

namespace curie {

// A line for each row, with columns as wide as their longest cell, counted in characters of UTF-8; those in `right`
// flush right. Nothing trails.
std::string text_table(const std::vector<std::vector<std::string>>& rows, const std::set<std::size_t>& right,
                       const std::string& indent);
// The same with every column but the first flush right.
std::string text_table(const std::vector<std::vector<std::string>>& rows, const std::string& indent = "");

}  // namespace curie
