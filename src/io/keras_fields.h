// Reading a Keras layer's members: tolerant of those that do not matter here, strict about those that do.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "layers/layers.h"

namespace curie {

class KerasFields {
 public:
  // Both must outlive this. `config` must be an object.
  KerasFields(const nlohmann::json& config, std::string class_name, const std::string& file);

  const std::string& name() const { return name_; }
  const std::string& class_name() const { return class_name_; }

  bool has(const std::string& field) const;  // there and not null
  int integer(const std::string& field, int low, int high) const;
  double number(const std::string& field, double otherwise) const;
  bool flag(const std::string& field, bool otherwise) const;
  Extent2 extent(const std::string& field) const;  // a number or two
  Padding padding() const;                         // "valid" or "same"
  Activation activation() const;
  std::string dtype() const;  // that the layer computes in, or its policy: "mixed_float16"; float32 where none is told
  Initializer initializer(const std::string& field, Initializer otherwise) const;
  // ((top, bottom), (left, right)), (rows, columns) or one number.
  Padding cells(const std::string& field) const;

  // Error(file) unless the member is missing or has one of these values.
  void expect(const std::string& field, std::initializer_list<nlohmann::json> values) const;
  [[noreturn]] void fail(const std::string& text) const;

 private:
  const nlohmann::json& value(const std::string& field) const;

  const nlohmann::json* config_;
  std::string class_name_, name_;
  const std::string* file_;
};

}  // namespace curie
