#include "recipes/run_config.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "curie_version.h"
#include "tensor/error.h"
#include "tensor/files.h"
#include "tensor/text.h"

namespace curie {
namespace {

namespace fs = std::filesystem;

// The recipes that take weights, for a message.
std::string pretrainable() {
  std::string names;
  for (const Recipe& recipe : all_recipes()) {
    if (recipe.pretraining) names += (names.empty() ? "" : ", ") + recipe.name;
  }
  return names;
}

std::string absolute_path(const fs::path& path) { return path.empty() ? "" : fs::absolute(path).string(); }

void choose_augmentation(const std::string& wanted, Recipe& recipe) {
  if (wanted.empty()) return;
  CURIE_CHECK(recipe.augmentation, usage, "recipe {} does not augment its images: leave out --augment {}", recipe.name,
              wanted);
  if (wanted == "none") {
    recipe.augmentation.reset();
    return;
  }
  CURIE_CHECK(wanted == "keras" || wanted == "correct", usage,
              "expected the augmentation keras, correct or none, got {}", wanted);
  CURIE_CHECK(recipe.augmentation->style != AugmentationStyle::torchvision, usage,
              "recipe {} augments as torchvision does: of --augment, it knows none only, got {}", recipe.name, wanted);
  recipe.augmentation->style = wanted == "keras" ? AugmentationStyle::keras : AugmentationStyle::keras_corrected;
}

void check_class_weights(const RunOptions& options, const Recipe& recipe) {
  CURIE_CHECK(!options.balanced_classes || options.class_weights.empty(), usage,
              "class weights: expected \"balanced\" or weights of classes, got both");
  for (const auto& [name, weight] : options.class_weights) {
    CURIE_CHECK(std::find(recipe.classes.begin(), recipe.classes.end(), name) != recipe.classes.end(), usage,
                "class weights: \"{}\" is none of the recipe's classes {}{}", name, fmt::join(recipe.classes, ", "),
                suggestion(name, recipe.classes));
    CURIE_CHECK(std::isfinite(weight) && weight > 0, usage, "class weights: expected a weight above 0, got {}={}", name,
                weight);
  }
}

}  // namespace

Recipe recipe_of(const RunOptions& options) {
  Recipe recipe = find_recipe(options.recipe);
  choose_augmentation(options.augment, recipe);
  if (options.image_size == 0) return recipe;
  CURIE_CHECK(options.image_size >= kSmallestImage && options.image_size <= kLargestImage, usage,
              "--image-size: expected from {} to {} pixels, got {}", kSmallestImage, kLargestImage, options.image_size);
  recipe.preprocessing.width = recipe.preprocessing.height = options.image_size;
  return recipe;
}

RunOptions with_defaults(RunOptions options, const Recipe& recipe) {
  CURIE_CHECK(options.epochs >= 0 && options.batch_size >= 0, usage,
              "expected positive numbers of epochs and samples a batch, got {} and {}", options.epochs,
              options.batch_size);
  CURIE_CHECK(options.data_x.empty() == options.data_y.empty(), usage,
              "expected two arrays, images (--data-x) and classes (--data-y), got one");
  CURIE_CHECK(options.data.empty() || options.data_x.empty(), usage,
              "expected a folder (--data) or arrays (--data-x, --data-y), got both");
  CURIE_CHECK(options.test_x.empty() == options.test_y.empty(), usage,
              "expected two arrays of the test part, images (--test-x) and classes (--test-y), got one");
  CURIE_CHECK(options.test_x.empty() || !options.data_x.empty(), usage,
              "--test-x and --test-y go with the arrays of the training part, --data-x and --data-y");
  CURIE_CHECK(options.weights.empty() || recipe.pretraining, usage,
              "recipe {} starts from random weights; those that can start from others are {}", recipe.name,
              pretrainable());
  check_class_weights(options, recipe);
  if (options.epochs == 0) options.epochs = recipe.epochs;
  if (options.batch_size == 0) options.batch_size = recipe.batch_size;
  if (options.patience < 0) options.patience = recipe.early_stopping.patience;
  if (options.image_size == 0) options.image_size = recipe.preprocessing.width;
  if (!options.split_seed) options.split_seed = recipe.split_seed;
  return options;
}

nlohmann::json config_of(const RunOptions& options, const std::string& started) {
  return {
      {"version", kVersion},
      {"recipe", options.recipe},
      {"data", absolute_path(options.data)},
      {"data_x", absolute_path(options.data_x)},
      {"data_y", absolute_path(options.data_y)},
      {"test_x", absolute_path(options.test_x)},
      {"test_y", absolute_path(options.test_y)},
      {"phantoms", options.data.empty() && options.data_x.empty()},
      {"weights", absolute_path(options.weights)},
      {"image_size", options.image_size},
      {"epochs", options.epochs},
      {"batch_size", options.batch_size},
      {"patience", options.patience},
      {"seed", options.seed},
      {"split_seed", *options.split_seed},
      {"split_by", options.by_patient ? "patient" : "random"},
      {"augment", options.augment},
      {"class_weights", options.balanced_classes ? nlohmann::json("balanced") : nlohmann::json(options.class_weights)},
      {"tensorboard", absolute_path(options.tensorboard)},
      {"device", options.device},
      {"threads", options.backend.threads},
      {"math", std::string(name_of(options.backend.math))},
      {"kernels", std::string(name_of(options.backend.kernels))},
      {"record_steps", options.backend.record_steps},
      {"limits", options.limits},
      {"started", started},
      {"command_line", options.command_line}};
}

RunOptions options_of_run(const fs::path& run) {
  const fs::path path = run / kConfigFile;
  CURIE_CHECK(fs::exists(path), file, "{}: not the folder of a run: it holds no {}", run.string(), kConfigFile);
  try {
    const nlohmann::json config = nlohmann::json::parse(read_text(path));
    RunOptions options;
    options.recipe = config.at("recipe").get<std::string>();
    options.data = config.at("data").get<std::string>();
    options.data_x = config.value("data_x", "");
    options.data_y = config.value("data_y", "");
    options.test_x = config.value("test_x", "");
    options.test_y = config.value("test_y", "");
    options.weights = config.value("weights", "");
    options.out = run;
    options.image_size = config.value("image_size", 0);
    options.epochs = config.at("epochs").get<int>();
    options.batch_size = config.at("batch_size").get<int>();
    options.patience = config.at("patience").get<int>();
    options.seed = config.at("seed").get<std::uint64_t>();
    options.split_seed = config.at("split_seed").get<std::uint32_t>();
    options.by_patient = config.value("split_by", "random") == "patient";
    options.augment = config.value("augment", "");
    options.tensorboard = config.value("tensorboard", "");
    if (const auto weights = config.find("class_weights"); weights != config.end()) {
      options.balanced_classes = *weights == "balanced";
      if (!options.balanced_classes) options.class_weights = weights->get<std::map<std::string, double>>();
    }
    options.device = config.at("device").get<std::string>();
    options.backend.threads = config.at("threads").get<int>();
    options.backend.math = math_named(config.value("math", "exact"));
    options.backend.kernels = kernels_named(config.value("kernels", "curie"));
    options.backend.record_steps = config.value("record_steps", true);
    options.limits = config.at("limits").get<std::map<std::string, int>>();
    return options;
  } catch (const nlohmann::json::exception& error) {
    throw_error(ErrorKind::file, fmt::format("{}: damaged: {}", path.string(), error.what()));
  }
}

fs::path model_file_of(const fs::path& run_or_model) {
  return fs::is_directory(run_or_model) ? run_or_model / kModelFile : run_or_model;
}

}  // namespace curie
