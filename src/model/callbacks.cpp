#include "model/callbacks.h"

#include <algorithm>
#include <cmath>

#include "tensor/files.h"
#include "tensor/log.h"

namespace curie {
namespace {

bool ends_with(std::string_view text, std::string_view ending) {
  return text.size() >= ending.size() && text.substr(text.size() - ending.size()) == ending;
}

// The best value of a monitored name so far.
class Best {
 public:
  Best(std::string monitor, MonitorMode mode, double min_delta)
      : monitor_(canonical_log_name(monitor)), min_delta_(std::abs(min_delta)) {
    const bool larger = ends_with(monitor_, "acc") || ends_with(monitor_, "accuracy") || ends_with(monitor_, "auc");
    rising_ = mode == MonitorMode::max || (mode == MonitorMode::automatic && larger);
    reset();
  }

  const std::string& monitor() const { return monitor_; }
  double value() const { return value_; }
  void set_value(double value) { value_ = value; }
  void reset() {
    value_ = rising_ ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
  }
  bool improves(double value) const { return rising_ ? value - min_delta_ > value_ : value + min_delta_ < value_; }

 private:
  std::string monitor_;
  double min_delta_;
  bool rising_ = false;
  double value_ = 0.0;
};

class EarlyStoppingCallback final : public Callback {
 public:
  explicit EarlyStoppingCallback(const EarlyStopping& spec)
      : spec_(spec),
        best_(spec.monitor, spec.mode, spec.min_delta),
        baseline_(spec.monitor, spec.mode, spec.min_delta) {
    CURIE_CHECK(spec.patience >= 0, usage, "EarlyStopping: expected a patience of at least 0, got {}", spec.patience);
    CURIE_CHECK(std::isfinite(spec.min_delta), usage, "EarlyStopping: expected a finite min_delta, got {}",
                spec.min_delta);
    baseline_.set_value(spec.baseline);
  }
  std::string name() const override { return "EarlyStopping"; }

  void on_epoch_end(int epoch, const Logs& logs, TrainingControl& control) override {
    if (epoch < spec_.start_from_epoch) return;
    const double value = logs.find(best_.monitor()).value();
    const bool improved = best_.improves(value);
    // Until a value is better than none, as NaN is not, the first epoch is the best.
    if (spec_.restore_best_weights && (improved || !best_weights_.defined())) best_weights_ = control.weights();
    ++wait_;
    if (improved) {
      best_.set_value(value);
      best_epoch_ = epoch;
      if (std::isnan(spec_.baseline) || baseline_.improves(value)) wait_ = 0;
      return;
    }
    if (wait_ < spec_.patience || epoch == 0) return;
    if (!std::isnan(spec_.baseline) && !(best_epoch_ >= 0 && baseline_.improves(best_.value()))) {
      control.stop(fmt::format("Epoch {}: early stopping: {} was not better than the baseline {:.5f} in {} epoch{}",
                               epoch + 1, best_.monitor(), spec_.baseline, wait_, wait_ == 1 ? "" : "s"));
      return;
    }
    if (best_epoch_ < 0) {
      control.stop(fmt::format("Epoch {}: early stopping: {} was never better than {:.5f}", epoch + 1, best_.monitor(),
                               best_.value()));
      return;
    }
    control.stop(fmt::format("Epoch {}: early stopping: {} has not improved on {:.5f} of epoch {} for {} epoch{}",
                             epoch + 1, best_.monitor(), best_.value(), best_epoch_ + 1, wait_, wait_ == 1 ? "" : "s"));
  }

  void on_train_end(TrainingControl& control) override {
    if (!best_weights_.defined()) return;
    control.set_weights(best_weights_);
    if (best_epoch_ < 0) {
      log_info("Restored the weights of epoch {}: {} was never a number", spec_.start_from_epoch + 1, best_.monitor());
      return;
    }
    log_info("Restored the weights of epoch {}, the best by {} ({:.5f})", best_epoch_ + 1, best_.monitor(),
             best_.value());
  }

