// What training reported, epoch by epoch.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace curie {

// Named values in the order in which they are printed: loss, accuracy, val_loss, val_accuracy, learning_rate.
class Logs {
 public:
  void set(std::string name, double value);
  // The value of `name`; "acc" stands for "accuracy", with and without "val_".
  std::optional<double> find(std::string_view name) const;
  const std::vector<std::pair<std::string, double>>& values() const { return values_; }

 private:
  std::vector<std::pair<std::string, double>> values_;
};

// Keras' aliases: "acc" -> "accuracy", "val_acc" -> "val_accuracy", "lr" -> "learning_rate"; others as they are.
std::string canonical_log_name(std::string_view name);

struct EpochLog {
  int epoch = 0;  // from 0
  Logs logs;
  double seconds = 0.0;
};

struct History {
  std::vector<EpochLog> epochs;
  std::string stop_reason;  // empty: every epoch was run

  // The values of one name over the epochs that have it.
  std::vector<double> column(std::string_view name) const;
  std::string to_csv() const;  // Keras' CSVLogger: "epoch" and the sorted names, epochs from 0, NA for what is missing
};

nlohmann::json to_json(const History& history);
History history_from_json(const nlohmann::json& json);

}  // namespace curie
