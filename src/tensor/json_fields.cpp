#include "tensor/json_fields.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>

namespace curie {
namespace {

// A value as it appears in a message, cut short: it may be a megabyte of somebody's file.
std::string excerpt(const nlohmann::json& value) {
  constexpr std::size_t kLongest = 60;
  const std::string text = value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  return text.size() <= kLongest ? text : text.substr(0, kLongest) + "...";
}

}  // namespace

JsonFields::JsonFields(const nlohmann::json& object, std::string_view what) : object_(&object), what_(what) {
  CURIE_CHECK(object.is_object(), file, "{}: expected a JSON object, got {}", what_, excerpt(object));
  kind_ = text("kind");
  what_ += fmt::format(" \"{}\"", kind_.substr(0, 60));
}

const nlohmann::json& JsonFields::value(const std::string& field) {
  const auto found = object_->find(field);
  CURIE_CHECK(found != object_->end(), file, "{}: the field \"{}\" is missing", what_, field);
  read_.push_back(field);
  return *found;
}

int JsonFields::integer(const std::string& field, int low, int high) {
  const nlohmann::json& found = value(field);
  // Unsigned values above the signed range are compared as such, so that 2^64 - 1 does not read as -1.
  const bool fits = found.is_number_integer() &&
                    (!found.is_number_unsigned() || found.get<std::uint64_t>() <= std::uint64_t{1} << 62) &&
                    found.get<std::int64_t>() >= low && found.get<std::int64_t>() <= high;
  CURIE_CHECK(fits, file, "{}: expected \"{}\" to be an integer from {} to {}, got {}", what_, field, low, high,
              excerpt(found));
  return found.get<int>();
}

float JsonFields::number(const std::string& field) {
  const nlohmann::json& found = value(field);
  const bool finite = found.is_number() && std::isfinite(static_cast<float>(found.get<double>()));
  CURIE_CHECK(finite, file, "{}: expected \"{}\" to be a finite float32 number, got {}", what_, field, excerpt(found));
  return static_cast<float>(found.get<double>());
}

bool JsonFields::flag(const std::string& field) {
  const nlohmann::json& found = value(field);
  CURIE_CHECK(found.is_boolean(), file, "{}: expected \"{}\" to be true or false, got {}", what_, field,
              excerpt(found));
  return found.get<bool>();
}

std::string JsonFields::text(const std::string& field) {
  const nlohmann::json& found = value(field);
  CURIE_CHECK(found.is_string(), file, "{}: expected \"{}\" to be text, got {}", what_, field, excerpt(found));
  return found.get<std::string>();
}

void JsonFields::finish() const {
  for (const auto& item : object_->items()) {
    CURIE_CHECK(std::find(read_.begin(), read_.end(), item.key()) != read_.end(), file,
                "{}: the field \"{}\" is unknown; was the file written by a newer version?", what_,
                item.key().substr(0, 60));
  }
}

nlohmann::json json_number(float value) {
  const double shortest = std::strtod(fmt::format("{}", value).c_str(), nullptr);
  return static_cast<float>(shortest) == value ? shortest : static_cast<double>(value);
}

}  // namespace curie
