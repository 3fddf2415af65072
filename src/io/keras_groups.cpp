#include "io/keras_groups.h"

#include <fmt/format.h>

#include <algorithm>

#include "model/graph.h"

namespace curie {
namespace {

using nlohmann::json;

const json& member(const json& object, const char* name) {
  static const json none;
  return object.is_object() && object.contains(name) ? object[name] : none;
}

std::string text(const json& object, const char* name) {
  const json& value = member(object, name);
  return value.is_string() ? value.get<std::string>() : "";
}

// The layers of a model's description; null for what is none.
const json& layers_of(const json& model) {
  const json& config = member(model, "config");
  return config.is_array() ? config : member(config, "layers");
}

bool has_weights(const json& layer) {
  const std::string class_name = text(layer, "class_name");
  const json& inner = layers_of(layer);
  return class_name == "Conv2D" || class_name == "Dense" || class_name == "BatchNormalization" ||
         (inner.is_array() && std::any_of(inner.begin(), inner.end(), has_weights));
}

void add_names(const json& model, GroupNumbering numbering, const std::string& prefix,
               std::map<std::string, std::string>& names) {
  const json& layers = layers_of(model);
  if (!layers.is_array()) return;
  ClassCounter counter;
  for (const json& layer : layers) {
    const std::string group =
        prefix + "layers/" + counter.next(text(layer, "class_name"), group_numbers(layer, numbering));
    const std::string name = text(member(layer, "config"), "name");
    if (!name.empty()) names.emplace(group, name);
    add_names(layer, numbering, group + "/", names);
  }
}

}  // namespace

std::string ClassCounter::next(const std::string& class_name, int numbers) {
  const std::string base = snake_case(class_name);
  const int count = counts_[base];
  counts_[base] += numbers;
  return count == 0 ? base : fmt::format("{}_{}", base, count);
}

int group_numbers(const json& layer, GroupNumbering numbering) {
  return numbering == GroupNumbering::weighted_twice && has_weights(layer) ? 2 : 1;
}

std::map<std::string, std::string> keras_group_names(const json& model, GroupNumbering numbering) {
  std::map<std::string, std::string> names;
  add_names(model, numbering, "", names);
  return names;
}

}  // namespace curie
