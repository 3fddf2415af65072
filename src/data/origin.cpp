#include "data/origin.h"

#include <algorithm>
#include <cstddef>

namespace curie {
namespace {

constexpr std::string_view kPrefix = "synthetic: ";
constexpr std::string_view kBetween = " + ";

std::string quoted_if_needed(std::string_view name) {
  std::string result(name);
  result += kBetween;
  if (result.find(kBetween) == name.size() && !name.starts_with('"')) return std::string(name);
  result = '"';
  for (char c : name) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + '"';
}

// Takes one name off the front of `text`; none when a quote is never closed.
std::optional<std::string> take_name(std::string_view& text) {
  if (!text.starts_with('"')) {
    const std::size_t length = std::min(text.find(kBetween), text.size());
    std::string name(text.substr(0, length));
    text.remove_prefix(length);
    return name;
  }
  std::string name;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '"') {
      text.remove_prefix(i + 1);
      return name;
    }
    if (text[i] == '\\' && i + 1 < text.size()) ++i;
    name += text[i];
  }
  return std::nullopt;
}

void collect_ancestors(std::string_view source, std::vector<std::string>& found) {
  if (const std::optional<Parents> parents = parents_of(source)) {
    collect_ancestors(parents->first, found);
    collect_ancestors(parents->second, found);
  } else if (std::find(found.begin(), found.end(), source) == found.end()) {
    found.emplace_back(source);
  }
}

}  // namespace

std::string synthetic_source(std::string_view first, std::string_view second) {
  return std::string(kPrefix) + quoted_if_needed(first) + std::string(kBetween) + quoted_if_needed(second);
}

std::optional<Parents> parents_of(std::string_view source) {
  if (!source.starts_with(kPrefix)) return std::nullopt;
  source.remove_prefix(kPrefix.size());
  std::optional<std::string> first = take_name(source);
  if (!first || !source.starts_with(kBetween)) return std::nullopt;
  source.remove_prefix(kBetween.size());
  std::optional<std::string> second = take_name(source);
  if (!second || !source.empty()) return std::nullopt;
  return Parents{std::move(*first), std::move(*second)};
}

std::vector<std::string> real_ancestors(std::string_view source) {
  std::vector<std::string> found;
  collect_ancestors(source, found);
  return found;
}

}  // namespace curie
