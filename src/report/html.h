// Text into HTML: escaping, numbers as people read them, and filling a template.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace curie::html {

// Bytes that are not UTF-8, and control characters other than tab and newline, become U+FFFD.
std::string clean(std::string_view text);

// The same with HTML's own characters escaped, for text between tags and inside quoted attributes: names of classes and
// files come from anywhere.
std::string escape(std::string_view text);

// The same, isolated so that right-to-left characters in a name cannot rearrange the text around it.
std::string name(std::string_view text);

// JSON for the inside of a script element: no "<", so that no text can end the element or open a comment.
std::string script_json(const nlohmann::ordered_json& value);

// NaN, which stands for "not known", is an en dash.
std::string fixed(double value, int digits);
std::string percent(double share);          // .9634 -> "96.3 %"
std::string thousands(std::int64_t count);  // 13808 -> "13,808"
std::string duration(double seconds);       // "340 ms", "17.2 s", "6 min 12 s", "1 h 04 min"

// "1 epoch", "4 epochs".
std::string plural(std::int64_t count, std::string_view noun);

// Replaces each {{key}} of the template once; what is put in is not looked at again. A key without a value is a bug.
using Value = std::pair<std::string_view, std::string_view>;
std::string fill(std::string_view page, std::span<const Value> values);

}  // namespace curie::html
