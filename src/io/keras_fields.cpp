#include "io/keras_fields.h"

#include <array>
#include <cmath>
#include <utility>

#include "io/bounded_json.h"
#include "io/safetensors_header.h"
#include "layers/checks.h"

namespace curie {

using nlohmann::json;

KerasFields::KerasFields(const json& config, std::string class_name, const std::string& file)
    : config_(&config), class_name_(std::move(class_name)), file_(&file) {
  CURIE_CHECK(config.is_object() && config.contains("name") && config["name"].is_string(), file,
              "{}: a layer {} has no name", file, quote_name(class_name_));
  name_ = config["name"].get<std::string>();
}

void KerasFields::fail(const std::string& text) const {
  throw_error(ErrorKind::file,
              fmt::format("{}: layer {} ({}): {}", *file_, quote_name(name_), quote_name(class_name_), text));
}

bool KerasFields::has(const std::string& field) const {
  const auto found = config_->find(field);
  return found != config_->end() && !found->is_null();
}

const json& KerasFields::value(const std::string& field) const {
  if (!has(field)) fail(fmt::format("\"{}\" is missing", field));
  return (*config_)[field];
}

int KerasFields::integer(const std::string& field, int low, int high) const {
  const json& number = value(field);
  const bool right = number.is_number() && std::floor(number.get<double>()) == number.get<double>() &&
                     number.get<double>() >= low && number.get<double>() <= high;
  if (!right) fail(fmt::format("expected \"{}\" from {} to {}, found {}", field, low, high, brief(number)));
  return static_cast<int>(number.get<double>());
}

double KerasFields::number(const std::string& field, double otherwise) const {
  if (!has(field)) return otherwise;
  const json& number = value(field);
  if (!number.is_number() || !std::isfinite(number.get<double>()))
    fail(fmt::format("expected \"{}\" to be a number, found {}", field, brief(number)));
  return number.get<double>();
}

bool KerasFields::flag(const std::string& field, bool otherwise) const {
  if (!has(field)) return otherwise;
  if (!value(field).is_boolean())
    fail(fmt::format("expected \"{}\" to be true or false, found {}", field, brief(value(field))));
  return value(field).get<bool>();
}

namespace {

// One number or as many as `out` has; false for anything else.
template <std::size_t count>
bool read_numbers(const json& value, int high, std::array<int, count>& out) {
  const auto right = [&](const json& number) {
    return number.is_number_integer() && number.get<double>() >= 0 && number.get<double>() <= high;
  };
  if (right(value)) {
    out.fill(value.get<int>());
    return true;
  }
  if (!value.is_array() || value.size() != count) return false;
  for (std::size_t i = 0; i < count; ++i) {
    if (!right(value[i])) return false;
    out[i] = value[i].get<int>();
  }
  return true;
}

}  // namespace

Extent2 KerasFields::extent(const std::string& field) const {
  std::array<int, 2> numbers{};
  if (!read_numbers(value(field), kMaxExtent, numbers))
    fail(fmt::format("expected \"{}\" to be two integers up to {}, found {}", field, kMaxExtent, brief(value(field))));
  return {numbers[0], numbers[1]};
}

Padding KerasFields::cells(const std::string& field) const {
  const json& padding = value(field);
  std::array<int, 2> rows{}, columns{};
  bool right = false;
  if (std::array<int, 2> both{}; read_numbers(padding, kMaxExtent, both)) {
    rows = {both[0], both[0]};
    columns = {both[1], both[1]};
    right = true;
  } else if (padding.is_array() && padding.size() == 2) {
    right = read_numbers(padding[0], kMaxExtent, rows) && read_numbers(padding[1], kMaxExtent, columns);
  }
  if (!right) {
    fail(fmt::format("expected \"{}\" to be ((top, bottom), (left, right)) up to {}, found {}", field, kMaxExtent,
                     brief(padding)));
  }
  return {Padding::Kind::cells, rows[0], rows[1], columns[0], columns[1]};
}

Padding KerasFields::padding() const {
  if (!has("padding")) return Padding::valid();
  const json& padding = value("padding");
  if (padding != "valid" && padding != "same")
    fail(fmt::format("expected \"padding\" to be valid or same, found {}", brief(padding)));
  return padding == "valid" ? Padding::valid() : Padding::same();
}

Activation KerasFields::activation() const {
  if (!has("activation")) return Activation::none;
  const json* activation = &value("activation");
  // Keras 3 may write a function as {"class_name": "function", "config": "relu"}.
  if (activation->is_object() && activation->contains("config")) activation = &(*activation)["config"];
  for (const auto& [name, meaning] :
       {std::pair{"linear", Activation::none}, std::pair{"relu", Activation::relu},
        std::pair{"sigmoid", Activation::sigmoid}, std::pair{"tanh", Activation::tanh},
        std::pair{"softmax", Activation::softmax}, std::pair{"log_softmax", Activation::log_softmax}}) {
    if (*activation == name) return meaning;
  }
  fail(fmt::format("the activation {} is not one that Curie has: linear, relu, sigmoid, tanh, softmax, log_softmax",
                   brief(*activation)));
}

std::string KerasFields::dtype() const {
  if (!has("dtype")) return "float32";
  const json* policy = &value("dtype");
  if (policy->is_object() && policy->contains("config") && (*policy)["config"].is_object() &&
      (*policy)["config"].contains("name"))
    policy = &(*policy)["config"]["name"];
  return policy->is_string() ? policy->get<std::string>() : brief(*policy);
}

Initializer KerasFields::initializer(const std::string& field, Initializer otherwise) const {
  if (!has(field)) return otherwise;
  const json& initializer = value(field);
  const json& name =
      initializer.is_object() && initializer.contains("class_name") ? initializer["class_name"] : initializer;
  using Kind = Initializer::Kind;
  for (const auto& [camel, snake, kind] :
       {std::tuple{"GlorotUniform", "glorot_uniform", Kind::glorot_uniform},
        std::tuple{"GlorotNormal", "glorot_normal", Kind::glorot_normal},
        std::tuple{"HeUniform", "he_uniform", Kind::he_uniform}, std::tuple{"HeNormal", "he_normal", Kind::he_normal},
        std::tuple{"Zeros", "zeros", Kind::zeros}, std::tuple{"Ones", "ones", Kind::ones}}) {
    if (name == camel || name == snake) return {kind};
  }
  return otherwise;  // it only matters for weights that the file replaces
}

void KerasFields::expect(const std::string& field, std::initializer_list<json> values) const {
  if (!has(field)) return;
  std::string names;
  for (const json& allowed : values) {
    if (value(field) == allowed) return;
    names += (names.empty() ? "" : " or ") + allowed.dump();
  }
  fail(fmt::format("Curie has it with \"{}\" {} only, found {}", field, names, brief(value(field))));
}

}  // namespace curie
