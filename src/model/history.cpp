#include "model/history.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

namespace curie {
namespace {

// JSON has no NaN and no infinity; these three strings stand for them.
nlohmann::json number(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return value;
}

double number(const nlohmann::json& json) {
  if (!json.is_string()) return json.get<double>();
  if (json == "inf") return std::numeric_limits<double>::infinity();
  if (json == "-inf") return -std::numeric_limits<double>::infinity();
  return std::numeric_limits<double>::quiet_NaN();
}

}  // namespace

std::string canonical_log_name(std::string_view name) {
  if (name == "lr") return "learning_rate";
  if (name == "acc") return "accuracy";
  if (name == "val_acc") return "val_accuracy";
  return std::string(name);
}

void Logs::set(std::string name, double value) {
  for (auto& [known, old] : values_) {
    if (known == name) {
      old = value;
      return;
    }
  }
  values_.emplace_back(std::move(name), value);
}

std::optional<double> Logs::find(std::string_view name) const {
  const std::string wanted = canonical_log_name(name);
  for (const auto& [known, value] : values_) {
    if (known == wanted) return value;
  }
  return std::nullopt;
}

std::vector<double> History::column(std::string_view name) const {
  std::vector<double> values;
  for (const EpochLog& record : epochs) {
    if (const std::optional<double> value = record.logs.find(name)) values.push_back(*value);
  }
  return values;
}

std::string History::to_csv() const {
  std::set<std::string> names;
  for (const EpochLog& record : epochs) {
    for (const auto& [name, value] : record.logs.values()) names.insert(name);
  }
  std::string text = "epoch";
  for (const std::string& name : names) text += "," + name;
  text += "\n";
  for (const EpochLog& record : epochs) {
    text += fmt::format("{}", record.epoch);
    for (const std::string& name : names) {
      const std::optional<double> value = record.logs.find(name);
      text += value ? fmt::format(",{}", *value) : std::string(",NA");
    }
    text += "\n";
  }
  return text;
}

nlohmann::json to_json(const History& history) {
  nlohmann::json epochs = nlohmann::json::array();
  for (const EpochLog& record : history.epochs) {
    nlohmann::json logs = nlohmann::json::array();
    for (const auto& [name, value] : record.logs.values()) logs.push_back({name, number(value)});
    epochs.push_back({{"epoch", record.epoch}, {"logs", logs}, {"seconds", record.seconds}});
  }
  return {{"epochs", epochs}, {"stop_reason", history.stop_reason}};
}

History history_from_json(const nlohmann::json& json) {
  History history;
  history.stop_reason = json.at("stop_reason").get<std::string>();
  for (const nlohmann::json& epoch : json.at("epochs")) {
    EpochLog record{.epoch = epoch.at("epoch").get<int>(), .logs = {}, .seconds = epoch.at("seconds").get<double>()};
    for (const nlohmann::json& entry : epoch.at("logs")) {
      record.logs.set(entry.at(0).get<std::string>(), number(entry.at(1)));
    }
    history.epochs.push_back(std::move(record));
  }
  return history;
}

}  // namespace curie
