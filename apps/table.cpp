#include "table.h"

#include <fmt/format.h>

#include <algorithm>

namespace curie {

void print_table(const std::vector<std::vector<std::string>>& rows, const std::set<std::size_t>& right,
                 const std::string& indent) {
  std::vector<std::size_t> widths;
  for (const std::vector<std::string>& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const std::vector<std::string>& row : rows) {
    std::string line = indent;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string gap = i == 0 ? "" : "  ";
      line += right.contains(i) ? fmt::format("{}{:>{}}", gap, row[i], widths[i])
                                : fmt::format("{}{:<{}}", gap, row[i], widths[i]);
    }
    fmt::print("{}\n", line.substr(0, line.find_last_not_of(' ') + 1));
  }
}

}  // namespace curie
