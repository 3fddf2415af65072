#include "optim/optimizer.h"

#include <cmath>

#include "ops/backend_bf16.h"
#include "tensor/error.h"
#include "tensor/json_fields.h"

namespace curie {
namespace {

void check_at_least_0(std::string_view optimizer, std::string_view what, float value) {
  CURIE_CHECK(value >= 0.0f && std::isfinite(value), usage, "{}: expected {} of at least 0, got {}", optimizer, what,
              value);
}

void check_fraction(std::string_view optimizer, std::string_view what, float value) {
  CURIE_CHECK(value >= 0.0f && value < 1.0f, usage, "{}: expected {} in [0, 1), got {}", optimizer, what, value);
}

std::string_view name_of(Convention convention) { return convention == Convention::keras ? "keras" : "pytorch"; }

Convention read_convention(JsonFields& fields) {
  const std::string name = fields.text("convention");
  CURIE_CHECK(name == "keras" || name == "pytorch", file,
              "optimizer \"{}\": expected \"convention\" to be keras or pytorch, got \"{}\"", fields.kind(),
              name.substr(0, 60));
  return name == "keras" ? Convention::keras : Convention::pytorch;
}

template <typename Spec>
UpdateOptions options_of(const Spec& spec) {
  return {.schedule = spec.schedule, .clip = spec.clip, .accumulate = spec.accumulate, .ema = spec.ema};
}

class SgdOptimizer final : public Optimizer {
 public:
  explicit SgdOptimizer(const Sgd& spec)
      : Optimizer("SGD", spec.learning_rate, spec.decay, options_of(spec)),
        args_{.momentum = spec.momentum,
              .nesterov = spec.nesterov,
              .convention = spec.convention,
              .weight_decay = spec.weight_decay,
              .decay_kind = spec.convention == Convention::keras ? DecayKind::decoupled : DecayKind::l2} {
    check_fraction("SGD", "a momentum", spec.momentum);
    check_at_least_0("SGD", "a weight decay", spec.weight_decay);
    CURIE_CHECK(!spec.nesterov || spec.momentum > 0.0f, usage, "SGD: nesterov needs a momentum above 0, got {}",
                spec.momentum);
  }

  std::string name() const override { return "sgd"; }
  int slots() const override { return args_.momentum > 0.0f ? 1 : 0; }

  nlohmann::json own_config() const override {
    return {{"kind", name()},
            {"learning_rate", json_number(learning_rate())},
            {"momentum", json_number(args_.momentum)},
            {"nesterov", args_.nesterov},
            {"decay", json_number(decay())},
            {"convention", name_of(args_.convention)},
            {"weight_decay", json_number(args_.weight_decay)}};
  }

  void step(Backend& backend, const StepState* state, const ParameterRun& run) const override {
    SgdArgs args = args_;
    args.rate_multiplier = run.rate_multiplier;
    float* velocity = args_.momentum > 0.0f ? run.slots : nullptr;
    if (run.rounded != nullptr) {
      backend.bf16()->sgd_step(args, run.count, state, run.gradient, run.weights, velocity, run.rounded);
    } else {
      backend.sgd_step(args, run.count, state, run.gradient, run.weights, velocity);
    }
  }

 private:
  SgdArgs args_;
};

class AdamOptimizer final : public Optimizer {
 public:
  AdamOptimizer(std::string name, float learning_rate, float decay, const AdamArgs& args, UpdateOptions options)
      : Optimizer(name, learning_rate, decay, std::move(options)), name_(std::move(name)), args_(args) {
    check_fraction(name_, "beta1", args.beta1);
    check_fraction(name_, "beta2", args.beta2);
    check_at_least_0(name_, "a weight decay", args.weight_decay);
    CURIE_CHECK(args.epsilon > 0.0f && std::isfinite(args.epsilon), usage, "{}: expected an epsilon above 0, got {}",
                name_, args.epsilon);
  }

  std::string name() const override { return name_; }
  int slots() const override { return 2; }

