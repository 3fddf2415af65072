// Optimizers: host-side state of the step (rate, corrections), one device call over each run of parameters.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "ops/backend.h"
#include "optim/schedule.h"

namespace curie {

// Keras' clipvalue, clipnorm and global_clipnorm (ops/clip.h): at most one of them, 0: not this one.
struct Clip {
  float value = 0.0f;
  float norm = 0.0f;         // of each parameter
  float global_norm = 0.0f;  // of all together
};

// Keras' use_ema: average = momentum * average + (1 - momentum) * weights after each update (the first one sets it),
// over what is trained. At the end of training the averages replace the weights.
struct Ema {
  float momentum = 0.99f;
  int overwrite_frequency = 0;  // every so many updates the averages replace the weights; 0: at the end only
  // Validation, and the callbacks behind it, see the averages instead of the weights (Keras' SwapEMAWeights): a
  // checkpoint then holds what was validated.
  bool in_validation = false;
};

// What every optimizer takes beside its own rule. In a step: the mean over `accumulate` batches, clipping, the update,
// the moving average.
struct UpdateOptions {
  std::optional<Schedule> schedule = {};  // replaces the learning rate
  Clip clip = {};
  int accumulate = 1;  // batches to an update; their gradients' mean is used
  std::optional<Ema> ema = {};
};

// A run of neighbouring parameters with one rate.
struct ParameterRun {
  std::size_t count = 0;
  const float* gradient = nullptr;
  float* weights = nullptr;
  float* slots = nullptr;       // of the run's first parameter, in the first slot array
  std::size_t slot_stride = 0;  // floats from one slot array to the next
  float rate_multiplier = 1.0f;
  Bf16* rounded = nullptr;  // the weights rounded to bfloat16 are written there, too
};

class Optimizer {
 public:
  virtual ~Optimizer() = default;
  virtual std::string name() const = 0;  // "sgd", "adam", "adamw"
  nlohmann::json config() const;         // make_optimizer(config) makes it again
  // Floats of state per parameter: 0 (plain SGD), 1 (velocity), 2 (Adam's moments). The state of all parameters is one
  // flat array: first every velocity or first moment, then every second moment.
  virtual int slots() const = 0;
  // The same with the sums of gradients (when more than one batch makes an update) and the moving averages behind it.
  int state_arrays() const { return slots() + (options_.accumulate > 1 ? 1 : 0) + (options_.ema ? 1 : 0); }

  // Sets rate and corrections for the batch number state.step (0 at the first).
  void fill(StepState& state) const;
  virtual void step(Backend& backend, const StepState* state, const ParameterRun& run) const = 0;

  const UpdateOptions& options() const { return options_; }
  // Updates that are done before the batch number `step`.
  std::uint32_t updates(std::uint32_t step) const { return step / static_cast<std::uint32_t>(options_.accumulate); }
  // The rate before the legacy decay: of the schedule at batch `step` in the epoch that was set, or the one that was
  // set.
  double rate_at(std::uint32_t step) const;
  void set_epoch(int epoch) { epoch_ = epoch; }

  float learning_rate() const { return learning_rate_; }
  // Without effect where a schedule gives the rate.
  void set_learning_rate(float rate) { learning_rate_ = rate; }

 protected:
  // Throws Error(usage) for options that are out of their range.
  Optimizer(std::string_view name, float learning_rate, float decay, UpdateOptions options);
  virtual nlohmann::json own_config() const = 0;
  virtual void fill_corrections(StepState& /*state*/, std::uint32_t /*update, from 0*/) const {}
  float decay() const { return decay_; }

 private:
  float learning_rate_;
  float decay_;  // Keras' legacy time-based decay: rate / (1 + decay * batches); 0: none
  UpdateOptions options_;
  int epoch_ = 0;
};

struct Sgd {
  float learning_rate = 0.01f;
  float momentum = 0.0f;
  bool nesterov = false;
  float decay = 0.0f;  // legacy time-based decay
  Convention convention = Convention::keras;
  float weight_decay = 0.0f;  // keras convention: decoupled; pytorch convention: L2 into the gradient
  std::optional<Schedule> schedule = {};
  Clip clip = {};
  int accumulate = 1;
  std::optional<Ema> ema = {};
  std::unique_ptr<Optimizer> make() const;
};

struct Adam {
  float learning_rate = 1e-3f;
  float beta1 = 0.9f, beta2 = 0.999f;
  float epsilon = 1e-7f;  // PyTorch: 1e-8
  float decay = 0.0f;
  Convention convention = Convention::keras;
  float weight_decay = 0.0f;  // L2 into the gradient, as PyTorch's Adam
  std::optional<Schedule> schedule = {};
  Clip clip = {};
  int accumulate = 1;
  std::optional<Ema> ema = {};
  std::unique_ptr<Optimizer> make() const;
};

struct AdamW {  // decoupled weight decay
  float learning_rate = 1e-3f;
  float beta1 = 0.9f, beta2 = 0.999f;
  float epsilon = 1e-7f;
  Convention convention = Convention::keras;
  float weight_decay = 0.004f;
  std::optional<Schedule> schedule = {};
  Clip clip = {};
  int accumulate = 1;
  std::optional<Ema> ema = {};
  std::unique_ptr<Optimizer> make() const;
};

// `make` throws Error(usage) for values out of their range. make_optimizer makes the optimizer that `config` (from
// Optimizer::config) describes and throws Error(file) for an unknown kind or field or a bad value.
std::unique_ptr<Optimizer> make_optimizer(const nlohmann::json& config);

}  // namespace curie
