#include "recipes/run_report.h"

#include <algorithm>
#include <numeric>

#include "curie_version.h"

namespace curie {
namespace {

constexpr std::size_t kExamples = 12;

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

// The chosen samples by descending or ascending confidence, the first few of them.
std::vector<ExamplePrediction> examples(const RunFacts& facts, std::vector<int> samples, bool surest_first) {
  std::stable_sort(samples.begin(), samples.end(), [&](int a, int b) {
    const double first = facts.test.confidence(a);
    const double second = facts.test.confidence(b);
    return surest_first ? first > second : first < second;
  });
  samples.resize(std::min(samples.size(), kExamples));
  std::vector<ExamplePrediction> chosen;
  for (const int sample : samples) chosen.push_back(example(facts, sample));
  return chosen;
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
  report.right = examples(facts, typical, true);
  report.wrong = examples(facts, wrong, true);
  report.least_sure = examples(facts, all, false);
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
                                             facts.train.predicted, facts.train.probabilities, facts.recipe.classes));
  report.results.push_back(evaluation_result("Test", facts.test.loss, facts.data.test.labels, facts.test.predicted,
                                             facts.test.probabilities, facts.recipe.classes));
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
  for (const RecipeNote& note : facts.recipe.notes) report.notes.push_back({note.title, note.text});
  report.configuration = facts.config.dump(2);
  return report;
}

}  // namespace curie