  CallbackState state() const override {
    CallbackState state{.numbers = {{"best", best_.value()}, {"best_epoch", best_epoch_}, {"wait", wait_}},
                        .tensors = {}};
    if (best_weights_.defined()) state.tensors.emplace_back("best_weights", best_weights_);
    return state;
  }
  void restore(const CallbackState& state) override {
    best_.set_value(state.number("best"));
    best_epoch_ = static_cast<int>(state.number("best_epoch"));
    wait_ = static_cast<int>(state.number("wait"));
    if (!state.tensors.empty()) best_weights_ = state.tensors.front().second;
  }

 protected:
  std::string monitor() const override { return spec_.monitor; }

 private:
  EarlyStopping spec_;
  Best best_, baseline_;
  int best_epoch_ = -1;
  int wait_ = 0;
  Tensor best_weights_;
};

class CsvLoggerCallback final : public Callback {
 public:
  explicit CsvLoggerCallback(std::filesystem::path path) : path_(std::move(path)) {}
  std::string name() const override { return "CSVLogger"; }
  void on_epoch_end(int epoch, const Logs& logs, TrainingControl&) override {
    // After a resume, epochs that the earlier run had logged but not saved are logged again.
    auto& rows = history_.epochs;
    std::erase_if(rows, [&](const EpochLog& row) { return row.epoch >= epoch; });
    rows.push_back({.epoch = epoch, .logs = logs});
    write_file(path_, history_.to_csv());
  }
  CallbackState state() const override {
    CallbackState state;
    for (const EpochLog& row : history_.epochs) {
      for (const auto& [key, value] : row.logs.values())
        state.numbers.emplace_back(fmt::format("{}:{}", row.epoch, key), value);
    }
    return state;
  }
  void restore(const CallbackState& state) override {
    history_ = {};
    for (const auto& [key, value] : state.numbers) {
      const std::size_t colon = key.find(':');
      const int epoch = std::stoi(key.substr(0, colon));
      if (history_.epochs.empty() || history_.epochs.back().epoch != epoch)
        history_.epochs.push_back({.epoch = epoch, .logs = {}});
      history_.epochs.back().logs.set(key.substr(colon + 1), value);
    }
  }

 private:
  std::filesystem::path path_;
  History history_;
};

void check_unscheduled(const Callback& callback, const TrainingControl& control) {
  CURIE_CHECK(!control.rate_is_scheduled(), usage,
              "{}: the optimizer has a schedule of its own for the learning rate; use one of the two", callback.name());
}

class SchedulerCallback final : public Callback {
 public:
  explicit SchedulerCallback(std::function<float(int, float)> schedule) : schedule_(std::move(schedule)) {
    CURIE_CHECK(schedule_ != nullptr, usage, "LearningRateScheduler: expected a schedule");
  }
  std::string name() const override { return "LearningRateScheduler"; }
  void on_train_begin(TrainingControl& control) override { check_unscheduled(*this, control); }
  void on_epoch_begin(int epoch, TrainingControl& control) override {
    const float rate = schedule_(epoch, control.learning_rate());
    CURIE_CHECK(std::isfinite(rate) && rate >= 0.0f, usage,
                "LearningRateScheduler: expected a rate of at least 0 for epoch {}, the schedule gave {}", epoch, rate);
    control.set_learning_rate(rate);
  }

 private:
  std::function<float(int, float)> schedule_;
};

class ReduceRateCallback final : public Callback {
 public:
  explicit ReduceRateCallback(const ReduceLROnPlateau& spec)
      : spec_(spec), best_(spec.monitor, spec.mode, spec.min_delta) {
    CURIE_CHECK(spec.factor > 0.0 && spec.factor < 1.0, usage, "ReduceLROnPlateau: expected a factor in (0, 1), got {}",
                spec.factor);
  }
  std::string name() const override { return "ReduceLROnPlateau"; }
  void on_train_begin(TrainingControl& control) override { check_unscheduled(*this, control); }

