#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <memory>
#include <numeric>
#include <optional>

#include "class_choice.h"
#include "commands.h"
#include "console.h"
#include "data/folder.h"
#include "data/load.h"
#include "evaluation_text.h"
#include "model/session.h"
#include "model_options.h"
#include "recipes/array_source.h"
#include "recipes/predictions.h"
#include "report/metrics_json.h"
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
  std::string class_name;
  std::optional<double> sensitivity, threshold;
  int draws = BootstrapOptions{}.draws;
  bool json = false;
};

struct EvaluatedImages {
  LabelledImages images;
  std::vector<std::string> patients;  // one an image, or none
};

EvaluatedImages read_folder(const EvaluateArguments& arguments, const ModelInfo& info) {
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
  return {std::move(loaded.images), patients_in(scan, loaded.files, false)};
}

EvaluatedImages read_images(const EvaluateArguments& arguments, const LoadedModel& loaded) {
  const ModelInfo& info = loaded.info;
  if (!arguments.data.empty()) {
    arguments.model.expect_class_names(loaded, arguments.data);
    return read_folder(arguments, info);
  }
  CURIE_CHECK(!arguments.data_x.empty() && !arguments.data_y.empty(), usage,
              "expected images: a folder (--data) or two arrays (--data-x and --data-y)");
  CURIE_CHECK(arguments.limits.empty() && arguments.part.empty(), usage, "--limit and --part need --data");
  ArrayImages read = images_from_arrays({.x = arguments.data_x, .y = arguments.data_y}, info.class_names,
                                        info.preprocessing, "the model");
  return {std::move(read.images), std::move(read.patients)};
}

// The classes that a threshold is chosen or judged for: the one that is named, or each of several.
std::vector<int> threshold_classes(const EvaluateArguments& arguments, const std::vector<std::string>& names) {
  if (!arguments.sensitivity && !arguments.threshold) return {};
  if (arguments.threshold || !arguments.class_name.empty() || names.size() == 2) {
    return {chosen_class(names, arguments.class_name)};
  }
  std::vector<int> all(names.size());
  std::iota(all.begin(), all.end(), 0);
  return all;
}

std::vector<JudgedThreshold> judged_thresholds(const EvaluateArguments& arguments, const std::vector<int>& classes,
                                               const EvaluationResult& result, const LabelledImages& images,
                                               const Predictions& predictions) {
  const std::vector<std::string>& names = images.class_names;
  std::vector<JudgedThreshold> judged;
  for (const int label : classes) {
    const std::string& name = names[static_cast<std::size_t>(label)];
    const std::vector<float> scores = scores_of_class(predictions.probabilities, static_cast<int>(names.size()), label);
    double threshold = 0;
    if (arguments.threshold) {
      threshold = static_cast<double>(checked_threshold(*arguments.threshold));
    } else if (result.confusion.truth_total(label) > 0) {
      threshold = threshold_for_sensitivity(images.labels, scores, *arguments.sensitivity, label);
    } else {
      CURIE_CHECK(arguments.class_name.empty() && names.size() > 2, data,
                  "--sensitivity: expected images of class {} to choose a threshold on, found none", name);
      log_warning("no image of class {}: no threshold was chosen for it", name);
      continue;
    }
    judged.push_back({.class_name = name,
                      .wanted = arguments.sensitivity.value_or(kUnknown),
                      .point = operating_point(images.labels, scores, threshold, label)});
  }
  return judged;
}

nlohmann::json to_json(const EvaluationResult& result, const PatientResult& patients, int positive,
                       const std::vector<JudgedThreshold>& thresholds) {
  const std::vector<ClassScores>& classes = result.scores.classes;
  nlohmann::json json = metrics_json(result);
  json["images"] = result.scores.support;
  json["positive_class"] =
      classes.size() == 2 ? nlohmann::json(classes[static_cast<std::size_t>(positive)].name) : nlohmann::json(nullptr);
  json["intervals"] = {{"draws", result.bootstrap.draws}, {"confidence", result.bootstrap.confidence}};
  json["patients"] = nullptr;
  if (patients.result.confusion.classes > 0) {
    nlohmann::json cases = metrics_json(patients.result);
    cases.erase("loss");  // of a case there is none
    cases["images"] = patients.images;
    cases["cases"] = patients.result.confusion.total();
    json["patients"] = std::move(cases);
  }
  json["thresholds"] = nlohmann::json::array();
  for (const JudgedThreshold& one : thresholds) {
    nlohmann::json row = operating_point_json(one.point);
    row["class"] = one.class_name;
    row["wanted_sensitivity"] = number_or_null(one.wanted);
    row["chosen_on_these_images"] = std::isfinite(one.wanted);
    json["thresholds"].push_back(std::move(row));
  }
  return json;
}

