#include "report/text_table.h"

#include <algorithm>

namespace curie {
namespace {

// Display columns, near enough: one for each character. Names of classes may hold any: bytes would misalign what
// follows.
std::size_t characters(const std::string& utf8) {
  return static_cast<std::size_t>(
      std::count_if(utf8.begin(), utf8.end(), [](char byte) { return (byte & 0xC0) != 0x80; }));
}

}  // namespace

std::string text_table(const std::vector<std::vector<std::string>>& rows, const std::set<std::size_t>& right,
                       const std::string& indent) {
  std::vector<std::size_t> widths;
  for (const std::vector<std::string>& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], characters(row[i]));
  }
  std::string text;
  for (const std::vector<std::string>& row : rows) {
    std::string line = indent;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string fill(widths[i] - characters(row[i]), ' ');
      line += (i == 0 ? "" : "  ") + (right.contains(i) ? fill + row[i] : row[i] + fill);
    }
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return text;
}

std::string text_table(const std::vector<std::vector<std::string>>& rows, const std::string& indent) {
  std::set<std::size_t> right;
  for (const std::vector<std::string>& row : rows)
    for (std::size_t i = 1; i < row.size(); ++i) right.insert(i);
  return text_table(rows, right, indent);
}

}  // namespace curie
