// Learning-rate schedules: Keras' formulas (keras.optimizers.schedules, 3.x), as values that an optimizer takes
// (Adam{.schedule = CosineDecay{...}}) and that a model file keeps.
//
// `step` counts batches from 0 (also where several make an update, as in Keras), or, with Per::epoch, epochs from 0. So
// .01 * .6^epoch is ExponentialDecay{.learning_rate = 0.01, .decay_steps = 1, .decay_rate = 0.6, .per = Per::epoch}.
#pragma once

#include <concepts>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <variant>
#include <vector>

namespace curie {

enum class Per : std::uint8_t { step, epoch };

struct ExponentialDecay {  // rate * decay_rate^(step / decay_steps)
  double learning_rate = 0.01;
  double decay_steps = 1.0;
  double decay_rate = 0.96;
  bool staircase = false;  // whole powers only: PyTorch's StepLR
  Per per = Per::step;
};

struct InverseTimeDecay {  // rate / (1 + decay_rate * step / decay_steps)
  double learning_rate = 0.01;
  double decay_steps = 1.0;
  double decay_rate = 0.5;
  bool staircase = false;
  Per per = Per::step;
};

struct PolynomialDecay {  // (rate - end) * (1 - min(step, decay_steps) / decay_steps)^power + end
  double learning_rate = 0.01;
  double decay_steps = 1.0;
  double end_learning_rate = 1e-4;
  double power = 1.0;
  bool cycle = false;  // beyond decay_steps begin anew over the smallest multiple of it that is not passed yet
  Per per = Per::step;
};

struct PiecewiseConstantDecay {    // values[i] for boundaries[i - 1] < step <= boundaries[i]
  std::vector<double> boundaries;  // rising
  std::vector<double> values;      // one more than boundaries
  Per per = Per::step;
};

// From warmup_target (from learning_rate, without warm-up) down to alpha times that along half a cosine of decay_steps;
// before it, for warmup_steps, straight up from learning_rate to warmup_target.
struct CosineDecay {
  double learning_rate = 0.01;
  double decay_steps = 1.0;
  double alpha = 0.0;
  double warmup_target = 0.0;
  double warmup_steps = 0.0;  // 0: no warm-up, and warmup_target is not looked at; else a target is needed
  Per per = Per::step;
};

// Half cosines again and again (Loshchilov, Hutter 2017): each t_mul times as long as the one before and m_mul as high.
struct CosineDecayRestarts {
  double learning_rate = 0.01;
  double first_decay_steps = 1.0;
  double t_mul = 2.0;
  double m_mul = 1.0;
  double alpha = 0.0;
  Per per = Per::step;
};

class Schedule {
 public:
  using Kind = std::variant<ExponentialDecay, InverseTimeDecay, PolynomialDecay, PiecewiseConstantDecay, CosineDecay,
                            CosineDecayRestarts>;
  // Implicit, so that options take `.schedule = ExponentialDecay{...}`. Throws Error(usage) for values out of their
  // range: rates and steps that are negative, not finite or zero where they divide.
  template <typename Spec>
  requires std::constructible_from<Kind, const Spec&> Schedule(const Spec& spec) : kind_(spec) { check(); }

  Per per() const;
  double rate(double step) const;
  // As the function of a LearningRateScheduler, which asks once an epoch: step is the epoch, whatever `per` says.
  float operator()(int epoch, float /*rate before*/) const { return static_cast<float>(rate(epoch)); }

  std::string name() const;       // Keras' class name: "ExponentialDecay"
  nlohmann::json config() const;  // make_schedule(config) makes it again

 private:
  void check() const;
  Kind kind_;
};

// Throws Error(file) for an unknown kind or field or a bad value.
Schedule make_schedule(const nlohmann::json& config);

}  // namespace curie
