// Five training steps of covid-cnn-64 against PyTorch, from the same weights and images, dropout off.
// scripts/goldens/five_steps.py says how weights and images follow from formulas.
#include <doctest/doctest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "model/model.h"
#include "model/session.h"
#include "support/backend.h"
#include "support/hashed.h"
#include "tensor/files.h"

using namespace curie;
using curie::test::hash32;
using curie::test::unit;

namespace {

Sequential covid_without_dropout() {
  Sequential model({64, 64, 1});
  model.add(Conv2D{.filters = 32, .kernel = 3, .activation = Activation::relu})
      .add(MaxPool2D{.pool = 2})
      .add(Conv2D{.filters = 64, .kernel = 3, .activation = Activation::relu})
      .add(MaxPool2D{.pool = 2})
      .add(Conv2D{.filters = 64, .kernel = 3, .activation = Activation::relu})
      .add(Flatten{})
      .add(Dense{.units = 64, .activation = Activation::relu})
      .add(Dense{.units = 1, .activation = Activation::sigmoid});
  return model;
}

struct Images {
  Tensor pixels;
  std::vector<std::int32_t> labels;
};

Images make_images(int count) {
  Images images{Tensor::zeros({count, 64, 64, 1}, DType::u8), {}};
  const std::span<std::uint8_t> pixels = images.pixels.host<std::uint8_t>();
  std::size_t at = 0;
  for (std::uint32_t n = 0; n < static_cast<std::uint32_t>(count); ++n) {
    const std::int32_t label = unit(10, n) < 0.4 ? 1 : 0;
    images.labels.push_back(label);
    for (std::uint32_t r = 0; r < 64; ++r) {
      for (std::uint32_t c = 0; c < 64; ++c, ++at) {
        const std::uint32_t block = hash32(11, n * 64 + r / 8 * 8 + c / 8) >> 25;
        const std::uint32_t grain = hash32(12, n * 4096 + r * 64 + c) >> 26;
        pixels[at] = static_cast<std::uint8_t>(block + grain + (label == 1 && r >= 32 ? 48 : 0));
      }
    }
  }
  return images;
}

double limit_of(const Parameter& parameter) {
  return std::sqrt(6.0 / (static_cast<double>(parameter.fans.in) + static_cast<double>(parameter.fans.out)));
}

struct Digest {
  double sum = 0.0, norm = 0.0, moved = 0.0, probe = 0.0;
};

Digest digest(std::span<const float> after, std::span<const float> before, std::uint32_t probe_stream) {
  Digest d;
  for (std::size_t i = 0; i < after.size(); ++i) {
    const auto w = static_cast<double>(after[i]);
    const double change = w - static_cast<double>(before[i]);
    d.sum += w;
    d.norm += w * w;
    d.moved += change * change;
    d.probe += w * (2 * unit(probe_stream, i) - 1);
  }
  d.norm = std::sqrt(d.norm);
  d.moved = std::sqrt(d.moved);
  return d;
}

}  // namespace

TEST_CASE("five steps of covid-cnn-64 agree with PyTorch in float64 to 1e-5") {
  const nlohmann::json golden = nlohmann::json::parse(read_text(std::string(CURIE_TEST_DATA) + "/five_steps.json"));
  Sequential model = covid_without_dropout();
  model.compile({.optimizer = Adam{},
                 .loss = BinaryCrossentropy{},
                 .device = test::device_under_test(),
                 .backend = {.threads = 2}});
  auto state = model.state();
  std::uint32_t layer = 0;
  for (const NamedParameter& named : model.session().parameters().parameters()) {
    Tensor& tensor = state[2 * layer + (named.parameter->name == "bias")].second;
    const std::span<float> values = tensor.host<float>();
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = named.parameter->name == "bias"
                      ? 0.0f
                      : static_cast<float>((2 * unit(layer, i) - 1) * limit_of(*named.parameter));
    }
    if (named.parameter->name == "bias") ++layer;
  }
  model.set_state(state);

  const Images images = make_images(72);
  Session& session = model.session();
  session.plan(16, 16, DType::u8);
  int first = 0;
  for (std::size_t step = 0; step < 5; ++step) {
    const int n = golden.at("batches").at(step).get<int>();
    session.set_totals({});
    session.train_step(images.pixels.rows(first, n),
                       std::span(images.labels).subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(n)),
                       {});
    const MetricTotals totals = session.totals();
    const double expected = golden.at("float64").at("losses").at(step).get<double>();
    CAPTURE(step);
    CHECK(std::abs(totals.loss / totals.samples - expected) <= 1e-5 * expected);
    first += n;
  }

  const auto learned = model.state();
  for (std::size_t i = 0; i < learned.size(); ++i) {
    CAPTURE(learned[i].first);
    const nlohmann::json& expected = golden.at("float64").at("layers").at(i / 2).at(i % 2 == 0 ? "kernel" : "bias");
    const Digest found =
        digest(learned[i].second.host<float>(), state[i].second.host<float>(), 20 + static_cast<std::uint32_t>(i / 2));
    const double moved = expected.at("moved").get<double>();
    // Adam's first steps are sign-like, so rounding shows in proportion to how far a layer moved; sums over n weights
    // that each differ by little add up as sqrt(n) at most of the moved norm.
    const double bound = 2e-3 * moved;
    CHECK(std::abs(found.norm - expected.at("norm").get<double>()) <= bound);
    CHECK(std::abs(found.moved - moved) <= bound);
    CHECK(std::abs(found.probe - expected.at("probe").get<double>()) <= bound);
    CHECK(std::abs(found.sum - expected.at("sum").get<double>()) <= 10 * bound);
  }
}
