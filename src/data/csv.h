// Comma-separated values as RFC 4180 describes them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace curie {

// Rows of fields. Fields may be quoted ("a, ""b""" is a, "b"), lines may end with CR LF, the last with nothing; empty
// lines are passed over, and so is a byte order mark. Throws Error(data) that begins with `name`, for a quote that is
// not closed or stands within a field, and for a row with more or fewer fields than the first.
std::vector<std::vector<std::string>> parse_csv(std::string_view text, std::string_view name);

}  // namespace curie
