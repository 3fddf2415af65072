// Tables of text.
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <vector>

namespace curie {

// Prints the rows to stdout, with columns as wide as their longest cell; those in `right` flush right.
void print_table(const std::vector<std::vector<std::string>>& rows, const std::set<std::size_t>& right,
                 const std::string& indent);

}  // namespace curie
