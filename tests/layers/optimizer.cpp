#include "optim/optimizer.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <vector>

#include "support/backend.h"
#include "support/throws.h"

namespace curie {
namespace {

using test::test_backend;

StepState filled(const Optimizer& optimizer, std::uint32_t step) {
  StepState state{.step = step, .learning_rate = -1.0f, .momentum_correction = -1.0f, .variance_correction = -1.0f};
  optimizer.fill(state);
  CHECK(state.step == step);
  return state;
}

TEST_CASE("Optimizer: SGD's rate under the legacy decay counts steps from 0") {
  const auto plain = Sgd{.learning_rate = 0.01f}.make();
  CHECK(filled(*plain, 0).learning_rate == 0.01f);
  CHECK(filled(*plain, 5000).learning_rate == 0.01f);
  CHECK(filled(*plain, 5000).momentum_correction == 1.0f);
  CHECK(filled(*plain, 5000).variance_correction == 1.0f);

  // pneumonia-cnn-70: decay .01 / 50, 163 steps an epoch; rates at the start of epochs 1, 2, 11 and 50.
  const auto decaying = Sgd{.learning_rate = 0.01f, .momentum = 0.9f, .decay = 0.01f / 50}.make();
  CHECK(filled(*decaying, 0).learning_rate == 0.01f);
  CHECK(std::abs(filled(*decaying, 163).learning_rate - 0.00968f) < 0.000005f);
  CHECK(std::abs(filled(*decaying, 1630).learning_rate - 0.00754f) < 0.000005f);
  CHECK(std::abs(filled(*decaying, 7987).learning_rate - 0.00385f) < 0.000005f);
}

TEST_CASE("Optimizer: Adam's corrections are those of step t = step + 1, to float32's last digit") {
  for (const auto& optimizer : {Adam{}.make(), AdamW{}.make()}) {
    for (const std::uint32_t step : {0u, 1u, 9u, 999u, 100000u}) {
      const double beta1 = 0.9f;
      const double beta2 = 0.999f;
      double power1 = 1.0;
      double power2 = 1.0;
      for (std::uint32_t i = 0; i <= step; ++i) {
        power1 *= beta1;
        power2 *= beta2;
      }
      // Products in double err by less than step * 2^-53 of a power below 1; float32 rounds to 2^-25 of a value
      // below 1.
      const double error = 0x1p-25 + (step + 2.0) * 0x1p-52;
      CHECK(std::abs(filled(*optimizer, step).momentum_correction - (1.0 - power1)) <= error);
      // Where the correction is small, its relative error is float32's too.
      CHECK(std::abs(filled(*optimizer, step).variance_correction - (1.0 - power2)) <=
            (1.0 - power2) * 0x1p-24 + (step + 2.0) * 0x1p-52);
    }
  }
}

TEST_CASE("Optimizer: a scheduler's rate is decayed too") {
  const auto adam = Adam{.decay = 0.5f}.make();
  adam->set_learning_rate(0.25f);
  CHECK(adam->learning_rate() == 0.25f);
  CHECK(filled(*adam, 0).learning_rate == 0.25f);
  CHECK(filled(*adam, 2).learning_rate == 0.125f);
}

TEST_CASE("Optimizer: slots") {
  CHECK(Sgd{}.make()->slots() == 0);
  CHECK(Sgd{.momentum = 0.9f}.make()->slots() == 1);
  CHECK(Adam{}.make()->slots() == 2);
  CHECK(AdamW{}.make()->slots() == 2);
}

// Three steps of each optimizer on one weight against the same rule in double.
TEST_CASE("Optimizer: steps use the slots as described") {
  const std::unique_ptr<Backend> backend = test_backend(1);
  const std::vector<float> gradient = {0.5f, -2.0f};
  const auto run = [&](const Optimizer& optimizer, std::vector<float> weights) {
    const int slots = optimizer.slots() * 2;
    const Tensor g = test::on_device(*backend, Tensor::from<float>({2}, gradient));
    const Tensor w = test::on_device(*backend, Tensor::from<float>({2}, weights));
    const Tensor s = test::device_zeros(*backend, {std::max(slots, 1)});
    for (std::uint32_t step = 0; step < 3; ++step) {
      const test::OnDevice<StepState> state(*backend, filled(optimizer, step));
      optimizer.step(*backend, state.address(),
                     {.count = 2,
                      .gradient = g.data<float>(),
                      .weights = w.data<float>(),
                      .slots = slots == 0 ? nullptr : s.data<float>(),
                      .slot_stride = 2});
    }
    const Tensor moved = test::to_host(*backend, w), memory = test::to_host(*backend, s);
    std::copy_n(moved.host<float>().begin(), 2, weights.begin());
    weights.insert(weights.end(), memory.host<float>().begin(), memory.host<float>().begin() + slots);
    return weights;
  };
  // w -= .25 * g, three times: exact.
  CHECK(run(*Sgd{.learning_rate = 0.25f}.make(), {1, 1}) == std::vector<float>{0.625f, 2.5f});
  // v = .5 v - .25 g: -.125, -.1875, -.21875 for g = .5; exact.
  CHECK(run(*Sgd{.learning_rate = 0.25f, .momentum = 0.5f}.make(), {1, 1}) ==
        std::vector<float>{0.46875f, 3.125f, -0.21875f, 0.875f});
  // PyTorch's L2: g + .5 w, so w = w - .25 (g + .5 w) = .875 w - .25 g.
  CHECK(run(*Sgd{.learning_rate = 0.25f, .convention = Convention::pytorch, .weight_decay = 0.5f}.make(), {1, 0}) ==
        std::vector<float>{0.875f * (0.875f * (0.875f - 0.125f) - 0.125f) - 0.125f,
                           0.5f + 0.875f * (0.5f + 0.875f * 0.5f)});

  const std::vector<float> adam = run(*Adam{.learning_rate = 0.5f, .beta1 = 0.5f, .beta2 = 0.75f}.make(), {1, 1});
  REQUIRE(adam.size() == 6);
  for (std::size_t i = 0; i < 2; ++i) {
    const double g = gradient[i];
    // A constant gradient: both corrected moments are g and g^2, so a step moves by the rate, up to epsilon.
    CHECK(std::abs(adam[i] - (1.0 - 1.5 * (g > 0 ? 1 : -1))) < 3e-6);
    CHECK(std::abs(adam[2 + i] - g * (1 - 0.125)) < 1e-6);
    CHECK(std::abs(adam[4 + i] - g * g * (1 - 0.75 * 0.75 * 0.75)) < 4e-6);
  }
  // Decoupled decay moves the weight, and leaves the moments alone; L2 enters them.
  const std::vector<float> plain = run(*AdamW{.weight_decay = 0.0f}.make(), {100, 100});
  const std::vector<float> decoupled = run(*AdamW{.weight_decay = 0.5f}.make(), {100, 100});
  const std::vector<float> l2 = run(*Adam{.weight_decay = 0.5f}.make(), {100, 100});
  CHECK(std::vector<float>(decoupled.begin() + 2, decoupled.end()) ==
        std::vector<float>(plain.begin() + 2, plain.end()));
  CHECK(decoupled[0] < plain[0] - 0.1f);
  CHECK(l2[2] > plain[2] + 1.0f);
}

TEST_CASE("Optimizer: configs read back") {
  std::vector<std::unique_ptr<Optimizer>> optimizers;
  optimizers.push_back(Sgd{}.make());
  optimizers.push_back(Sgd{.learning_rate = 0.05f,
                           .momentum = 0.8f,
                           .nesterov = true,
                           .decay = 2e-4f,
                           .convention = Convention::pytorch,
                           .weight_decay = 1e-4f}
                           .make());
  optimizers.push_back(Adam{.learning_rate = 3e-5f,
                            .beta1 = 0.8f,
                            .beta2 = 0.99f,
                            .epsilon = 1e-8f,
                            .decay = 0.1f,
                            .convention = Convention::pytorch,
                            .weight_decay = 0.01f}
                           .make());
  optimizers.push_back(AdamW{.weight_decay = 0.02f}.make());
  for (const auto& optimizer : optimizers) {
    const nlohmann::json config = nlohmann::json::parse(optimizer->config().dump());
    CAPTURE(config.dump());
    const auto twin = make_optimizer(config);
    CHECK(twin->name() == optimizer->name());
    CHECK(twin->config() == optimizer->config());
    CHECK(twin->slots() == optimizer->slots());
    CHECK(filled(*twin, 7).learning_rate == filled(*optimizer, 7).learning_rate);
    CHECK(filled(*twin, 7).variance_correction == filled(*optimizer, 7).variance_correction);
    for (const auto& item : config.items()) {
      nlohmann::json less = config;
      less.erase(item.key());
      CHECK_ERROR([&] { make_optimizer(less); }, file, "\"" + item.key() + "\" is missing");
    }
    nlohmann::json more = config;
    more["clip"] = 1;
    CHECK_ERROR([&] { make_optimizer(more); }, file, "\"clip\" is unknown");
    nlohmann::json negative = config;
    negative["learning_rate"] = -1;
    CHECK_ERROR([&] { make_optimizer(negative); }, file, "expected a learning rate of at least 0, got -1");
  }
  CHECK_ERROR([] { make_optimizer({{"kind", "rmsprop"}}); }, file, "expected a kind among sgd, adam, adamw");
}

TEST_CASE("Optimizer: schedule, clipping, accumulation and averages are in the config where they are used") {
  std::vector<std::unique_ptr<Optimizer>> optimizers;
  const Schedule schedule = CosineDecay{.decay_steps = 100, .warmup_target = 0.1, .warmup_steps = 10};
  optimizers.push_back(Sgd{.schedule = schedule, .clip = {.value = 0.5f}, .accumulate = 4}.make());
  optimizers.push_back(Adam{.clip = {.norm = 1.5f}, .ema = Ema{}}.make());
  optimizers.push_back(AdamW{.clip = {.global_norm = 1.0f},
                             .ema = Ema{.momentum = 0.9f, .overwrite_frequency = 7, .in_validation = true}}
                           .make());
  for (const auto& optimizer : optimizers) {
    const nlohmann::json config = nlohmann::json::parse(optimizer->config().dump());
    CAPTURE(config.dump());
    const auto twin = make_optimizer(config);
    CHECK(twin->config() == optimizer->config());
    CHECK(twin->state_arrays() == optimizer->state_arrays());
  }
  CHECK(optimizers[0]->state_arrays() == 1);
  CHECK(optimizers[1]->state_arrays() == 3);
  CHECK(optimizers[0]->config().at("clipvalue") == 0.5);
  CHECK(optimizers[0]->config().at("gradient_accumulation_steps") == 4);
  CHECK(optimizers[0]->config().at("schedule").at("kind") == "CosineDecay");
  CHECK(optimizers[1]->config().at("clipnorm") == 1.5);
  CHECK(optimizers[2]->config().at("ema_overwrite_frequency") == 7);
  for (const char* field :
       {"schedule", "clipvalue", "clipnorm", "global_clipnorm", "gradient_accumulation_steps", "ema_momentum"}) {
    CHECK_FALSE(Adam{}.make()->config().contains(field));
  }
  nlohmann::json bad = optimizers[1]->config();
  bad["clipvalue"] = 1;
  CHECK_ERROR([&] { make_optimizer(bad); }, file, "one of the clip value, norm and global norm, got 2");
  bad = optimizers[1]->config();
  bad.erase("ema_overwrite_frequency");
  CHECK_ERROR([&] { make_optimizer(bad); }, file, "\"ema_overwrite_frequency\" is missing");

  CHECK_ERROR([] { Adam{.clip = {.value = -1.0f}}.make(); }, usage, "a clip value of at least 0, got -1");
  CHECK_ERROR([] { Sgd{.accumulate = 0}.make(); }, usage, "at least 1 batch to an update, got 0");
  CHECK_ERROR([] { Sgd{.ema = Ema{.momentum = 1.0f}}.make(); }, usage, "an ema momentum in [0, 1), got 1");
}

TEST_CASE("Optimizer: a run's multiplier scales the rate, the decoupled decay with it") {
  const std::unique_ptr<Backend> backend = test_backend(1);
  const auto moved = [&](const Optimizer& optimizer, float multiplier) {
    const std::vector<float> gradient = {0.5f, -2.0f}, weights = {1.0f, 1.0f};
    const Tensor g = test::on_device(*backend, Tensor::from<float>({2}, gradient));
    const Tensor w = test::on_device(*backend, Tensor::from<float>({2}, weights));
    const Tensor s = test::device_zeros(*backend, {4});
    const test::OnDevice<StepState> state(*backend, filled(optimizer, 0));
    optimizer.step(*backend, state.address(),
                   {.count = 2,
                    .gradient = g.data<float>(),
                    .weights = w.data<float>(),
                    .slots = s.data<float>(),
                    .slot_stride = 2,
                    .rate_multiplier = multiplier});
    const Tensor host = test::to_host(*backend, w);
    return std::vector<float>(host.host<float>().begin(), host.host<float>().end());
  };
  CHECK(moved(*Sgd{.learning_rate = 0.5f}.make(), 0.25f) == moved(*Sgd{.learning_rate = 0.125f}.make(), 1.0f));
  CHECK(moved(*Sgd{.learning_rate = 0.5f, .momentum = 0.5f, .weight_decay = 0.1f}.make(), 0.5f) ==
        moved(*Sgd{.learning_rate = 0.25f, .momentum = 0.5f, .weight_decay = 0.1f}.make(), 1.0f));
  CHECK(moved(*AdamW{.learning_rate = 0.5f}.make(), 0.5f) == moved(*AdamW{.learning_rate = 0.25f}.make(), 1.0f));
  CHECK(moved(*Adam{}.make(), 0.0f) == std::vector<float>{1.0f, 1.0f});
}

TEST_CASE("Optimizer: errors say what was expected and received") {
  CHECK_ERROR([] { Sgd{.learning_rate = std::numeric_limits<float>::quiet_NaN()}.make(); }, usage, "a learning rate");
  CHECK_ERROR([] { Sgd{.momentum = 1.0f}.make(); }, usage, "expected a momentum in [0, 1), got 1");
  CHECK_ERROR([] { Sgd{.nesterov = true}.make(); }, usage, "nesterov needs a momentum above 0");
  CHECK_ERROR([] { Sgd{.decay = -0.1f}.make(); }, usage, "expected a decay of at least 0");
  CHECK_ERROR([] { Adam{.beta2 = 1.5f}.make(); }, usage, "adam: expected beta2 in [0, 1), got 1.5");
  CHECK_ERROR([] { Adam{.epsilon = 0.0f}.make(); }, usage, "expected an epsilon above 0");
  CHECK_ERROR([] { AdamW{.weight_decay = -1.0f}.make(); }, usage, "adamw: expected a weight decay of at least 0");
}

}  // namespace
}  // namespace curie
