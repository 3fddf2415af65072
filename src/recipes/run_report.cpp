#include "recipes/run_report.h"

#include <algorithm>
#include <numeric>

#include "curie_version.h"
#include "model/saliency.h"
#include "tensor/log.h"

namespace curie {
namespace {

constexpr std::size_t kExamples = 12;
constexpr std::size_t kMistakes = 24;
constexpr int kExplained = 128;  // pixels of the longer side of a heat map
constexpr int kThumbnail = 96;   // and of an image in the contact sheet
constexpr int kSmallThumbnail = 64;
constexpr std::size_t kLargeSheet = 1000;  // images from which on thumbnails are small
constexpr int kDraws = 1000;

ExamplePrediction example(const RunFacts& facts, int sample) {
  const LabelledImages& images = facts.data.test;
  const auto i = static_cast<std::size_t>(sample);
  const Tensor pixels = images.pixels.rows(sample, 1);
  const std::span<const std::uint8_t> bytes = pixels.host<std::uint8_t>();
  return {.width = pixels.shape()[2],
          .height = pixels.shape()[1],
          .channels = pixels.shape()[3],
          .pixels = {bytes.begin(), bytes.end()},
          .truth = images.class_names[static_cast<std::size_t>(images.labels[i])],
          .predicted = images.class_names[static_cast<std::size_t>(facts.test.predicted[i])],
          .probability = facts.test.confidence(sample),
          .source = images.sources[i]};
}

// The chosen samples by descending or ascending confidence, the first `most` of them.
std::vector<int> first_by_confidence(const RunFacts& facts, std::vector<int> samples, bool surest_first,
                                     std::size_t most) {
  std::stable_sort(samples.begin(), samples.end(), [&](int a, int b) {
    const double first = facts.test.confidence(a);
    const double second = facts.test.confidence(b);
    return surest_first ? first > second : first < second;
  });
  samples.resize(std::min(samples.size(), most));
  return samples;
}

std::vector<ExamplePrediction> examples(const RunFacts& facts, const std::vector<int>& samples) {
  std::vector<ExamplePrediction> chosen;
  for (const int sample : samples) chosen.push_back(example(facts, sample));
  return chosen;
}

Picture picture_of(const ExamplePrediction& example) {
  return without_idle_color({example.width, example.height, example.channels, example.pixels});
}

// Grad-CAM of the class that was predicted, over each of these test images.
void explain(const RunFacts& facts, const std::vector<int>& samples, RunReport& report) {
  Inspector inspector(*facts.model);
  const Inspector::LayerInfo& layer = last_convolution(inspector, facts.model->graph());
  if (layer.shape[0] * layer.shape[1] == 1) return;  // one cell points nowhere
  for (std::size_t i = 0; i < samples.size(); ++i) {
    inspector.run(facts.data.test.pixels.rows(samples[i], 1));
    const int predicted = facts.test.predicted[static_cast<std::size_t>(samples[i])];
    const Tensor cam = grad_cam(inspector, predicted, layer.value);
    const std::span<const float> values = cam.host<float>();
    const HeatMap map{cam.shape()[2], cam.shape()[1], {values.begin(), values.end()}};
    report.wrong[i].explanation = overlaid(at_most(picture_of(report.wrong[i]), kExplained), map);
  }
  report.explanation = fmt::format("Grad-CAM of {}", layer.name);
}

// A report without heat maps is better than none.
void try_to_explain(const RunFacts& facts, const std::vector<int>& samples, RunReport& report) {
  const auto& nodes = facts.model->graph().nodes();
  const bool convolutional =
      std::any_of(nodes.begin(), nodes.end(), [](const Node& node) { return node.layer->kind() == "Conv2D"; });
  if (!convolutional || samples.empty()) return;
  try {
    explain(facts, samples, report);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::out_of_memory) throw;
    log_warning("report: no memory for Grad-CAM beside the mistakes: {}", error.what());
  }
}

void add_examples(const RunFacts& facts, RunReport& report) {
  std::vector<int> all(facts.data.test.labels.size());
  std::iota(all.begin(), all.end(), 0);
  std::vector<int> right, wrong;
  for (const int sample : all) {
    const auto i = static_cast<std::size_t>(sample);
    (facts.test.predicted[i] == facts.data.test.labels[i] ? right : wrong).push_back(sample);
  }
  // An even walk through what is right: not only the easiest samples.
  std::vector<int> typical;
  const std::size_t stride = std::max<std::size_t>(1, right.size() / kExamples);
  for (std::size_t i = 0; i < right.size() && typical.size() < kExamples; i += stride) typical.push_back(right[i]);
  report.right = examples(facts, first_by_confidence(facts, typical, true, kExamples));
  report.least_sure = examples(facts, first_by_confidence(facts, all, false, kExamples));
  const std::vector<int> mistakes = first_by_confidence(facts, wrong, true, kMistakes);
  report.wrong = examples(facts, mistakes);
  if (facts.model != nullptr) try_to_explain(facts, mistakes, report);

  for (const int sample : all) {
    ExamplePrediction one = example(facts, sample);
    Picture thumbnail = at_most(picture_of(one), all.size() < kLargeSheet ? kThumbnail : kSmallThumbnail);
    one.width = thumbnail.width;
    one.height = thumbnail.height;
    one.channels = thumbnail.channels;
    one.pixels = std::move(thumbnail.pixels);
    report.contact_sheet.push_back(std::move(one));
  }
}

// One table for the class to be found, or one for each class where none is special.
void add_thresholds(const RunFacts& facts, RunReport& report) {
  const auto classes = static_cast<int>(facts.recipe.classes.size());
  // Documents that validate with the test part leave nothing to choose on.
  const bool apart = facts.validation != nullptr && facts.data.validation.sources != facts.data.test.sources;
  for (int label = 0; label < classes; ++label) {
    if (facts.recipe.positive_class >= 0 && label != facts.recipe.positive_class) continue;
    const std::vector<float> test = scores_of_class(facts.test.probabilities, classes, label);
    std::vector<float> validation;
    std::span<const std::int32_t> validation_truth;
    if (apart) {
      validation = scores_of_class(facts.validation->probabilities, classes, label);
      validation_truth = facts.data.validation.labels;
    }
    report.thresholds.push_back(threshold_table(facts.recipe.classes[static_cast<std::size_t>(label)], label,
                                                own_decision(report.results.back().confusion, label),
                                                {facts.data.test.labels, test}, "validation part",
                                                {validation_truth, validation}));
  }
}

EvaluationOptions evaluation_options(const RunFacts& facts, int draws) {
  const bool two = facts.recipe.classes.size() == 2;
  return {.positive = two && facts.recipe.positive_class >= 0 ? facts.recipe.positive_class
                      : two                                   ? 1
                                                              : 0,
          .bootstrap = {.draws = draws}};
}

void add_history(const RunFacts& facts, RunReport& report) {
  for (const EpochLog& epoch : facts.history.epochs) {
    const auto value = [&](const char* name) { return epoch.logs.find(name).value_or(kUnknown); };
    report.history.push_back({.epoch = epoch.epoch + 1,
                              .loss = value("loss"),
                              .accuracy = value("accuracy"),
                              .val_loss = value("val_loss"),
                              .val_accuracy = value("val_accuracy"),
                              .learning_rate = value("learning_rate"),
                              .seconds = epoch.seconds});
  }
  const int patience = facts.options.patience >= 0 ? facts.options.patience : facts.recipe.early_stopping.patience;
  const bool stopped = !facts.history.stop_reason.empty();
  report.stopping = {.reason = stopped ? facts.history.stop_reason
                                       : fmt::format("All {} epochs were run", facts.history.epochs.size()),
                     .monitor = facts.recipe.early_stopping.monitor,
                     .patience = patience,
                     .min_delta = facts.recipe.early_stopping.min_delta,
                     .stopped_early = stopped,
                     .restored_best = facts.recipe.early_stopping.restore_best_weights};
}

}  // namespace

