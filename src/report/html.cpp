#include "report/html.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "tensor/error.h"

namespace curie::html {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD
constexpr std::string_view kThinSpace = "\xE2\x80\xAF";    // U+202F, which does not break
constexpr std::string_view kDash = "\xE2\x80\x93";

unsigned byte_at(std::string_view text, std::size_t index) { return static_cast<unsigned char>(text[index]); }

// Bytes of the well-formed UTF-8 sequence at `index`; 0 when there is none (Unicode 15, table 3-7).
std::size_t utf8_length(std::string_view text, std::size_t index) {
  const unsigned first = byte_at(text, index);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || index + length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte_at(text, index + i) & 0xC0) != 0x80) return 0;
  }
  const unsigned second = byte_at(text, index + 1);
  const bool overlong = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
  const bool surrogate = first == 0xED && second > 0x9F;
  const bool beyond = first == 0xF4 && second > 0x8F;
  return overlong || surrogate || beyond ? 0 : length;
}

std::string_view clean_ascii(std::string_view character) {
  const unsigned byte = byte_at(character, 0);
  const bool control = (byte < 0x20 && byte != '\n' && byte != '\t') || byte == 0x7F;
  return control ? kReplacement : character;
}

std::string_view escaped_ascii(std::string_view character) {
  switch (character.front()) {
    case '&':
      return "&amp;";
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '"':
      return "&quot;";
    case '\'':
      return "&#39;";
    default:
      return clean_ascii(character);
  }
}

template <typename Ascii>
std::string replaced(std::string_view text, Ascii&& ascii) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = utf8_length(text, i);
    if (length == 1) {
      result += ascii(text.substr(i, 1));
    } else {
      result += length == 0 ? kReplacement : text.substr(i, length);
    }
    i += std::max<std::size_t>(length, 1);
  }
  return result;
}

}  // namespace

std::string clean(std::string_view text) { return replaced(text, clean_ascii); }
std::string escape(std::string_view text) { return replaced(text, escaped_ascii); }

std::string name(std::string_view text) { return "<bdi>" + escape(text) + "</bdi>"; }

std::string script_json(const nlohmann::ordered_json& value) {
  const std::string text = value.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  std::string result;
  result.reserve(text.size());
  for (const char character : text) {
    if (character == '<') {
      result += "\\u003c";
    } else {
      result += character;
    }
  }
  return result;
}

std::string fixed(double value, int digits) {
  if (std::isnan(value)) return std::string(kDash);
  if (std::isinf(value)) return value > 0 ? "\xE2\x88\x9E" : "-\xE2\x88\x9E";
  return fmt::format("{:.{}f}", value, digits);
}

std::string percent(double share) {
  if (!std::isfinite(share)) return std::string(kDash);
  return fmt::format("{:.1f}{}%", share * 100, kThinSpace);
}

std::string thousands(std::int64_t count) {
  std::string digits = fmt::format("{}", count);
  const std::size_t first = count < 0 ? 1 : 0;
  for (std::size_t at = digits.size(); at > first + 3;) {
    at -= 3;
    digits.insert(at, ",");
  }
  return digits;
}

std::string duration(double seconds) {
  if (!std::isfinite(seconds)) return std::string(kDash);
  const std::string_view space = kThinSpace;
  if (seconds < 0.9995) return fmt::format("{:.0f}{}ms", seconds * 1000, space);
  if (seconds < 59.95) return fmt::format("{:.1f}{}s", seconds, space);
  const std::int64_t whole = std::llround(seconds);
  if (whole < 3600) return fmt::format("{}{}min {:02}{}s", whole / 60, space, whole % 60, space);
  const std::int64_t minutes = std::llround(seconds / 60);
  return fmt::format("{}{}h {:02}{}min", minutes / 60, space, minutes % 60, space);
}

std::string plural(std::int64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", thousands(count), noun, count == 1 ? "" : "s");
}

std::string fill(std::string_view page, std::span<const Value> values) {
  std::string result;
  while (true) {
    const std::size_t open = page.find("{{");
    if (open == std::string_view::npos) return result.append(page);
    const std::size_t close = page.find("}}", open);
    CURIE_ASSERT(close != std::string_view::npos, "the page's template leaves a placeholder open");
    const std::string_view key = page.substr(open + 2, close - open - 2);
    const auto value =
        std::find_if(values.begin(), values.end(), [key](const Value& candidate) { return candidate.first == key; });
    CURIE_ASSERT(value != values.end(), "the page's template asks for {}, which has no value", key);
    result.append(page.substr(0, open)).append(value->second);
    page.remove_prefix(close + 2);
  }
}

}  // namespace curie::html
