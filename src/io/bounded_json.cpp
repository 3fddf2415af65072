#include "io/bounded_json.h"

#include "tensor/error.h"

namespace curie {

using nlohmann::json;

json parse_bounded_json(const std::string& text, const std::string& file, std::string_view what) {
  CURIE_CHECK(text.size() <= kLongestJson, file, "{}: expected a {} of at most {} bytes, found {}", file, what,
              kLongestJson, text.size());
  // The parser would take a null character for the end.
  CURIE_CHECK(text.find('\0') == std::string::npos, file, "{}: the {} is not valid JSON", file, what);
  const auto bound_depth = [&](int depth, json::parse_event_t event, json&) {
    const bool opens = event == json::parse_event_t::object_start || event == json::parse_event_t::array_start;
    CURIE_CHECK(!opens || depth < kDeepestJson, file, "{}: expected a {} of at most {} levels, found more", file, what,
                kDeepestJson);
    return true;
  };
  try {
    return json::parse(text, bound_depth);
  } catch (const json::exception& error) {
    const std::string reason = error.what();
    throw_error(ErrorKind::file, fmt::format("{}: the {} is not valid JSON: {}", file, what, reason.substr(0, 160)));
  }
}

std::string brief(const json& value) {
  constexpr std::size_t kLongest = 80;
  const std::string text = value.dump(-1, ' ', true, json::error_handler_t::replace);
  return text.size() <= kLongest ? text : text.substr(0, kLongest) + "...";
}

}  // namespace curie
