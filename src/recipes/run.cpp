#include "recipes/run.h"

#include <chrono>
#include <ctime>
#include <memory>

#include "data/augmented_dataset.h"
#include "data/labels.h"
#include "io/checkpoint.h"
#include "io/model_file.h"
#include "model/session.h"
#include "recipes/baselines.h"
#include "recipes/data_digest.h"
#include "recipes/predictions.h"
#include "recipes/prepare.h"
#include "recipes/run_config.h"
#include "recipes/run_files.h"
#include "recipes/run_pictures.h"
#include "recipes/run_profile.h"
#include "recipes/run_report.h"
#include "report/metrics_json.h"
#include "report/pdf.h"
#include "tensor/files.h"
#include "tensor/log.h"

namespace curie {
namespace {

namespace fs = std::filesystem;

std::string local_time() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  localtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts);
  return text;
}

// Measures one phase of the run at a time.
class PhaseClock {
 public:
  void end(std::string name, std::string detail = {}) {
    const auto now = std::chrono::steady_clock::now();
    phases_.push_back({std::move(name), std::chrono::duration<double>(now - last_).count(), std::move(detail)});
    last_ = now;
  }
  const std::vector<PhaseTime>& phases() const { return phases_; }
  double total() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point last_ = start_;
  std::vector<PhaseTime> phases_;
};

// What was chosen; for "auto" on a CPU also why no GPU was.
std::string chosen_device(const std::string& asked, const Backend& backend) {
  const std::string text = backend.describe();
  if (asked != "auto") return text;
  if (backend.device().kind == DeviceKind::cuda) return text + " (auto: a GPU is there)";
  return text + fmt::format(" (auto: cuda is not there: {})", backend_status("cuda").details.front());
}

DataOptions data_options_of(const RunOptions& options) {
  return {.folder = options.data,
          .arrays = {.x = options.data_x, .y = options.data_y},
          .test_arrays = {.x = options.test_x, .y = options.test_y},
          .cache_folder = options.use_cache ? options.out.parent_path() / ".cache" : fs::path(),
          .limits = options.limits,
          .split_seed = *options.split_seed,
          .by_patient = options.by_patient,
          .phantom_seed = *options.split_seed,
          .threads = options.backend.threads,
          .progress = options.loading,
          .cancelled = options.interrupted};
}

// The training part, changed at random in each epoch where the recipe wants it so.
std::unique_ptr<Dataset> training_dataset(const RunOptions& options, const Recipe& recipe, const LabelledImages& images,
                                          const Model& model) {
  if (!recipe.augmentation) return std::make_unique<ImageDataset>(images);
  const Normalization& pixels = model.normalization();
  return std::make_unique<AugmentedDataset>(
      images, *recipe.augmentation,
      pixel_scale(pixels.divisor, pixels.mean, pixels.stddev, recipe.preprocessing.channels), options.seed);
}

// One a class for the training loss; empty: all alike.
std::vector<double> class_weights_of(const RunOptions& options, const Recipe& recipe, const LabelledImages& train) {
  if (options.balanced_classes) return balanced_class_weights(train.class_counts());
  std::vector<double> weights;
  if (!options.class_weights.empty()) {
    for (const std::string& name : recipe.classes) {
      const auto weight = options.class_weights.find(name);
      weights.push_back(weight == options.class_weights.end() ? 1.0 : weight->second);
    }
  }
  return weights;
}

RecipeNote class_weights_note(const Recipe& recipe, const std::vector<double>& weights) {
  std::string text;
  for (std::size_t c = 0; c < weights.size(); ++c) {
    text += fmt::format("{}{} {:.3g}", c == 0 ? "" : ", ", recipe.classes[c], weights[c]);
  }
  log_info("class weights: {}", text);
  return {"Class weights", fmt::format("In the training loss the classes weigh {}; the recipe weighs them alike. "
                                       "Validation and test are not weighted.",
                                       text)};
}

std::string contact_sheet_name(const Recipe& recipe) {
  return recipe.contact_sheet.empty() ? kContactSheetFile : recipe.contact_sheet;
}

void import_pretrained(const RunOptions& options, const Recipe& recipe, Model& model) {
  if (options.weights.empty()) return;
  const ImportReport report = import_weights(model, options.weights, recipe.pretraining->import);
  log_info("{}", to_string(report, options.weights));
}

std::string describe(const SourceImages& source) {
  if (source.synthetic) return fmt::format("{} phantoms drawn", source.images.size());
  if (source.from_cache) return fmt::format("{} images from the cache", source.images.size());
  return fmt::format("{} images, {:.0f} a second", source.images.size(),
                     source.images.size() / std::max(source.seconds, 1e-9));
}

void log_counts(const PreparedData& data, const Recipe& recipe) {
  for (const ClassCounts& row : data.counts) {
    std::string text;
    for (std::size_t i = 0; i < row.counts.size(); ++i) {
      text += fmt::format("{}{} {}", i == 0 ? "" : ", ", recipe.classes[i], row.counts[i]);
    }
    log_info("  {:<20} {}", row.step, text);
  }
  log_info("{}", to_string(data.leaks, "validation"));
  if (data.test_of_known_patients > 0) {
    log_info("{} of {} test images show a patient who is in training or validation too (--split-by patient)",
             data.test_of_known_patients, data.test.size());
  }
}

}  // namespace

