#include "model/summary.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "commands.h"
#include "console.h"
#include "kernel_notes.h"
#include "model/plan_text.h"
#include "model/session.h"
#include "model_options.h"
#include "recipes/recipe.h"
#include "recipes/run_config.h"

namespace curie {
namespace {

namespace fs = std::filesystem;

struct SummaryArguments {
  ModelOptions model;  // or a recipe's name
  DeviceOptions device;
  int batch_size = 0;
  int image_size = 0;
  bool plan = false;
};

void print_plan(Model& model, int batch_size, const BackendOptions& options) {
  Session& session = model.session();
  const Executor training(model.graph(), session.backend(), batch_size, Mode::training, session.loss_value());
  const bool kernels = session.backend().device().kind != DeviceKind::cpu;
  fmt::print("\n{}", plan_text(model.graph(), training,
                               kernels ? cuda_kernel_notes(model.graph(), batch_size, options.math) : StepNotes()));
}

void print_model(Model& model, int batch_size) {
  const std::size_t bytes = model.planned_bytes(batch_size);
  fmt::print("{}", model.summary());
  fmt::print("Predicted peak of a training step of {}: {} ({} a sample)\n", batch_size, human_bytes(bytes),
             human_bytes(bytes / static_cast<std::size_t>(batch_size)));
}

void print_info(const LoadedModel& loaded) {
  const auto mark = [](bool assumed) { return assumed ? " (assumed)" : ""; };
  fmt::print("Classes{}:", mark(loaded.assumed.class_names));
  for (std::size_t i = 0; i < loaded.info.class_names.size(); ++i)
    fmt::print(" {} = {}", i, loaded.info.class_names[i]);
  fmt::print("\nPreprocessing{}: {}\n", mark(loaded.assumed.resample || loaded.assumed.channel_order),
             to_string(loaded.info.preprocessing));
}

void summarize(const SummaryArguments& arguments) {
  const fs::path& path = arguments.model.model;
  if (fs::exists(path) || path.has_extension()) {
    CURIE_CHECK(arguments.image_size == 0, usage, "a saved model has an image size of its own: leave out --image-size");
    LoadedModel loaded = arguments.model.open(arguments.device.device, arguments.device.backend);
    const int batch_size = arguments.batch_size > 0 ? arguments.batch_size : 32;
    print_model(loaded.model, batch_size);
    if (arguments.plan) print_plan(loaded.model, batch_size, arguments.device.backend);
    print_info(loaded);
    return;
  }
  RunOptions wanted;
  wanted.recipe = path.string();
  wanted.image_size = arguments.image_size;
  const Recipe recipe = recipe_of(wanted);
  Model model = recipe.build(1);
  CompileOptions options = recipe.compile();
  options.device = arguments.device.device;
  options.backend = arguments.device.backend;
  model.compile(options);
  const int batch_size = arguments.batch_size > 0 ? arguments.batch_size : recipe.batch_size;
  print_model(model, batch_size);
  if (arguments.plan) print_plan(model, batch_size, arguments.device.backend);
}

}  // namespace

void add_summary(CLI::App& app) {
  auto arguments = std::make_shared<SummaryArguments>();
  CLI::App* command =
      app.add_subcommand("summary", "Layers, shapes, parameters and memory of a recipe or a saved model");
  command->add_option("what", arguments->model.model, std::string("a recipe's name, ") + kModelHelp)
      ->type_name("RECIPE|MODEL")
      ->required();
  command->add_option("--batch-size", arguments->batch_size, "for the memory; default: the recipe's")
      ->check(whole_number(1, kMostCount));
  command->add_option("--image-size", arguments->image_size, "of a recipe, instead of its own")
      ->check(whole_number(kSmallestImage, kLargestImage));
  arguments->model.add_to(*command);
  command->add_flag("--plan", arguments->plan,
                    "also what a training step runs: fused steps and why others are not, a GPU's kernels, and where "
                    "every value lies in memory from when to when");
  arguments->device.add_to(*command);
  command->footer("Example: curie summary covid-cnn-64 --batch-size 64");
  command->callback([arguments] { summarize(*arguments); });
}

}  // namespace curie
