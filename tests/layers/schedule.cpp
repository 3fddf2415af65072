#include "optim/schedule.h"

#include <doctest/doctest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "optim/optimizer.h"
#include "support/throws.h"
#include "tensor/files.h"

namespace curie {
namespace {

// scripts/goldens/updates.py
nlohmann::json golden() { return nlohmann::json::parse(read_text(std::string(CURIE_TEST_DATA) + "/updates.json")); }

TEST_CASE("Schedule: rates are Keras'") {
  const nlohmann::json goldens = golden();
  for (const nlohmann::json& test : goldens.at("schedules")) {
    CAPTURE(test.at("config").dump());
    const Schedule schedule = make_schedule(test.at("config"));
    const double first = test.at("rates").at(0).get<double>();
    for (std::size_t i = 0; i < test.at("steps").size(); ++i) {
      const double step = test.at("steps")[i].get<double>(), expected = test.at("rates")[i].get<double>();
      CAPTURE(step);
      // Keras computes in float32, which loses digits where a logarithm or a cosine near its end is small.
      CHECK(std::abs(schedule.rate(step) - expected) <= 2e-5 * std::max(expected, 0.1 * first));
    }
  }
}

TEST_CASE("Schedule: restarts fall on the first step of a period") {
  for (const double t_mul : {1.0, 1.5, 2.0, 3.0, 10.0}) {
    const Schedule schedule = CosineDecayRestarts{.learning_rate = 1.0, .first_decay_steps = 10, .t_mul = t_mul};
    double start = 0.0, length = 10.0;
    for (int period = 0; period < 6; ++period) {
      CAPTURE(t_mul);
      CAPTURE(period);
      CHECK(schedule.rate(start) == doctest::Approx(1.0).epsilon(1e-9));
      CHECK(schedule.rate(start + length / 2) == doctest::Approx(0.5).epsilon(1e-9));
      CHECK(schedule.rate(start + length * 0.999) < 1e-5);
      start += length;
      length *= t_mul;
    }
  }
}

TEST_CASE("Schedule: configs read back, and bad ones are refused") {
  const nlohmann::json goldens = golden();
  for (const nlohmann::json& test : goldens.at("schedules")) {
    for (const char* per : {"step", "epoch"}) {
      nlohmann::json config = test.at("config");
      config["per"] = per;
      const Schedule schedule = make_schedule(config);
      CHECK((schedule.per() == Per::epoch) == (std::string(per) == "epoch"));
      CHECK(make_schedule(nlohmann::json::parse(schedule.config().dump())).config() == schedule.config());
      for (const auto& item : config.items()) {
        nlohmann::json less = config;
        less.erase(item.key());
        CHECK_ERROR([&] { make_schedule(less); }, file, "\"" + item.key() + "\" is missing");
        if (!item.value().is_number()) continue;
        nlohmann::json bad = config;
        bad[item.key()] = -1;
        CHECK_ERROR([&] { make_schedule(bad); }, file, item.key());
        bad[item.key()] = "1";
        CHECK_ERROR([&] { make_schedule(bad); }, file, "to be a number");
      }
      config["extra"] = 1;
      CHECK_ERROR([&] { make_schedule(config); }, file, "\"extra\" is unknown");
    }
  }
  CHECK_ERROR([] { make_schedule({{"kind", "OneCycle"}}); }, file, "expected a kind among ExponentialDecay");
  CHECK_ERROR([] { Schedule(PiecewiseConstantDecay{.boundaries = {1}, .values = {1}}); }, usage, "one value more");
  CHECK_ERROR([] { Schedule(PiecewiseConstantDecay{.boundaries = {2, 1}, .values = {1, 2, 3}}); }, usage, "rising");
  CHECK_ERROR([] { Schedule(CosineDecayRestarts{.t_mul = 0.5}); }, usage, "t_mul of at least 1, got 0.5");
  CHECK_ERROR([] { Schedule(CosineDecay{.warmup_steps = 3.0}); }, usage, "3 steps of warm-up need a warmup_target");
  CHECK_ERROR([] { Schedule(ExponentialDecay{.decay_steps = 0.0}); }, usage, "decay_steps above 0, got 0");
}

TEST_CASE("Schedule: an optimizer counts updates, or epochs; .01 * .6^epoch") {
  const auto rate = [](const Optimizer& optimizer, std::uint32_t step) {
    StepState state{.step = step};
    optimizer.fill(state);
    return static_cast<double>(state.learning_rate);
  };
  const auto every_epoch =
      Adam{.schedule = ExponentialDecay{.learning_rate = 0.01, .decay_rate = 0.6, .per = Per::epoch}}.make();
  for (const int epoch : {0, 1, 24}) {
    every_epoch->set_epoch(epoch);
    CHECK(rate(*every_epoch, 1000) == doctest::Approx(0.01 * std::pow(0.6, epoch)).epsilon(1e-6));
  }
  // Four batches to an update: the rate counts batches, as in Keras, Adam's corrections count updates.
  const auto accumulating =
      Adam{.schedule = InverseTimeDecay{.learning_rate = 1.0, .decay_rate = 1.0}, .accumulate = 4}.make();
  for (const std::uint32_t step : {0u, 3u, 4u, 11u}) {
    CHECK(rate(*accumulating, step) == doctest::Approx(1.0 / (1.0 + step)).epsilon(1e-6));
    StepState state{.step = step}, plain{.step = step / 4};
    accumulating->fill(state);
    Adam{}.make()->fill(plain);
    CHECK(state.momentum_correction == plain.momentum_correction);
    CHECK(state.variance_correction == plain.variance_correction);
  }
  // As a callback's function.
  const Schedule schedule = ExponentialDecay{.learning_rate = 0.01, .decay_rate = 0.6};
  CHECK(schedule(2, 7.0f) == doctest::Approx(0.0036f));
}

}  // namespace
}  // namespace curie
