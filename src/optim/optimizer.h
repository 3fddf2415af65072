// Optimizers: host-side state of the step (rate, corrections), one device call over the flat parameters.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>

#include "ops/backend.h"
#include "tensor/tensor.h"

namespace curie {

class Optimizer {
 public:
  virtual ~Optimizer() = default;
  virtual std::string name() const = 0;       // "sgd", "adam", "adamw"
  virtual nlohmann::json config() const = 0;  // make_optimizer(config) makes it again
  // Floats of state per parameter: 0 (plain SGD), 1 (velocity), 2 (Adam's moments). The state of all parameters is one
  // flat array: first every velocity or first moment, then every second moment.
  virtual int slots() const = 0;
  // Sets rate and corrections for the step number state.step (0 at the first).
  void fill(StepState& state) const;
  // One update of `count` parameters; slots: (slots() * count) floats.
  virtual void step(Backend& backend, std::size_t count, const StepState* state, const float* gradient, float* weights,
                    float* slots) const = 0;

  float learning_rate() const { return learning_rate_; }
  void set_learning_rate(float rate) { learning_rate_ = rate; }

 protected:
  explicit Optimizer(float learning_rate) : learning_rate_(learning_rate) {}
  virtual void fill_corrections(StepState&) const {}
  // Keras' legacy time-based decay: rate / (1 + decay * iterations); 0: none.
  float decay_ = 0.0f;

 private:
  float learning_rate_;
};

struct Sgd {
  float learning_rate = 0.01f;
  float momentum = 0.0f;
  bool nesterov = false;
  float decay = 0.0f;  // legacy time-based decay
  Convention convention = Convention::keras;
  float weight_decay = 0.0f;  // keras convention: decoupled; pytorch convention: L2 into the gradient
  std::unique_ptr<Optimizer> make() const;
};

struct Adam {
  float learning_rate = 1e-3f;
  float beta1 = 0.9f, beta2 = 0.999f;
  float epsilon = 1e-7f;  // PyTorch: 1e-8
  float decay = 0.0f;
  Convention convention = Convention::keras;
  float weight_decay = 0.0f;  // L2 into the gradient, as PyTorch's Adam
  std::unique_ptr<Optimizer> make() const;
};

struct AdamW {  // decoupled weight decay
  float learning_rate = 1e-3f;
  float beta1 = 0.9f, beta2 = 0.999f;
  float epsilon = 1e-7f;
  Convention convention = Convention::keras;
  float weight_decay = 0.004f;
  std::unique_ptr<Optimizer> make() const;
};

// `make` throws Error(usage) for values out of their range. make_optimizer makes the optimizer that `config` (from
// Optimizer::config) describes and throws Error(file) for an unknown kind or field or a bad value.
std::unique_ptr<Optimizer> make_optimizer(const nlohmann::json& config);

}  // namespace curie
