#include "model_options.h"

#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <cmath>

#include "console.h"
#include "data/folder.h"
#include "io/torch_file.h"
#include "recipes/recipe.h"
#include "recipes/run.h"

namespace curie {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> resample_names() {
  std::vector<std::string> names;
  for (const Resample filter : kResamples) names.emplace_back(name_of(filter));
  return names;
}

ToldInfo told_info(const ModelOptions& options) {
  ToldInfo told;
  if (!options.recipe.empty()) {
    const Recipe& recipe = find_recipe(options.recipe);
    told = {.class_names = recipe.classes,
            .resample = recipe.preprocessing.resample,
            .channel_order =
                recipe.preprocessing.channels == 3 ? std::optional(recipe.preprocessing.channel_order) : std::nullopt,
            .normalization = recipe.build(1).normalization(),
            .by_recipe = options.classes.empty() && options.resample.empty() && options.channel_order.empty() &&
                         options.divide_by == 0 && options.mean.empty() && options.stddev.empty()};
  }
  if (!options.classes.empty()) told.class_names = options.classes;
  if (!options.resample.empty()) told.resample = resample_from_name(options.resample);
  if (!options.channel_order.empty())
    told.channel_order = options.channel_order == "bgr" ? ChannelOrder::bgr : ChannelOrder::rgb;
  if (options.divide_by != 0 || !options.mean.empty() || !options.stddev.empty()) {
    told.normalization = {
        .divisor = options.divide_by != 0 ? options.divide_by : 255.0, .mean = options.mean, .stddev = options.stddev};
  }
  return told;
}

// Weights alone become a model of the recipe's architecture.
LoadedModel from_recipe(const ModelOptions& options, const std::string& device, const BackendOptions& backend,
                        const ImportOptions& import) {
  CURIE_CHECK(options.resample.empty() && options.channel_order.empty() && options.divide_by == 0 &&
                  options.mean.empty() && options.stddev.empty(),
              usage,
              "the recipe says how images become the model's input; leave out --resample, --channel-order, "
              "--divide-by, --mean and --stddev");
  const Recipe& recipe = find_recipe(options.recipe);
  Model model = recipe.build(1);
  CompileOptions compile = recipe.compile();
  compile.device = device;
  compile.backend = backend;
  model.compile(compile);
  const ImportReport report = import_weights(model, options.model, import);
  fmt::print(stderr, "{}\n", to_string(report, options.model));
  ModelInfo info{.preprocessing = recipe.preprocessing,
                 .class_names = recipe.classes,
                 .provenance = {{"recipe", recipe.name}, {"converted_from", options.model.string()}}};
  rename_classes(info, {.class_names = options.classes}, options.model.string());
  return {std::move(model), std::move(info)};
}

// CLI11's numbers may be nan and inf.
CLI::Validator finite_number() {
  return CLI::Validator(
      [](std::string& text) {
        double value = 0;
        const bool number = CLI::detail::lexical_cast(text, value);
        return number && std::isfinite(value) ? std::string() : "expected a finite number, got " + text;
      },
      "");
}

}  // namespace

void ModelOptions::add_to(CLI::App& command) {
  command
      .add_option("--recipe", recipe,
                  "MODEL's images and classes are as in this recipe; of weights alone also the network")
      ->type_name("NAME");
  // One argument each, so that what follows is not taken for another value.
  const auto list = [](CLI::Option* option) { option->delimiter(',')->allow_extra_args(false); };
  list(command.add_option("--classes", classes, "names of MODEL's classes, in the order of its outputs: Normal,COVID")
           ->type_name("A,B,..."));
  command.add_option("--resample", resample, "how images are brought to MODEL's size")
      ->check(CLI::IsMember(resample_names()));
  command.add_option("--channel-order", channel_order, "of colours, as MODEL takes them")
      ->check(CLI::IsMember({"rgb", "bgr"}));
  command.add_option("--divide-by", divide_by, "MODEL takes (pixel / N - mean) / stddev; 255 where nothing is told")
      ->type_name("N")
      ->check(number_above(0));
  list(command.add_option("--mean", mean, "one a channel, after the division")
           ->type_name("R,G,B")
           ->check(finite_number()));
  list(command.add_option("--stddev", stddev, "one a channel, after the division")
           ->type_name("R,G,B")
           ->check(number_above(0)));
}

LoadedModel ModelOptions::open(const std::string& device, const BackendOptions& backend,
                               const ImportOptions& import) const {
  const fs::path file = model_file_of(model);
  const bool partly = !import.leave_out.empty() || import.allow_unused;
  if (!recipe.empty() && (partly || !holds_model(file))) return from_recipe(*this, device, backend, import);
  LoadedModel loaded = open_model(file, device, backend, told_info(*this));
  if (!recipe.empty()) {
    const int wanted = find_recipe(recipe).preprocessing.channels, found = loaded.info.preprocessing.channels;
    CURIE_CHECK(wanted == found, usage, "--recipe {}: expected a model of images with {} channel(s), found {}", recipe,
                wanted, found);
  }
  return loaded;
}

void ModelOptions::expect_class_names(const LoadedModel& loaded, const fs::path& data) const {
  if (!loaded.assumed.class_names) return;
  const FolderScan scan = scan_class_folders(data);
  throw_error(ErrorKind::usage,
              fmt::format("{}: it does not tell which output stands for which class; name the classes in the order of "
                          "its outputs with --classes. {} holds {}, and Keras' image_dataset_from_directory and "
                          "flow_from_directory number folders in this order",
                          model_file_of(model).string(), data.string(), fmt::join(scan.class_names, ", ")));
}

}  // namespace curie