  void on_epoch_end(int epoch, const Logs& logs, TrainingControl& control) override {
    const double value = logs.find(best_.monitor()).value();
    if (cooldown_ > 0) {
      --cooldown_;
      wait_ = 0;
    }
    if (best_.improves(value)) {
      best_.set_value(value);
      wait_ = 0;
      return;
    }
    if (cooldown_ > 0 || ++wait_ < spec_.patience) return;
    const double rate = std::max(static_cast<double>(control.learning_rate()) * spec_.factor, spec_.min_rate);
    if (rate >= static_cast<double>(control.learning_rate())) return;
    log_info("Epoch {}: reducing the learning rate from {:.3g} to {:.3g}: {} has not improved on {:.5f} for {} epochs",
             epoch + 1, control.learning_rate(), rate, best_.monitor(), best_.value(), wait_);
    control.set_learning_rate(static_cast<float>(rate));
    cooldown_ = spec_.cooldown;
    wait_ = 0;
  }

  CallbackState state() const override {
    return {.numbers = {{"best", best_.value()}, {"wait", wait_}, {"cooldown", cooldown_}}, .tensors = {}};
  }
  void restore(const CallbackState& state) override {
    best_.set_value(state.number("best"));
    wait_ = static_cast<int>(state.number("wait"));
    cooldown_ = static_cast<int>(state.number("cooldown"));
  }

 protected:
  std::string monitor() const override { return spec_.monitor; }

 private:
  ReduceLROnPlateau spec_;
  Best best_;
  int wait_ = 0;
  int cooldown_ = 0;
};

class TerminateOnNaNCallback final : public Callback {
 public:
  std::string name() const override { return "TerminateOnNaN"; }
  void on_batch_end(int epoch, int batch, double loss, TrainingControl& control) override {
    if (std::isfinite(loss)) return;
    control.stop(fmt::format("Epoch {}, batch {}: the loss is {}; stopped", epoch + 1, batch + 1, loss));
  }
};

class CheckpointCallback final : public Callback {
 public:
  explicit CheckpointCallback(const ModelCheckpoint& spec) : spec_(spec), best_(spec.monitor, spec.mode, 0.0) {
    CURIE_CHECK(spec_.save != nullptr, usage, "ModelCheckpoint: expected a function that saves the model");
  }
  std::string name() const override { return "ModelCheckpoint"; }

  void check(const std::vector<std::string>& log_names, bool has_validation) override {
    Callback::check(log_names, has_validation);
    Logs sample;
    for (const std::string& log_name : log_names) sample.set(log_name, 0.0);
    format_log_pattern(spec_.path, 1, sample);
  }

  void on_epoch_end(int epoch, const Logs& logs, TrainingControl&) override {
    const std::string path = format_log_pattern(spec_.path, epoch + 1, logs);
    if (!spec_.save_best_only) {
      spec_.save(path);
      if (spec_.verbose) log_info("Epoch {}: saved the model to {}", epoch + 1, path);
      return;
    }
    const double value = logs.find(best_.monitor()).value();
    if (best_.improves(value)) {
      spec_.save(path);
      if (spec_.verbose) {
        log_info("Epoch {}: {} improved from {:.5f} to {:.5f}, saved the model to {}", epoch + 1, best_.monitor(),
                 best_.value(), value, path);
      }
      best_.set_value(value);
    } else if (spec_.verbose) {
      log_info("Epoch {}: {} did not improve from {:.5f}", epoch + 1, best_.monitor(), best_.value());
    }
  }

  CallbackState state() const override { return {.numbers = {{"best", best_.value()}}, .tensors = {}}; }
  void restore(const CallbackState& state) override { best_.set_value(state.number("best")); }

 protected:
  std::string monitor() const override { return spec_.save_best_only ? spec_.monitor : std::string(); }

