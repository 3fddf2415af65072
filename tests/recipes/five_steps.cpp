// Five training steps of every recipe's model against PyTorch, from the same parameters and images, dropout off.
// scripts/goldens/five_steps_recipes.py says how parameters and images follow from formulas; covid-cnn-64 has a test of
// its own (tests/model/five_steps.cpp).
#include <doctest/doctest.h>

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "model/session.h"
#include "recipes/recipe.h"
#include "support/backend.h"
#include "support/hashed.h"
#include "tensor/files.h"

using namespace curie;
using test::hash32;
using test::unit;

namespace {

constexpr std::uint32_t kLabels = 10, kBlocks = 11, kGrain = 12, kProbes = 1000;  // streams of the golden's script

struct Images {
  Tensor pixels;  // (n, size, size, channels) u8
  std::vector<std::int32_t> labels;
};

Images make_images(int count, const Shape& shape, std::uint32_t classes) {
  const auto size = static_cast<std::uint32_t>(shape[0]), channels = static_cast<std::uint32_t>(shape[2]);
  Images images{Tensor::zeros({count, shape[0], shape[1], shape[2]}, DType::u8), {}};
  const std::span<std::uint8_t> pixels = images.pixels.host<std::uint8_t>();
  std::size_t at = 0;
  for (std::uint32_t n = 0; n < static_cast<std::uint32_t>(count); ++n) {
    const auto label = static_cast<std::uint32_t>(unit(kLabels, n) * classes);
    images.labels.push_back(static_cast<std::int32_t>(label));
    for (std::uint32_t r = 0; r < size; ++r) {
      for (std::uint32_t c = 0; c < size; ++c) {
        const std::uint32_t block = hash32(kBlocks, n * 64 + r * 8 / size * 8 + c * 8 / size) >> 25;
        const std::uint32_t lit = r * classes / size == label ? 48 : 0;
        for (std::uint32_t k = 0; k < channels; ++k, ++at) {
          const std::uint32_t grain = hash32(kGrain, ((n * size + r) * size + c) * channels + k) >> 26;
          pixels[at] = static_cast<std::uint8_t>(block + grain + lit);
        }
      }
    }
  }
  return images;
}

Model without_dropout(const Model& model) {
  nlohmann::json config = model.config();
  for (nlohmann::json& layer : config.at("layers")) {
    if (layer.at("layer").at("kind") == "Dropout") layer["layer"]["rate"] = 0.0;
  }
  return Model::from_config(config);
}

struct Digest {
  double norm = 0.0, moved = 0.0, probe = 0.0;
};

Digest digest(std::span<const float> after, std::span<const float> before, std::uint32_t probe_stream) {
  Digest d;
  for (std::size_t i = 0; i < after.size(); ++i) {
    const auto w = static_cast<double>(after[i]);
    const double change = w - static_cast<double>(before[i]);
    d.norm += w * w;
    d.moved += change * change;
    d.probe += w * (2 * unit(probe_stream, i) - 1);
  }
  return {std::sqrt(d.norm), std::sqrt(d.moved), d.probe};
}

bool bit_equal(std::span<const float> a, std::span<const float> b) { return std::equal(a.begin(), a.end(), b.begin()); }

// Sets every parameter as the golden has it, by name. Returns the initial values.
std::vector<std::pair<std::string, Tensor>> set_parameters(Model& model, const nlohmann::json& parameters) {
  std::map<std::string, nlohmann::json> described;
  for (const nlohmann::json& parameter : parameters) described[parameter.at("name").get<std::string>()] = parameter;
  auto state = model.state();
  REQUIRE(state.size() == described.size());
  for (auto& entry : state) {
    const std::string& name = entry.first;
    CAPTURE(name);
    REQUIRE(described.contains(name));
    const nlohmann::json& parameter = described[name];
    const std::span<float> values = entry.second.host<float>();
    REQUIRE(values.size() == parameter.at("count").get<std::size_t>());
    const auto stream = parameter.at("stream").get<std::uint32_t>();
    const auto centre = parameter.at("centre").get<double>(), limit = parameter.at("limit").get<double>();
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = static_cast<float>(centre + limit * (2 * unit(stream, i) - 1));
    }
  }
  model.set_state(state);
  return state;
}