RunReport report_of(const RunFacts& facts) {
  RunReport report;
  report.title = facts.recipe.title;
  report.recipe = facts.recipe.name;
  report.description = facts.recipe.description;
  report.command_line = facts.options.command_line;
  report.started = facts.started;
  report.seconds = facts.seconds;
  report.version = kVersion;
  report.device = facts.device;
  report.synthetic = facts.source.synthetic;
  report.class_names = facts.recipe.classes;
  report.positive_class = facts.recipe.positive_class;
  report.results.push_back(evaluation_result("Training", facts.train.loss, facts.data.train.labels,
                                             facts.train.predicted, facts.train.probabilities, facts.recipe.classes,
                                             evaluation_options(facts, 0)));
  report.results.push_back(evaluation_result("Test", facts.test.loss, facts.data.test.labels, facts.test.predicted,
                                             facts.test.probabilities, facts.recipe.classes,
                                             evaluation_options(facts, kDraws)));
  add_thresholds(facts, report);
  report.patients = patient_result(facts.data.test_patients, facts.data.test.labels, facts.test.probabilities,
                                   facts.recipe.classes, evaluation_options(facts, kDraws));
  report.baselines = facts.baselines;
  add_history(facts, report);
  add_examples(facts, report);
  for (const ClassCounts& row : facts.data.counts) {
    report.counts.push_back({.step = row.step, .counts = {row.counts.begin(), row.counts.end()}});
  }
  for (const Skipped& skipped : facts.source.skipped) report.skipped.push_back({skipped.source, skipped.reason});
  report.leak_check = {
      .clean = facts.data.leaks.clean() && facts.data.test_leaks.clean(),
      .text = to_string(facts.data.leaks, "validation") + " " + to_string(facts.data.test_leaks, "test")};
  report.model_summary = facts.model_summary;
  report.phases = facts.phases;
  if (!facts.data.resampling_note.empty()) report.notes.push_back({"Resampling", facts.data.resampling_note});
  if (!facts.data.division.empty()) report.notes.push_back({"Division", facts.data.division});
  if (facts.data.test_of_known_patients > 0) {
    report.notes.push_back(
        {"Known patients in the test part",
         fmt::format("{} of {} test images show a patient who is in training or validation too, so the "
                     "figures flatter; --split-by patient keeps patients apart.",
                     facts.data.test_of_known_patients, facts.data.test.size())});
  }
  for (const RecipeNote& note : facts.recipe.notes) report.notes.push_back({note.title, note.text});
  report.configuration = facts.config.dump(2);
  return report;
}

}  // namespace curie
