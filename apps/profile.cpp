#include "model/profile.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "console.h"
#include "curie_version.h"
#include "profile_text.h"
#include "recipes/recipe.h"
#include "recipes/run_config.h"
#include "recipes/run_profile.h"
#include "report/roofline.h"
#include "tensor/error.h"
#include "tensor/files.h"

namespace curie {
namespace {

struct ProfileArguments {
  std::string recipe;
  DeviceOptions device;
  int batch_size = 0;
  int image_size = 0;
  int steps = 0;
  bool json = false;
  std::string out;
};

void write_files(const std::filesystem::path& folder, const std::string& recipe, const StepProfile& profile) {
  make_writable_folder(folder);
  write_file(folder / "profile.json", profile_json(recipe, profile).dump(2) + "\n");
  if (!profile.timed) {
    fmt::print(stderr, "{}: profile.json; no roofline without times\n", folder.string());
    return;
  }
  write_roofline(folder / "profile.html", roofline_of(recipe, profile), kVersion);
  fmt::print(stderr, "Profile: {}\n", (folder / "profile.html").string());
}

// An emulated step takes long, and says all in one.
int steps_on(const std::string& device) { return device.rfind("emulated", 0) == 0 ? 1 : 20; }

void profile(const ProfileArguments& arguments) {
  RunOptions wanted;
  wanted.recipe = arguments.recipe;
  wanted.image_size = arguments.image_size;
  const Recipe recipe = recipe_of(wanted);
  CompileOptions compile = recipe.compile();
  compile.device = arguments.device.device;
  compile.backend = arguments.device.backend;
  const ProfileOptions options{
      .batch = arguments.batch_size > 0 ? arguments.batch_size : recipe.batch_size,
      .steps = arguments.steps > 0 ? arguments.steps : steps_on(arguments.device.device),
      .classes = static_cast<int>(recipe.classes.size()),
  };
  const StepProfile profile = profile_step([&] { return recipe.build(1); }, compile, options);
  if (!arguments.out.empty()) write_files(arguments.out, recipe.name, profile);
  if (arguments.json) {
    fmt::print("{}\n", profile_json(recipe.name, profile).dump(2));
  } else {
    fmt::print("{}", profile_text(recipe.name, profile));
  }
}

}  // namespace

void add_profile(CLI::App& app) {
  auto arguments = std::make_shared<ProfileArguments>();
  CLI::App* command =
      app.add_subcommand("profile", "Where the time of a recipe's training step goes, and what binds each kernel");
  command->add_option("recipe", arguments->recipe, "which experiment")->type_name("RECIPE")->required();
  command->add_option("--batch-size", arguments->batch_size, "samples a step; default: the recipe's")
      ->check(whole_number(1, kMostCount));
  command->add_option("--image-size", arguments->image_size, "instead of the recipe's own")
      ->check(whole_number(kSmallestImage, kLargestImage));
  command->add_option("--steps", arguments->steps, "steps of each kind; default: 20, emulated 1")
      ->check(whole_number(1, kMostCount));
  arguments->device.add_to(*command);
  command->add_option("--out", arguments->out, "also profile.json and, as a page with the roofline, profile.html")
      ->type_name("DIR");
  command->add_flag("--json", arguments->json, "as JSON on stdout");
  command->footer("Example: curie profile covid-cnn-64 --steps 50");
  command->callback([arguments] { profile(*arguments); });
}

}  // namespace curie
