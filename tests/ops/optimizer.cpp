#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "ops/ops.h"
#include "support/backend.h"
#include "support/reference.h"
#include "support/targets.h"

namespace curie::test {
namespace {

nlohmann::json golden() {
  std::ifstream file(CURIE_TEST_DATA "/optimizers.json");
  return nlohmann::json::parse(file);
}

Convention convention_of(const nlohmann::json& test) {
  return test["convention"] == "keras" ? Convention::keras : Convention::pytorch;
}
DecayKind decay_of(const nlohmann::json& test) {
  return test["decay_kind"] == "l2" ? DecayKind::l2 : DecayKind::decoupled;
}

StepState state_at(std::uint32_t step, float rate, double beta1, double beta2) {
  return {.step = step,
          .learning_rate = rate,
          .momentum_correction = static_cast<float>(1.0 - std::pow(beta1, step + 1)),
          .variance_correction = static_cast<float>(1.0 - std::pow(beta2, step + 1))};
}

// Runs one golden case with every element repeated to `count` elements; returns the weights after each step.
std::vector<Values> run(Backend& backend, const nlohmann::json& all, const nlohmann::json& test, std::size_t count) {
  const auto repeated = [count](const nlohmann::json& list) {
    Values values(count);
    for (std::size_t i = 0; i < count; ++i) values[i] = list[i % list.size()].get<float>();
    return values;
  };
  const GuardedTensor weights = holding(backend, repeated(all["first_weights"]));
  const GuardedTensor first = holding(backend, Values(count, 0.0f)), second = holding(backend, Values(count, 0.0f));
  const OnDevice<StepState> state(backend, {});
  std::vector<Values> trace;
  for (std::uint32_t step = 0; step < all["gradients"].size(); ++step) {
    const GuardedTensor gradient = holding(backend, repeated(all["gradients"][step]));
    const Values before = gradient.values();
    const float rate = all["rates"][step].get<float>();
    if (test["kind"] == "sgd") {
      const SgdArgs args{.momentum = test["momentum"],
                         .nesterov = test["nesterov"],
                         .convention = convention_of(test),
                         .weight_decay = test["weight_decay"],
                         .decay_kind = decay_of(test)};
      state.set({.step = step, .learning_rate = rate});
      ops::sgd_step(backend, args, state.address(), gradient.tensor, weights.tensor,
                    args.momentum == 0.0f ? Tensor() : first.tensor);
    } else {
      const AdamArgs args{.beta1 = test["beta1"],
                          .beta2 = test["beta2"],
                          .epsilon = test["epsilon"],
                          .convention = convention_of(test),
                          .weight_decay = test["weight_decay"],
                          .decay_kind = decay_of(test)};
      state.set(state_at(step, rate, test["beta1"], test["beta2"]));
      ops::adam_step(backend, args, state.address(), gradient.tensor, weights.tensor, first.tensor, second.tensor);
    }
    CHECK(same_bits(gradient.values(), before));
    for (const GuardedTensor* each : {&weights, &first, &second, &gradient}) CHECK(each->intact());
    trace.push_back(weights.values());
  }
  return trace;
}

}  // namespace

TEST_CASE("twenty steps follow PyTorch and Keras") {
  for_each_target([&](const char* target) {
    CAPTURE(target);
    const std::unique_ptr<Backend> backend = test_backend(2);
    const nlohmann::json all = golden();
    CHECK(all["cases"].size() == 14);
    for (const nlohmann::json& test : all["cases"]) {
      CAPTURE(test["kind"].get<std::string>());
      CAPTURE(test["convention"].get<std::string>());
      CAPTURE(test["decay_kind"].get<std::string>());
      CAPTURE(test["weight_decay"].get<double>());
      const std::vector<Values> trace = run(*backend, all, test, 12);
      for (std::size_t step = 0; step < trace.size(); ++step) {
        CAPTURE(step);
        // A step rounds the weight a few times, and moves it by at most .2 (SGD, momentum .9, gradients below 3) or
        // some rates (Adam); its relative error is below 16 roundings of moments, rate, root and corrections.
        const Doubles want = test["weights"][step].get<Doubles>();
        Doubles bound;
        for (const double value : want)
          bound.push_back((step + 1.0) * kUnit * (3 * (std::abs(value) + 0.2) + 16 * 0.2));
        CHECK(outside(trace[step], want, bound) == "");
      }
    }
  });
}

TEST_CASE("every element of a long array moves the same way, whatever the threads") {
  for_each_target([&](const char* target) {
    CAPTURE(target);
    const nlohmann::json all = golden();
    const std::unique_ptr<Backend> backend = test_backend(1), threads = test_backend(3);
    for (const nlohmann::json& test : all["cases"]) {
      const Values twelve = run(*backend, all, test, 12).back();
      for (const std::size_t count : {1, 15, 16, 17, 40007}) {
        const Values got = run(*threads, all, test, count).back();
        for (std::size_t i = 0; i < count; ++i) {
          if (got[i] != twelve[i % 12]) FAIL_CHECK("element ", i, " of ", count, ": ", got[i], " for ", twelve[i % 12]);
        }
      }
    }
  });
}

TEST_CASE("a NaN gradient shows in its own weight alone") {
  const std::unique_ptr<Backend> backend = test_backend(1);
  Values gradient_values(20, 0.5f);
  gradient_values[17] = std::nanf("");
  const GuardedTensor gradient = holding(*backend, gradient_values), weights = holding(*backend, Values(20, 1.0f));
  const GuardedTensor first = holding(*backend, Values(20, 0.0f)), second = holding(*backend, Values(20, 0.0f));
  const OnDevice<StepState> state(*backend, state_at(0, 0.1f, 0.9, 0.999));
  ops::adam_step(*backend, {}, state.address(), gradient.tensor, weights.tensor, first.tensor, second.tensor);
  const Values after = weights.values();
  for (std::size_t i = 0; i < 20; ++i) CHECK(std::isnan(after[i]) == (i == 17));
}

}  // namespace curie::test
