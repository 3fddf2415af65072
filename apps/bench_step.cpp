#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "commands.h"
#include "console.h"
#include "model/session.h"
#include "recipes/recipe.h"
#include "tensor/random.h"

namespace curie {
namespace {

struct BenchArguments {
  std::string recipe = "covid-cnn-64";
  DeviceOptions device;
  int batch_size = 0;
  int steps = 20;
  bool json = false;
};

void bench(const BenchArguments& arguments) {
  CURIE_CHECK(arguments.steps >= 1, usage, "--steps: expected at least 1, got {}", arguments.steps);
  const Recipe& recipe = find_recipe(arguments.recipe);
  const int batch = arguments.batch_size > 0 ? arguments.batch_size : recipe.batch_size;
  Model model = recipe.build(1);
  CompileOptions options = recipe.compile();
  options.device = arguments.device.device;
  options.backend = arguments.device.backend;
  model.compile(options);
  Session& session = model.session();
  session.plan(batch, batch, DType::u8);

  const RandomStream noise{.seed = 1};
  Tensor pixels = Tensor::zeros(model.graph().input_shape().with_batch(batch), DType::u8);
  std::span<std::uint8_t> bytes = pixels.host<std::uint8_t>();
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(noise.bits(i) >> 24);
  std::vector<std::int32_t> labels(static_cast<std::size_t>(batch));
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<std::int32_t>(i % recipe.classes.size());

  constexpr int kWarmUp = 3;
  std::vector<double> milliseconds;
  for (int step = 0; step < kWarmUp + arguments.steps; ++step) {
    const auto start = std::chrono::steady_clock::now();
    session.train_step(pixels, labels, {});
    session.backend().synchronize();
    const double taken = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
    if (step >= kWarmUp) milliseconds.push_back(taken);
  }
  std::sort(milliseconds.begin(), milliseconds.end());
  const double median = milliseconds[milliseconds.size() / 2];
  if (arguments.json) {
    fmt::print("{}\n", nlohmann::json{{"recipe", recipe.name},
                                      {"batch_size", batch},
                                      {"steps", arguments.steps},
                                      {"device", session.backend().describe()},
                                      {"math", name_of(arguments.device.backend.math)},
                                      {"kernels", name_of(arguments.device.backend.kernels)},
                                      {"median_ms", median},
                                      {"min_ms", milliseconds.front()},
                                      {"max_ms", milliseconds.back()}}
                           .dump(2));
    return;
  }
  fmt::print("{} at batch {} on {}: median {:.1f} ms a step (min {:.1f}, max {:.1f}), {:.0f} images/s\n", recipe.name,
             batch, session.backend().describe(), median, milliseconds.front(), milliseconds.back(),
             batch / median * 1e3);
}

}  // namespace

void add_bench_step(CLI::App& app) {
  auto arguments = std::make_shared<BenchArguments>();
  CLI::App* command = app.add_subcommand("bench-step", "Time training steps of a recipe on random pixels");
  command->add_option("--recipe", arguments->recipe, "which experiment")->capture_default_str();
  command->add_option("--batch-size", arguments->batch_size, "samples a step; default: the recipe's")
      ->check(whole_number(1, kMostCount));
  command->add_option("--steps", arguments->steps, "steps timed, after three more to warm up")
      ->capture_default_str()
      ->check(whole_number(1, kMostCount));
  arguments->device.add_to(*command);
  command->add_flag("--json", arguments->json, "as JSON on stdout");
  command->footer("Example: curie bench-step --recipe covid-cnn-64 --steps 50");
  command->callback([arguments] { bench(*arguments); });
}

}  // namespace curie