void check_options(const EvaluateArguments& arguments) {
  CURIE_CHECK(arguments.draws >= 0, usage, "--draws: expected 0 or more, got {}", arguments.draws);
  if (arguments.threshold) checked_threshold(*arguments.threshold);
  if (!arguments.sensitivity) return;
  CURIE_CHECK(*arguments.sensitivity > 0 && *arguments.sensitivity <= 1, usage,
              "--sensitivity: expected a share above 0 and at most 1, such as 0.97, got {}", *arguments.sensitivity);
}

void evaluate(const EvaluateArguments& arguments) {
  check_options(arguments);
  LoadedModel loaded = arguments.model.open(arguments.device.device, arguments.device.backend);
  const std::vector<std::string>& names = loaded.info.class_names;
  const bool two = names.size() == 2;
  CURIE_CHECK(two || arguments.class_name.empty() || arguments.sensitivity || arguments.threshold, usage,
              "--class {}: of {} classes, expected it with --sensitivity or --threshold", arguments.class_name,
              names.size());
  const int positive = two ? chosen_class(names, arguments.class_name) : 0;
  const std::vector<int> judged = threshold_classes(arguments, names);
  log_info("device: {}", loaded.model.session().backend().describe());
  const auto [images, patients] = read_images(arguments, loaded);
  const Predictions predictions = predict_all(loaded.model, images, arguments.batch_size);
  const EvaluationOptions options{.positive = positive, .bootstrap = {.draws = arguments.draws}};
  const EvaluationResult result = evaluation_result("Evaluation", predictions.loss, images.labels,
                                                    predictions.predicted, predictions.probabilities, names, options);
  const PatientResult by_patient = patient_result(patients, images.labels, predictions.probabilities, names, options);
  const std::vector<JudgedThreshold> thresholds = judged_thresholds(arguments, judged, result, images, predictions);
  if (arguments.json) {
    fmt::print("{}\n", to_json(result, by_patient, positive, thresholds).dump(2));
    return;
  }
  print_evaluation(result, by_patient, positive);
  print_thresholds(thresholds);
  fmt::print("\nloss {:.4f}, accuracy {:.4f} on {} images\n", predictions.loss, predictions.accuracy, images.size());
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
  CLI::Option* sensitivity =
      command
          ->add_option("--sensitivity", arguments->sensitivity, "print the threshold that finds this share of a class")
          ->type_name("SHARE");
  command->add_option("--threshold", arguments->threshold, "print what this threshold does for a class")
      ->type_name("P")
      ->excludes(sensitivity);
  command
      ->add_option("--class", arguments->class_name,
                   "the class to be found, against the rest (of two, the second; --sensitivity: of more, each)")
      ->type_name("NAME");
  command->add_option("--draws", arguments->draws, "bootstrap samples behind the intervals; 0: no intervals")
      ->capture_default_str();
  arguments->model.add_to(*command);
  arguments->device.add_to(*command);
  command->add_flag("--json", arguments->json, "results as JSON on stdout");
  command->footer(
      "All images of the folder are used, those of the model's own training too; of a data set in parts, such as\n"
      "Kermany's, --part test takes the test part. Where metadata.csv or the files' names tell patients, figures are\n"
      "counted by patient as well. docs/reading-a-report.md explains each figure and the names in the JSON.\n\n"
      "Examples: curie evaluate runs/first --data covid-radiography\n"
      "          curie evaluate runs/first --data kermany --part validation --sensitivity 0.97 --class NORMAL\n"
      "          curie evaluate runs/first --data kermany --part test --threshold 0.31 --class NORMAL\n"
      "          curie evaluate keras.h5 --classes Normal,COVID --resample bilinear --data covid-radiography");
  command->callback([arguments] { evaluate(*arguments); });
}

}  // namespace curie
