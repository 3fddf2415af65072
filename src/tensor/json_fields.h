// Strict reading of a JSON object that describes a layer, a loss or an optimizer: every field must be there, have the
// right type and lie in its range, and no other field may be there. All failures are Error(file), because such objects
// come from model files.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tensor/error.h"

namespace curie {

class JsonFields {
 public:
  // `what` names the object in messages ("layer"); it is refined by the value of the field "kind", which must be text.
  // `object` must outlive the reader.
  JsonFields(const nlohmann::json& object, std::string_view what);

  const std::string& kind() const { return kind_; }
  bool has(const std::string& field) const { return object_->contains(field); }  // of a field that may be left out
  int integer(const std::string& field, int low, int high);
  float number(const std::string& field);  // finite
  bool flag(const std::string& field);
  std::string text(const std::string& field);
  const nlohmann::json& value(const std::string& field);  // any type; counts as read
  // Throws when the object has a field that none of the calls above asked for.
  void finish() const;

 private:
  const nlohmann::json* object_;
  std::string what_, kind_;
  std::vector<std::string> read_;
};

// The shortest decimal that reads back as this float32: .3f becomes 0.3, not 0.30000001192092896.
nlohmann::json json_number(float value);

// Runs `make`, whose arguments were read from a file: a value out of its range (usage) is the file's fault.
template <typename Make>
auto with_values_of_file(std::string_view what, Make&& make) {
  try {
    return std::forward<Make>(make)();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::usage) throw;
    throw Error(ErrorKind::file, error.what()).add_context(fmt::format("reading {}", what));
  }
}

}  // namespace curie
