#include "data/csv.h"

#include <algorithm>
#include <utility>

#include "tensor/error.h"

namespace curie {
namespace {

// Takes one field off the front of `text`, up to the comma or the line's end that follows it.
std::string take_field(std::string_view& text, std::string_view name, int line) {
  std::string field;
  if (!text.starts_with('"')) {
    const std::size_t end = std::min(text.find_first_of(",\r\n"), text.size());
    field = text.substr(0, end);
    text.remove_prefix(end);
    CURIE_CHECK(field.find('"') == std::string::npos, data, "{}: line {}: a quote stands within the field {}", name,
                line, field);
    return field;
  }
  for (text.remove_prefix(1);; text.remove_prefix(1)) {
    CURIE_CHECK(!text.empty(), data, "{}: line {}: a quote is opened and not closed", name, line);
    if (text.starts_with("\"\"")) {
      text.remove_prefix(1);
    } else if (text.starts_with('"')) {
      break;
    }
    field += text.front();
  }
  text.remove_prefix(1);
  CURIE_CHECK(text.empty() || text.find_first_of(",\r\n") == 0, data,
              "{}: line {}: a comma or the line's end is expected after the quoted field {}", name, line, field);
  return field;
}

}  // namespace

std::vector<std::vector<std::string>> parse_csv(std::string_view text, std::string_view name) {
  std::vector<std::vector<std::string>> rows;
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  int line = 1;
  while (!text.empty()) {
    if (text.starts_with('\r') || text.starts_with('\n')) {
      line += text.front() == '\n' ? 1 : 0;
      text.remove_prefix(1);
      continue;
    }
    const std::string_view begin = text;
    std::vector<std::string> row = {take_field(text, name, line)};
    while (text.starts_with(',')) {
      text.remove_prefix(1);
      row.push_back(take_field(text, name, line));
    }
    CURIE_CHECK(rows.empty() || row.size() == rows.front().size(), data,
                "{}: line {} has {} fields, the first line has {}", name, line, row.size(), rows.front().size());
    for (const char letter : begin.substr(0, begin.size() - text.size())) line += letter == '\n' ? 1 : 0;
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace curie
