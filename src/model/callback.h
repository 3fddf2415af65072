// Callbacks: what may happen between the epochs of a training run. Each one says in the log why it acted.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

#include "model/history.h"
#include "tensor/tensor.h"

namespace curie {

// What a callback may do to the run. Weights are flat host tensors of every parameter.
class TrainingControl {
 public:
  virtual ~TrainingControl() = default;
  virtual void stop(const std::string& reason) = 0;  // after this epoch (after this batch, from on_batch_end)
  virtual float learning_rate() const = 0;
  virtual void set_learning_rate(float rate) = 0;
  // Whether the optimizer's schedule gives the rate, so that setting one would be in vain.
  virtual bool rate_is_scheduled() const { return false; }
  virtual Tensor weights() const = 0;
  virtual void set_weights(const Tensor& weights) = 0;
  // Host copies of every parameter, "dense/kernel", and of the gradients of those that are trained, as the last batch
  // left them (clipped where the optimizer clips).
  virtual std::vector<std::pair<std::string, Tensor>> named_weights() const { return {}; }
  virtual std::vector<std::pair<std::string, Tensor>> named_gradients() const { return {}; }
};

// What a callback must carry from an interrupted run to its continuation.
struct CallbackState {
  std::vector<std::pair<std::string, double>> numbers;
  std::vector<std::pair<std::string, Tensor>> tensors;  // host
  double number(const std::string& name) const;         // throws Error(file) when it is not there
};

class Callback {
 public:
  virtual ~Callback() = default;
  virtual std::string name() const = 0;
  // Called before the first epoch with the names that the logs will have; throws Error(usage) for a monitor that is not
  // among them. `has_validation` explains a missing "val_" name.
  virtual void check(const std::vector<std::string>& log_names, bool has_validation);
  virtual void on_train_begin(TrainingControl&) {}
  virtual void on_epoch_begin(int /*epoch, from 0*/, TrainingControl&) {}
  virtual void on_batch_end(int /*epoch*/, int /*batch*/, double /*mean loss of the epoch so far*/, TrainingControl&) {}
  virtual void on_epoch_end(int /*epoch*/, const Logs&, TrainingControl&) {}  // after validation
  virtual void on_train_end(TrainingControl&) {}
  virtual CallbackState state() const { return {}; }
  virtual void restore(const CallbackState&) {}

 protected:
  // The monitored value's name, for `check`; empty: nothing is monitored.
  virtual std::string monitor() const { return {}; }
};

using CallbackPtr = std::shared_ptr<Callback>;

// A CallbackPtr from a spec with make(), so that callbacks are written as EarlyStopping{.patience = 4}.
class CallbackChoice {
 public:
  CallbackChoice(CallbackPtr callback) : callback_(std::move(callback)) {}
  template <typename Spec>
  requires requires(const Spec& spec) { CallbackPtr(spec.make()); }
  CallbackChoice(const Spec& spec) : callback_(spec.make()) {}
  const CallbackPtr& get() const { return callback_; }

 private:
  CallbackPtr callback_;
};

}  // namespace curie