 private:
  ModelCheckpoint spec_;
  Best best_;
};

}  // namespace

double CallbackState::number(const std::string& name) const {
  for (const auto& [known, value] : numbers) {
    if (known == name) return value;
  }
  throw_error(ErrorKind::file, fmt::format("checkpoint: a callback's \"{}\" is missing", name));
}

void Callback::check(const std::vector<std::string>& log_names, bool has_validation) {
  const std::string wanted = canonical_log_name(monitor());
  if (wanted.empty() || std::find(log_names.begin(), log_names.end(), wanted) != log_names.end()) return;
  std::string known;
  for (const std::string& log_name : log_names) known += (known.empty() ? "" : ", ") + log_name;
  const bool wants_validation = wanted.rfind("val_", 0) == 0 && !has_validation;
  throw_error(ErrorKind::usage,
              fmt::format("{}: it monitors \"{}\", but the logs will have only {}{}", name(), monitor(), known,
                          wants_validation ? "; \"val_\" names need validation data" : ""));
}

namespace {

// The largest number in a format, a width or a precision; 100 for any larger one.
int widest(std::string_view format) {
  int most = 0, number = 0;
  for (const char c : format) {
    number = c >= '0' && c <= '9' ? std::min(10 * number + (c - '0'), 100) : 0;
    most = std::max(most, number);
  }
  return most;
}

}  // namespace

std::string format_log_pattern(const std::string& pattern, int epoch, const Logs& logs) {
  CURIE_CHECK(!pattern.empty(), usage, "expected a pattern of a file's name, got an empty one");
  std::string text;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const bool doubled = i + 1 < pattern.size() && pattern[i + 1] == pattern[i];
    if (pattern[i] != '{' || doubled) {
      CURIE_CHECK(pattern[i] != '}' || doubled, usage, "pattern \"{}\": a '}}' has no '{{'", pattern);
      text += pattern[i];
      if (doubled && (pattern[i] == '{' || pattern[i] == '}')) ++i;
      continue;
    }
    const std::size_t close = pattern.find('}', i);
    CURIE_CHECK(close != std::string::npos, usage, "pattern \"{}\": a '{{' has no '}}'", pattern);
    const std::string field = pattern.substr(i + 1, close - i - 1);
    const std::size_t colon = field.find(':');
    const std::string name = field.substr(0, colon);
    const std::string format = colon == std::string::npos ? "{}" : "{:" + field.substr(colon + 1) + "}";
    CURIE_CHECK(widest(field) < 100, usage, "pattern \"{}\": expected at most 99 columns and digits in \"{}\"", pattern,
                field);
    const std::optional<double> value = logs.find(name);
    CURIE_CHECK(name == "epoch" || value, usage, "pattern \"{}\": \"{}\" is not a logged name", pattern, name);
    try {
      text += name == "epoch" ? fmt::format(fmt::runtime(format), epoch) : fmt::format(fmt::runtime(format), *value);
    } catch (const fmt::format_error& error) {
      throw_error(ErrorKind::usage,
                  fmt::format("pattern \"{}\": cannot format \"{}\": {}", pattern, field, error.what()));
    }
    i = close;
  }
  return text;
}

CallbackPtr EarlyStopping::make() const { return std::make_shared<EarlyStoppingCallback>(*this); }
CallbackPtr CSVLogger::make() const { return std::make_shared<CsvLoggerCallback>(path); }
CallbackPtr LearningRateScheduler::make() const { return std::make_shared<SchedulerCallback>(schedule); }
CallbackPtr ReduceLROnPlateau::make() const { return std::make_shared<ReduceRateCallback>(*this); }
CallbackPtr TerminateOnNaN::make() const { return std::make_shared<TerminateOnNaNCallback>(); }
CallbackPtr ModelCheckpoint::make() const { return std::make_shared<CheckpointCallback>(*this); }

}  // namespace curie