  nlohmann::json own_config() const override {
    nlohmann::json config = {{"kind", name_},
                             {"learning_rate", json_number(learning_rate())},
                             {"beta1", json_number(args_.beta1)},
                             {"beta2", json_number(args_.beta2)},
                             {"epsilon", json_number(args_.epsilon)},
                             {"convention", name_of(args_.convention)},
                             {"weight_decay", json_number(args_.weight_decay)}};
    if (args_.decay_kind == DecayKind::l2) config["decay"] = json_number(decay());
    return config;
  }

  void step(Backend& backend, const StepState* state, const ParameterRun& run) const override {
    AdamArgs args = args_;
    args.rate_multiplier = run.rate_multiplier;
    float* second_moment = run.slots + run.slot_stride;
    if (run.rounded != nullptr) {
      backend.bf16()->adam_step(args, run.count, state, run.gradient, run.weights, run.slots, second_moment,
                                run.rounded);
    } else {
      backend.adam_step(args, run.count, state, run.gradient, run.weights, run.slots, second_moment);
    }
  }

 protected:
  void fill_corrections(StepState& state, std::uint32_t update) const override {
    // In double: 1 - beta2^t loses half of its digits in float32 while t is small.
    const double t = static_cast<double>(update) + 1.0;
    state.momentum_correction = static_cast<float>(1.0 - std::pow(static_cast<double>(args_.beta1), t));
    state.variance_correction = static_cast<float>(1.0 - std::pow(static_cast<double>(args_.beta2), t));
  }

