#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "commands.h"
#include "console.h"
#include "data/folder.h"
#include "data/load.h"
#include "metrics/classification_report.h"
#include "model/session.h"
#include "model_options.h"
#include "recipes/array_source.h"
#include "recipes/predictions.h"
#include "tensor/log.h"

namespace curie {
namespace {

namespace fs = std::filesystem;

struct EvaluateArguments {
  ModelOptions model;
  fs::path data;
  std::string data_x, data_y, part;
  DeviceOptions device;
  std::vector<std::string> limits;
  int batch_size = 256;
  bool json = false;
};

LabelledImages read_folder(const EvaluateArguments& arguments, const ModelInfo& info) {
  FolderScan scan =
      scan_class_folders(arguments.data, {.classes = info.class_names, .limits = parse_limits(arguments.limits)});
  if (!arguments.part.empty()) {
    std::erase_if(scan.files, [&](const FolderScan::File& file) { return name_of(file.part) != arguments.part; });
    CURIE_CHECK(!scan.files.empty(), data, "{}: expected images in a folder \"{}\" of the data set, found none",
                arguments.data.string(), arguments.part);
  }
  LoadResult loaded = load_images(scan, info.preprocessing,
                                  {.threads = arguments.device.backend.threads,
                                   .cache_folder = {},
                                   .progress = loading_progress(),
                                   .cancelled = {}});
  for (const Skipped& skipped : loaded.skipped) log_warning("skipped {}: {}", skipped.source, skipped.reason);
  return std::move(loaded.images);
}

LabelledImages read_images(const EvaluateArguments& arguments, const LoadedModel& loaded) {
  const ModelInfo& info = loaded.info;
  if (!arguments.data.empty()) {
    arguments.model.expect_class_names(loaded, arguments.data);
    return read_folder(arguments, info);
  }
  CURIE_CHECK(!arguments.data_x.empty() && !arguments.data_y.empty(), usage,
              "expected images: a folder (--data) or two arrays (--data-x and --data-y)");
  CURIE_CHECK(arguments.limits.empty() && arguments.part.empty(), usage, "--limit and --part need --data");
  return images_from_arrays({.x = arguments.data_x, .y = arguments.data_y}, info.class_names, info.preprocessing,
                            "the model")
      .images;
}

void evaluate(const EvaluateArguments& arguments) {
  LoadedModel loaded = arguments.model.open(arguments.device.device, arguments.device.backend);
  log_info("device: {}", loaded.model.session().backend().describe());
  const LabelledImages images = read_images(arguments, loaded);
  const Predictions predictions = predict_all(loaded.model, images, arguments.batch_size);
  const std::vector<std::string>& names = images.class_names;
  const ConfusionMatrix confusion =
      confusion_matrix(images.labels, predictions.predicted, static_cast<int>(names.size()));
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
  fmt::print("loss {:.4f}, accuracy {:.4f} on {} images\n", predictions.loss, predictions.accuracy, images.size());
}

}  // namespace

void add_evaluate(CLI::App& app) {
  auto arguments = std::make_shared<EvaluateArguments>();
  CLI::App* command = app.add_subcommand("evaluate", "Measure a trained model on a folder of images");
  command->add_option("model", arguments->model.model, kModelHelp)->type_name("RUN|MODEL")->required();
  CLI::Option* folder =
      command->add_option("--data", arguments->data, "folder with one folder of images a class")->type_name("DIR");
  command->add_option("--data-x", arguments->data_x, "images as a NumPy array (n, h, w, c)")
      ->type_name("X.npy")
      ->excludes(folder);
  command->add_option("--data-y", arguments->data_y, "their class numbers, (n) or (n, 1)")
      ->type_name("Y.npy")
      ->excludes(folder);
  command->add_option("--part", arguments->part, "of a data set in parts, only this one")
      ->check(CLI::IsMember({"train", "validation", "test"}));
  command->add_option("--limit", arguments->limits, kLimitHelp)->type_name("CLASS=N");
  command->add_option("--batch-size", arguments->batch_size, "samples a step")
      ->capture_default_str()
      ->check(whole_number(1, kMostCount));
  arguments->model.add_to(*command);
  arguments->device.add_to(*command);
  command->add_flag("--json", arguments->json, "results as JSON on stdout");
  command->footer(
      "All images of the folder are used, those of the model's own training too; of a data set in parts, such as\n"
      "Kermany's, --part test takes the test part.\n\n"
      "Examples: curie evaluate runs/first --data covid-radiography\n"
      "          curie evaluate keras.h5 --classes Normal,COVID --resample bilinear --data covid-radiography");
  command->callback([arguments] { evaluate(*arguments); });
}

}  // namespace curie