RunOutcome run_recipe(const RunOptions& given) {
  Recipe recipe = recipe_of(given);
  const RunOptions options = with_defaults(given, recipe);
  Model model = recipe.build(options.seed);
  CompileOptions compile = recipe.compile();
  compile.device = options.device;
  compile.backend = options.backend;
  model.compile(compile);
  log_info("device: {}", chosen_device(options.device, model.session().backend()));

  const NewFolder new_folder(options.out);
  check_out_folder(options);
  const fs::path checkpoint = options.out / kCheckpointFile;
  const bool resumes = options.resume && fs::exists(checkpoint);
  if (options.resume && !resumes)
    log_info("{} has no checkpoint yet: starting from the first epoch", options.out.string());
  TrainingSnapshot snapshot;
  if (resumes) {
    snapshot = read_snapshot(checkpoint);
    check_epochs(snapshot, options);
  }
  nlohmann::json config = config_of(options, local_time());
  if (!resumes) import_pretrained(options, recipe, model);  // a checkpoint holds every weight
  if (recipe.pretraining && options.weights.empty()) {
    recipe.notes.insert(recipe.notes.begin(), {"No trained weights were given", recipe.pretraining->without});
    if (!resumes) log_warning("no trained weights were given: {}", recipe.pretraining->without);
  }
  if (recipe.augmentation) recipe.notes.push_back({"Changes to the training images", to_string(*recipe.augmentation)});

  PhaseClock clock;
  const DataOptions data_options = data_options_of(options);
  SourceImages source = source_images(recipe, data_options);
  if (source.cancelled) return {.interrupted = true, .history = {}, .metrics = {}, .report = {}};
  for (const Skipped& skipped : source.skipped) log_warning("skipped {}: {}", skipped.source, skipped.reason);
  clock.end(source.synthetic ? "Draw phantoms" : "Load images", describe(source));
  log_info("{}", describe(source));
  if (recipe.augmentation) config["augmentation"] = to_json(*recipe.augmentation);
  if (source.preprocessing) recipe.preprocessing = *source.preprocessing;
  config["preprocessing"] = to_json(recipe.preprocessing);
  recipe.notes.insert(recipe.notes.begin(), source.notes.begin(), source.notes.end());
  config["data_digest"] = data_digest(source);
  if (resumes) check_same_data(options.out / kConfigFile, config.at("data_digest").get<std::string>());

  const PreparedData data = prepare(recipe, source, data_options);
  log_counts(data, recipe);
  const std::vector<double> class_weights = class_weights_of(options, recipe, data.train);
  if (!class_weights.empty()) recipe.notes.push_back(class_weights_note(recipe, class_weights));
  clock.end("Split and resample",
            fmt::format("split {:.2f} s, resampling {:.2f} s", data.split_seconds, data.resample_seconds));

  write_file(options.out / kConfigFile, config.dump(2) + "\n");
  const ModelInfo info{.preprocessing = recipe.preprocessing, .class_names = recipe.classes, .provenance = config};
  const std::unique_ptr<Dataset> train = training_dataset(options, recipe, data.train, model);
  const ImageDataset validation(data.validation);
  RunOutcome outcome;
  outcome.history = model.fit(*train, {.epochs = options.epochs,
                                       .batch_size = options.batch_size,
                                       .validation = &validation,
                                       .callbacks = run_callbacks(options, recipe, model, info),
                                       .class_weights = class_weights,
                                       .verbose = options.verbose,
                                       .interrupted = options.interrupted,
                                       .save = [&](const TrainingSnapshot& s) { write_snapshot(checkpoint, s); },
                                       .resume = resumes ? &snapshot : nullptr});
  outcome.interrupted = outcome.history.stop_reason.rfind("interrupted", 0) == 0;
  if (outcome.interrupted) return outcome;
  clock.end("Train", fmt::format("{} epochs", outcome.history.epochs.size()));
  save_model(options.out / kModelFile, model, info);
  save_document_models(options, recipe, model, info);
  write_file(options.out / "history.json", to_json(outcome.history).dump(2) + "\n");

  const Predictions on_train = predict_all(model, data.train, options.batch_size);
  const Predictions on_test = predict_all(model, data.test, options.batch_size);
  // Where the test part validates, thresholds have nothing else to be chosen on.
  const bool validates = recipe.validation.kind != ValidationPart::Kind::test_part;
  const Predictions on_validation = validates ? predict_all(model, data.validation, options.batch_size) : Predictions{};
  clock.end("Evaluate");
  const RunFacts facts{.recipe = recipe,
                       .options = options,
                       .config = config,
                       .source = source,
                       .data = data,
                       .history = outcome.history,
                       .train = on_train,
                       .test = on_test,
                       .model_summary = model.summary(),
                       .device = model.session().backend().describe(),
                       .phases = {},
                       .started = config.at("started").get<std::string>(),
                       .validation = validates ? &on_validation : nullptr,
                       .model = &model,
                       .baselines = {ridge_baseline(data.train, data.test, options.backend.threads)}};
  RunReport report = report_of(facts);
  outcome.metrics = {{"train", metrics_json(report.results.front())},
                     {"test", metrics_json(report.results.back())},
                     {"best", best_epoch(options, recipe, outcome.history, model, data.test)},
                     {"epochs", outcome.history.epochs.size()},
                     {"stop_reason", outcome.history.stop_reason},
                     {"synthetic", source.synthetic}};
  write_file(options.out / kMetricsFile, outcome.metrics.dump(2) + "\n");
  if (has_pdf()) write_contact_sheet(options.out / contact_sheet_name(recipe), report);
  write_pages(facts, report);
  clock.end("Figures, baseline, heat maps");
  if (options.profile) {
    report.roofline = measured_roofline(recipe, compile, options.batch_size);
    clock.end("Profile a step");
  }
  report.phases = clock.phases();
  report.seconds = clock.total();
  outcome.report = options.out / kReportFile;
  write_report(outcome.report, report);
  return outcome;
}

}  // namespace curie
