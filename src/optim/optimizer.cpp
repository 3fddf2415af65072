#include "optim/optimizer.h"

#include <cmath>

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

class SgdOptimizer final : public Optimizer {
 public:
  explicit SgdOptimizer(const Sgd& spec)
      : Optimizer(spec.learning_rate),
        args_{.momentum = spec.momentum,
              .nesterov = spec.nesterov,
              .convention = spec.convention,
              .weight_decay = spec.weight_decay,
              .decay_kind = spec.convention == Convention::keras ? DecayKind::decoupled : DecayKind::l2} {
    decay_ = spec.decay;
    check_at_least_0("SGD", "a learning rate", spec.learning_rate);
    check_fraction("SGD", "a momentum", spec.momentum);
    check_at_least_0("SGD", "a decay", spec.decay);
    check_at_least_0("SGD", "a weight decay", spec.weight_decay);
    CURIE_CHECK(!spec.nesterov || spec.momentum > 0.0f, usage, "SGD: nesterov needs a momentum above 0, got {}",
                spec.momentum);
  }

  std::string name() const override { return "sgd"; }
  int slots() const override { return args_.momentum > 0.0f ? 1 : 0; }

  nlohmann::json config() const override {
    return {{"kind", name()},
            {"learning_rate", json_number(learning_rate())},
            {"momentum", json_number(args_.momentum)},
            {"nesterov", args_.nesterov},
            {"decay", json_number(decay_)},
            {"convention", name_of(args_.convention)},
            {"weight_decay", json_number(args_.weight_decay)}};
  }

  void step(Backend& backend, std::size_t count, const StepState* state, const float* gradient, float* weights,
            float* slots) const override {
    backend.sgd_step(args_, count, state, gradient, weights, args_.momentum > 0.0f ? slots : nullptr);
  }

 private:
  SgdArgs args_;
};

class AdamOptimizer final : public Optimizer {
 public:
  AdamOptimizer(std::string name, float learning_rate, float decay, const AdamArgs& args)
      : Optimizer(learning_rate), name_(std::move(name)), args_(args) {
    decay_ = decay;
    check_at_least_0(name_, "a learning rate", learning_rate);
    check_fraction(name_, "beta1", args.beta1);
    check_fraction(name_, "beta2", args.beta2);
    check_at_least_0(name_, "a decay", decay);
    check_at_least_0(name_, "a weight decay", args.weight_decay);
    CURIE_CHECK(args.epsilon > 0.0f && std::isfinite(args.epsilon), usage, "{}: expected an epsilon above 0, got {}",
                name_, args.epsilon);
  }

  std::string name() const override { return name_; }
  int slots() const override { return 2; }

  nlohmann::json config() const override {
    nlohmann::json config = {{"kind", name_},
                             {"learning_rate", json_number(learning_rate())},
                             {"beta1", json_number(args_.beta1)},
                             {"beta2", json_number(args_.beta2)},
                             {"epsilon", json_number(args_.epsilon)},
                             {"convention", name_of(args_.convention)},
                             {"weight_decay", json_number(args_.weight_decay)}};
    if (args_.decay_kind == DecayKind::l2) config["decay"] = json_number(decay_);
    return config;
  }

  void step(Backend& backend, std::size_t count, const StepState* state, const float* gradient, float* weights,
            float* slots) const override {
    backend.adam_step(args_, count, state, gradient, weights, slots, slots + count);
  }

 protected:
  void fill_corrections(StepState& state) const override {
    // In double: 1 - beta2^t loses half of its digits in float32 while t is small.
    const double t = static_cast<double>(state.step) + 1.0;
    state.momentum_correction = static_cast<float>(1.0 - std::pow(static_cast<double>(args_.beta1), t));
    state.variance_correction = static_cast<float>(1.0 - std::pow(static_cast<double>(args_.beta2), t));
  }

 private:
  std::string name_;
  AdamArgs args_;
};

std::unique_ptr<Optimizer> read_optimizer(JsonFields& fields) {
  const float learning_rate = fields.number("learning_rate");
  const Convention convention = read_convention(fields);
  const float weight_decay = fields.number("weight_decay");
  if (fields.kind() == "sgd") {
    return Sgd{.learning_rate = learning_rate,
               .momentum = fields.number("momentum"),
               .nesterov = fields.flag("nesterov"),
               .decay = fields.number("decay"),
               .convention = convention,
               .weight_decay = weight_decay}
        .make();
  }
  const float beta1 = fields.number("beta1");
  const float beta2 = fields.number("beta2");
  const float epsilon = fields.number("epsilon");
  if (fields.kind() == "adamw") {
    return AdamW{.learning_rate = learning_rate,
                 .beta1 = beta1,
                 .beta2 = beta2,
                 .epsilon = epsilon,
                 .convention = convention,
                 .weight_decay = weight_decay}
        .make();
  }
  return Adam{.learning_rate = learning_rate,
              .beta1 = beta1,
              .beta2 = beta2,
              .epsilon = epsilon,
              .decay = fields.number("decay"),
              .convention = convention,
              .weight_decay = weight_decay}
      .make();
}

}  // namespace

void Optimizer::fill(StepState& state) const {
  const double decayed =
      static_cast<double>(learning_rate_) / (1.0 + static_cast<double>(decay_) * static_cast<double>(state.step));
  state.learning_rate = static_cast<float>(decayed);
  state.momentum_correction = 1.0f;
  state.variance_correction = 1.0f;
  fill_corrections(state);
}

std::unique_ptr<Optimizer> Sgd::make() const { return std::make_unique<SgdOptimizer>(*this); }

std::unique_ptr<Optimizer> Adam::make() const {
  return std::make_unique<AdamOptimizer>("adam", learning_rate, decay,
                                         AdamArgs{.beta1 = beta1,
                                                  .beta2 = beta2,
                                                  .epsilon = epsilon,
                                                  .convention = convention,
                                                  .weight_decay = weight_decay,
                                                  .decay_kind = DecayKind::l2});
}

std::unique_ptr<Optimizer> AdamW::make() const {
  return std::make_unique<AdamOptimizer>("adamw", learning_rate, 0.0f,
                                         AdamArgs{.beta1 = beta1,
                                                  .beta2 = beta2,
                                                  .epsilon = epsilon,
                                                  .convention = convention,
                                                  .weight_decay = weight_decay,
                                                  .decay_kind = DecayKind::decoupled});
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
