#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "commands.h"
#include "console.h"
#include "data/folder.h"
#include "data/load.h"
#include "io/model_file.h"
#include "metrics/classification_report.h"
#include "recipes/predictions.h"
#include "recipes/run.h"
#include "tensor/log.h"

namespace curie {
namespace {

namespace fs = std::filesystem;

struct EvaluateArguments {
  fs::path model, data;
  DeviceOptions device;
  std::vector<std::string> limits;
  int batch_size = 256;
  bool json = false;
};

void evaluate(const EvaluateArguments& arguments) {
  const fs::path file = model_file_of(arguments.model);
  LoadedModel loaded = load_model(file, arguments.device.device, arguments.device.backend);
  const FolderScan scan = scan_class_folders(
      arguments.data, {.classes = loaded.info.class_names, .limits = parse_limits(arguments.limits)});
  const LoadResult images = load_images(scan, loaded.info.preprocessing,
                                        {.threads = arguments.device.backend.threads,
                                         .cache_folder = {},
                                         .progress = loading_progress(),
                                         .cancelled = {}});
  for (const Skipped& skipped : images.skipped) log_warning("skipped {}: {}", skipped.source, skipped.reason);
  const Predictions predictions = predict_all(loaded.model, images.images, arguments.batch_size);
  const std::vector<std::string>& names = images.images.class_names;
  const ConfusionMatrix confusion =
      confusion_matrix(images.images.labels, predictions.predicted, static_cast<int>(names.size()));
  const ClassificationReport report = classification_report(confusion, names);
  if (arguments.json) {
    const nlohmann::json result = {{"loss", predictions.loss},
                                   {"accuracy", predictions.accuracy},
                                   {"classes", class_scores(report)},
                                   {"confusion", confusion.counts}};
    fmt::print("{}\n", result.dump(2));
    return;
  }
  fmt::print("{}\n", to_text(report));
  fmt::print("loss {:.4f}, accuracy {:.4f} on {} images\n", predictions.loss, predictions.accuracy,
             images.images.size());
}

}  // namespace

void add_evaluate(CLI::App& app) {
  auto arguments = std::make_shared<EvaluateArguments>();
  CLI::App* command = app.add_subcommand("evaluate", "Measure a trained model on a folder of images");
  command->add_option("model", arguments->model, "a run's folder or a model file")->type_name("RUN|MODEL")->required();
  command->add_option("--data", arguments->data, "folder with one folder of images a class")
      ->type_name("DIR")
      ->required();
  command->add_option("--limit", arguments->limits, "use at most N images of a class: --limit COVID=300")
      ->type_name("CLASS=N");
  command->add_option("--batch-size", arguments->batch_size, "samples a step")->capture_default_str();
  arguments->device.add_to(*command);
  command->add_flag("--json", arguments->json, "results as JSON on stdout");
  command->footer(
      "All images of the folder are used, those of the model's own training too.\n\n"
      "Example: curie evaluate runs/first --data covid-radiography");
  command->callback([arguments] { evaluate(*arguments); });
}

}  // namespace curie
