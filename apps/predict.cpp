#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <optional>

#include "class_choice.h"
#include "commands.h"
#include "console.h"
#include "data/load.h"
#include "model/probabilities.h"
#include "model_options.h"

namespace curie {
namespace {

namespace fs = std::filesystem;

struct PredictArguments {
  ModelOptions model;
  std::vector<fs::path> images;
  DeviceOptions device;
  std::optional<double> threshold;
  std::string class_name;
  bool json = false;
};

// The likeliest class; with a threshold, its class from there on and below it the likeliest of the others.
std::size_t decided(std::span<const float> probabilities, int own, std::optional<float> threshold) {
  std::vector<float> row(probabilities.begin(), probabilities.end());
  if (threshold) {
    float& p = row[static_cast<std::size_t>(own)];
    // Of two classes the first one's probability is what the second's leaves, as figures count it.
    if (row.size() == 2 && own == 0) p = 1.0f - row[1];
    p = p >= *threshold ? 2.0f : -1.0f;
  }
  return static_cast<std::size_t>(std::max_element(row.begin(), row.end()) - row.begin());
}

void predict(const PredictArguments& arguments) {
  std::optional<float> threshold;
  if (arguments.threshold) threshold = checked_threshold(*arguments.threshold);
  CURIE_CHECK(arguments.class_name.empty() || threshold, usage, "--class {}: expected it with --threshold",
              arguments.class_name);
  LoadedModel loaded = arguments.model.open(arguments.device.device, arguments.device.backend);
  const int own = threshold ? chosen_class(loaded.info.class_names, arguments.class_name) : 0;
  const auto count = static_cast<int>(arguments.images.size());
  LabelledImages images;
  images.pixels = Tensor::zeros(loaded.info.preprocessing.shape().with_batch(count), DType::u8);
  images.labels.assign(arguments.images.size(), 0);
  images.class_names = loaded.info.class_names;
  Preprocessor preprocessor(loaded.info.preprocessing);
  for (int i = 0; i < count; ++i) {
    load_image(arguments.images[static_cast<std::size_t>(i)], preprocessor,
               images.pixels.rows(i, 1).host<std::uint8_t>().data());
  }
  const Tensor all = class_probabilities(loaded.model.graph(), loaded.model.predict(ImageDataset(images)));
  nlohmann::json results = nlohmann::json::array();
  for (int i = 0; i < count; ++i) {
    const std::span<const float> probabilities = all.rows(i, 1).host<float>();
    const std::size_t best = decided(probabilities, own, threshold);
    const std::string image = arguments.images[static_cast<std::size_t>(i)].string();
    if (arguments.json) {
      nlohmann::json classes = nlohmann::json::object();
      for (std::size_t c = 0; c < probabilities.size(); ++c) classes[images.class_names[c]] = probabilities[c];
      results.push_back({{"image", image}, {"predicted", images.class_names[best]}, {"probabilities", classes}});
      if (threshold) {
        results.back()["threshold"] = {{"class", images.class_names[static_cast<std::size_t>(own)]},
                                       {"probability", *threshold}};
      }
    } else {
      fmt::print("{}: {} ({:.4f})\n", image, images.class_names[best], probabilities[best]);
    }
  }
  if (arguments.json) fmt::print("{}\n", results.dump(2));
}

}  // namespace

void add_predict(CLI::App& app) {
  auto arguments = std::make_shared<PredictArguments>();
  CLI::App* command = app.add_subcommand("predict", "What a trained model says about single images (no diagnosis)");
  command->add_option("model", arguments->model.model, kModelHelp)->type_name("RUN|MODEL")->required();
  command->add_option("images", arguments->images, "image files")->type_name("IMAGE...")->required();
  command
      ->add_option("--threshold", arguments->threshold,
                   "say a class from this probability on (curie evaluate --sensitivity finds one)")
      ->type_name("P");
  command->add_option("--class", arguments->class_name, "the threshold's class (of two, the second)")
      ->type_name("NAME");
  arguments->model.add_to(*command);
  arguments->device.add_to(*command);
  command->add_flag("--json", arguments->json, "results as JSON on stdout");
  command->footer(
      "Examples: curie predict runs/first chest.png --json\n"
      "          curie predict runs/first chest.png --threshold 0.31\n"
      "          curie predict keras.h5 chest.png --recipe covid-basic-180");
  command->callback([arguments] { predict(*arguments); });
}

}  // namespace curie