 private:
  std::string name_;
  AdamArgs args_;
};

// The fields that are left out where an option is not used, under Keras' names.
void write_options(const UpdateOptions& options, nlohmann::json& config) {
  if (options.schedule) config["schedule"] = options.schedule->config();
  if (options.clip.value > 0.0f) config["clipvalue"] = json_number(options.clip.value);
  if (options.clip.norm > 0.0f) config["clipnorm"] = json_number(options.clip.norm);
  if (options.clip.global_norm > 0.0f) config["global_clipnorm"] = json_number(options.clip.global_norm);
  if (options.accumulate > 1) config["gradient_accumulation_steps"] = options.accumulate;
  if (!options.ema) return;
  config["ema_momentum"] = json_number(options.ema->momentum);
  config["ema_overwrite_frequency"] = options.ema->overwrite_frequency;
  config["ema_in_validation"] = options.ema->in_validation;
}

constexpr int kMostSteps = 1 << 20;

template <typename Spec>
void read_options(JsonFields& fields, Spec& spec) {
  if (fields.has("schedule")) spec.schedule = make_schedule(fields.value("schedule"));
  if (fields.has("clipvalue")) spec.clip.value = fields.number("clipvalue");
  if (fields.has("clipnorm")) spec.clip.norm = fields.number("clipnorm");
  if (fields.has("global_clipnorm")) spec.clip.global_norm = fields.number("global_clipnorm");
  if (fields.has("gradient_accumulation_steps")) {
    spec.accumulate = fields.integer("gradient_accumulation_steps", 1, kMostSteps);
  }
  if (fields.has("ema_momentum")) {
    spec.ema = Ema{.momentum = fields.number("ema_momentum"),
                   .overwrite_frequency = fields.integer("ema_overwrite_frequency", 0, kMostSteps),
                   .in_validation = fields.flag("ema_in_validation")};
  }
}

template <typename Spec>
void read_adam(JsonFields& fields, Spec& spec) {
  spec.learning_rate = fields.number("learning_rate");
  spec.beta1 = fields.number("beta1");
  spec.beta2 = fields.number("beta2");
  spec.epsilon = fields.number("epsilon");
  spec.convention = read_convention(fields);
  spec.weight_decay = fields.number("weight_decay");
  read_options(fields, spec);
}

std::unique_ptr<Optimizer> read_optimizer(JsonFields& fields) {
  if (fields.kind() == "sgd") {
    Sgd sgd{.learning_rate = fields.number("learning_rate"),
            .momentum = fields.number("momentum"),
            .nesterov = fields.flag("nesterov"),
            .decay = fields.number("decay"),
            .convention = read_convention(fields),
            .weight_decay = fields.number("weight_decay")};
    read_options(fields, sgd);
    return sgd.make();
  }
  if (fields.kind() == "adamw") {
    AdamW adamw;
    read_adam(fields, adamw);
    return adamw.make();
  }
  Adam adam;
  read_adam(fields, adam);
  adam.decay = fields.number("decay");
  return adam.make();
}

}  // namespace

Optimizer::Optimizer(std::string_view name, float learning_rate, float decay, UpdateOptions options)
    : learning_rate_(learning_rate), decay_(decay), options_(std::move(options)) {
  check_at_least_0(name, "a learning rate", learning_rate);
  check_at_least_0(name, "a decay", decay);
  const Clip& clip = options_.clip;
  check_at_least_0(name, "a clip value", clip.value);
  check_at_least_0(name, "a clip norm", clip.norm);
  check_at_least_0(name, "a global clip norm", clip.global_norm);
  const int clips = (clip.value > 0.0f) + (clip.norm > 0.0f) + (clip.global_norm > 0.0f);
  CURIE_CHECK(clips <= 1, usage, "{}: expected one of the clip value, norm and global norm, got {} of them", name,
              clips);
  CURIE_CHECK(options_.accumulate >= 1, usage, "{}: expected at least 1 batch to an update, got {}", name,
              options_.accumulate);
  if (!options_.ema) return;
  check_fraction(name, "an ema momentum", options_.ema->momentum);
  CURIE_CHECK(options_.ema->overwrite_frequency >= 0, usage,
              "{}: expected an overwrite frequency of at least 0, got {}", name, options_.ema->overwrite_frequency);
}

nlohmann::json Optimizer::config() const {
  nlohmann::json config = own_config();
  write_options(options_, config);
  return config;
}

double Optimizer::rate_at(std::uint32_t step) const {
  if (!options_.schedule) return static_cast<double>(learning_rate_);
  return options_.schedule->rate(options_.schedule->per() == Per::epoch ? epoch_ : static_cast<double>(step));
}

void Optimizer::fill(StepState& state) const {
  const double decayed = rate_at(state.step) / (1.0 + static_cast<double>(decay_) * static_cast<double>(state.step));
  state.learning_rate = static_cast<float>(decayed);
  state.momentum_correction = 1.0f;
  state.variance_correction = 1.0f;
  fill_corrections(state, updates(state.step));
}

std::unique_ptr<Optimizer> Sgd::make() const { return std::make_unique<SgdOptimizer>(*this); }

std::unique_ptr<Optimizer> Adam::make() const {
  return std::make_unique<AdamOptimizer>("adam", learning_rate, decay,
                                         AdamArgs{.beta1 = beta1,
                                                  .beta2 = beta2,
                                                  .epsilon = epsilon,
                                                  .convention = convention,
                                                  .weight_decay = weight_decay,
                                                  .decay_kind = DecayKind::l2},
                                         options_of(*this));
}

std::unique_ptr<Optimizer> AdamW::make() const {
  return std::make_unique<AdamOptimizer>("adamw", learning_rate, 0.0f,
                                         AdamArgs{.beta1 = beta1,
                                                  .beta2 = beta2,
                                                  .epsilon = epsilon,
                                                  .convention = convention,
                                                  .weight_decay = weight_decay,
                                                  .decay_kind = DecayKind::decoupled},
                                         options_of(*this));
}

std::unique_ptr<Optimizer> make_optimizer(const nlohmann::json& config) {
  JsonFields fields(config, "optimizer");
  CURIE_CHECK(fields.kind() == "sgd" || fields.kind() == "adam" || fields.kind() == "adamw", file,
              "optimizer: expected a kind among sgd, adam, adamw, got \"{}\"", fields.kind().substr(0, 60));
  std::unique_ptr<Optimizer> optimizer =
      with_values_of_file(fmt::format("optimizer \"{}\"", fields.kind()), [&] { return read_optimizer(fields); });
  fields.finish();
  return optimizer;
}

}  // namespace curie
