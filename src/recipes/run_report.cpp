#include "recipes/run_report.h"

#include "curie_version.h"
#include "recipes/run_pictures.h"

namespace curie {
namespace {

constexpr int kDraws = 1000;
constexpr int kSmallTest = 200;  // images: one of them is half a point of accuracy

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

// What one error more would change, where that is worth knowing.
void add_size_note(const RunFacts& facts, RunReport& report) {
  const int images = facts.data.test.size();
  if (images > kSmallTest) return;
  report.notes.push_back(
      {"The test part is small",
       fmt::format("With {} test images one more error is {:.1f} points of accuracy: compare several seeds and split "
                   "seeds, not single runs.",
                   images, 100.0 / images)});
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
  add_size_note(facts, report);
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