void check_parameters(const Model& model, const std::vector<std::pair<std::string, Tensor>>& before,
                      const nlohmann::json& parameters) {
  std::map<std::string, Tensor> start(before.begin(), before.end()), learned;
  for (const auto& [name, tensor] : model.state()) learned.emplace(name, tensor);
  int loosely = 0;  // held to less than a half of how far they moved
  for (const nlohmann::json& parameter : parameters) {
    const auto name = parameter.at("name").get<std::string>();
    CAPTURE(name);
    const std::span<const float> after = learned.at(name).host<float>(), first = start.at(name).host<float>();
    if (!parameter.contains("moved")) {
      CHECK(bit_equal(after, first));  // frozen
      continue;
    }
    const Digest found = digest(after, first, kProbes + parameter.at("stream").get<std::uint32_t>());
    // Where two values in a window of a max pool differ by rounding only, either may get the gradient: that moves a few
    // weights by a hundredth. `rounding` is what float32 does to PyTorch.
    const double moved = parameter.at("moved").get<double>();
    const double bound = moved * (2e-2 + 5 * parameter.at("rounding").get<double>());
    loosely += bound > 0.5 * moved ? 1 : 0;
    CHECK(std::abs(found.moved - moved) <= bound);
    CHECK(std::abs(found.norm - parameter.at("norm").get<double>()) <= bound);
    CHECK(std::abs(found.probe - parameter.at("probe").get<double>()) <= bound);
  }
  CHECK(loosely <= 1);  // the bias of a convolution in front of batch norm, whose gradient is nothing but rounding
}

void run_five_steps(const Recipe& recipe, const nlohmann::json& golden) {
  Model model = without_dropout(recipe.build(1));
  CompileOptions options = recipe.compile();
  options.device = test::device_under_test();
  options.backend.threads = 2;
  if (golden.contains("learning_rate")) {
    options.optimizer.get()->set_learning_rate(golden.at("learning_rate").get<float>());
  }
  model.compile(options);
  const Shape& shape = model.graph().input_shape();
  const auto input = golden.at("input").get<std::vector<int>>();
  REQUIRE(shape == Shape(std::span<const int>(input)));
  const auto before = set_parameters(model, golden.at("parameters"));

  const auto batches = golden.at("batches").get<std::vector<int>>();
  int total = 0;
  for (const int n : batches) total += n;
  const Images images = make_images(total, shape, golden.at("classes").get<std::uint32_t>());
  const auto labels_of = [&](int first, int n) {
    return std::span(images.labels).subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(n));
  };
  Session& session = model.session();
  session.plan(batches.front(), batches.front(), DType::u8);
  int first = 0;
  for (std::size_t step = 0; step < batches.size(); ++step) {
    session.set_totals({});
    session.train_step(images.pixels.rows(first, batches[step]), labels_of(first, batches[step]), {});
    const MetricTotals totals = session.totals();
    const double expected = golden.at("losses").at(step).get<double>();
    CAPTURE(step);
    CHECK(std::abs(totals.loss / totals.samples - expected) <= 1e-4 * expected);
    first += batches[step];
  }

  // In inference mode the running statistics count.
  const int last = batches.back();
  session.set_totals({});
  session.evaluate_step(images.pixels.rows(total - last, last), labels_of(total - last, last));
  const MetricTotals totals = session.totals();
  const double expected = golden.at("inference_loss").get<double>();
  const double rounding = golden.at("agreement").at("inference_loss").get<double>();
  CHECK(std::abs(totals.loss / totals.samples - expected) <= (1e-4 + 5 * rounding) * expected);

  check_parameters(model, before, golden.at("parameters"));
}

}  // namespace

TEST_CASE("five steps of every recipe's model agree with PyTorch in float64 to 1e-4") {
  const nlohmann::json golden =
      nlohmann::json::parse(read_text(std::string(CURIE_TEST_DATA) + "/five_steps_recipes.json"));
  std::size_t compared = 0;
  for (const Recipe& recipe : all_recipes()) {
    if (recipe.name == "covid-cnn-64") continue;
    CAPTURE(recipe.name);
    REQUIRE(golden.at("recipes").contains(recipe.name));
    run_five_steps(recipe, golden.at("recipes").at(recipe.name));
    ++compared;
  }
  CHECK(compared == golden.at("recipes").size());
}
