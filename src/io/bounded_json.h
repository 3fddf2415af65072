// JSON from files that may come from anywhere.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace curie {

inline constexpr int kDeepestJson = 64;                             // copying and printing JSON recurses
inline constexpr std::size_t kLongestJson = std::size_t{16} << 20;  // parsed, ten to twenty times as much memory

// Throws Error(file) that names the file and `what` ("training state") for text that is too long, too deep or not JSON.
nlohmann::json parse_bounded_json(const std::string& text, const std::string& file, std::string_view what);

// A value as it may stand in a message: one line, cut when long.
std::string brief(const nlohmann::json& value);

}  // namespace curie
