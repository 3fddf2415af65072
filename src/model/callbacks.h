// The callbacks that come with Curie, with Keras' names, defaults and rules (spec comments say where they differ).
#pragma once

#include <filesystem>
#include <functional>
#include <limits>
#include <string>

#include "model/callback.h"

namespace curie {

// automatic: max when the monitored name ends in acc, accuracy or auc, else min.
enum class MonitorMode { automatic, min, max };

// Stops when `monitor` has not improved by more than min_delta for `patience` epochs; with a baseline these count on
// until a value is better than it. With restore_best_weights the best epoch's weights are put back at the end of
// training, however training ended, the baseline reached or not.
struct EarlyStopping {
  std::string monitor = "val_loss";
  double min_delta = 0.0;
  int patience = 0;
  MonitorMode mode = MonitorMode::automatic;
  double baseline = std::numeric_limits<double>::quiet_NaN();  // NaN: none
  bool restore_best_weights = false;
  int start_from_epoch = 0;
  CallbackPtr make() const;
};

// One row an epoch in Keras' CSV layout, the file whole after every epoch.
struct CSVLogger {
  std::filesystem::path path;
  CallbackPtr make() const;
};

// rate = schedule(epoch, rate), epoch from 0, at the beginning of each epoch.
struct LearningRateScheduler {
  std::function<float(int epoch, float rate)> schedule;
  CallbackPtr make() const;
};

struct ReduceLROnPlateau {
  std::string monitor = "val_loss";
  double factor = 0.1;
  int patience = 10;
  double min_delta = 1e-4;  // absolute
  MonitorMode mode = MonitorMode::automatic;
  int cooldown = 0;
  double min_rate = 0.0;
  CallbackPtr make() const;
};

// Stops as soon as the loss is not a number.
struct TerminateOnNaN {
  CallbackPtr make() const;
};

// Saves the model at the end of an epoch. `path` may hold {epoch} (from 1), {val_loss} and other log names, each with a
// format: "best-{epoch:02d}-{val_loss:.3f}.safetensors"; {{ and }} stand for braces. `save` writes the model to a path.
struct ModelCheckpoint {
  std::string path;
  std::function<void(const std::filesystem::path&)> save;
  std::string monitor = "val_loss";
  MonitorMode mode = MonitorMode::automatic;
  bool save_best_only = false;
  bool verbose = true;
  CallbackPtr make() const;
};

// "best-07-0.123.safetensors" from a pattern, an epoch (from 1) and the logs. Throws Error(usage) for an unknown name.
std::string format_log_pattern(const std::string& pattern, int epoch, const Logs& logs);

}  // namespace curie
