#include <algorithm>
#include <cmath>

#include "metrics/groups.h"
#include "metrics/top_k.h"
#include "report/report.h"
#include "tensor/error.h"

namespace curie {
namespace {

constexpr int kMostTopK = 5;

CalibrationCurve calibration_of(std::span<const std::int32_t> truth, std::span<const std::int32_t> predicted,
                                std::span<const float> probabilities, std::size_t columns) {
  std::vector<std::uint8_t> holds;
  std::vector<float> beliefs;
  for (std::size_t i = 0; i < truth.size(); ++i) {
    holds.push_back(columns == 1 ? truth[i] == 1 : truth[i] == predicted[i]);
    beliefs.push_back(columns == 1 ? probabilities[i]
                                   : probabilities[i * columns + static_cast<std::size_t>(predicted[i])]);
  }
  return calibration_curve(holds, beliefs);
}

bool holds_both(std::span<const std::int32_t> truth, std::int32_t positive) {
  const auto is_positive = [positive](std::int32_t label) { return label == positive; };
  return std::any_of(truth.begin(), truth.end(), is_positive) && !std::all_of(truth.begin(), truth.end(), is_positive);
}

}  // namespace

EvaluationResult evaluation_result(std::string name, double loss, std::span<const std::int32_t> truth,
                                   std::span<const std::int32_t> predicted, std::span<const float> probabilities,
                                   std::span<const std::string> class_names, const EvaluationOptions& options) {
  const std::size_t classes = class_names.size();
  const std::size_t columns = classes == 2 ? 1 : classes;
  CURIE_CHECK(probabilities.size() == truth.size() * columns, data,
              "evaluation of {}: expected {} probabilities for {} samples of {} classes, got {}", name,
              truth.size() * columns, truth.size(), classes, probabilities.size());
  EvaluationResult result;
  result.name = std::move(name);
  result.bootstrap = options.bootstrap;
  result.loss = loss;
  result.confusion = confusion_matrix(truth, predicted, static_cast<int>(classes));
  result.scores = classification_report(result.confusion, class_names);
  std::vector<float> scores(truth.size());
  for (std::size_t column = 0; column < columns; ++column) {
    for (std::size_t i = 0; i < truth.size(); ++i) scores[i] = probabilities[i * columns + column];
    const auto positive = static_cast<std::int32_t>(columns == 1 ? 1 : column);
    result.roc.push_back(roc_curve(truth, scores, positive));
    result.precision_recall.push_back(precision_recall_curve(truth, scores, positive));
  }
  result.figures = classification_figures(truth, predicted, probabilities, static_cast<int>(classes), options.positive,
                                          options.bootstrap);
  for (int k = 1; classes > 2 && k <= std::min(kMostTopK, static_cast<int>(classes) - 1); ++k) {
    result.top_k.push_back(top_k_accuracy(truth, probabilities, static_cast<int>(classes), k));
  }
  result.calibration = calibration_of(truth, predicted, probabilities, columns);
  return result;
}

ThresholdTable threshold_table(std::string class_name, std::int32_t positive, const OperatingPoint& own_decision,
                               const ScoredSamples& count, std::string chosen_on, const ScoredSamples& choose) {
  ThresholdTable table{.class_name = std::move(class_name), .chosen_on = std::move(chosen_on)};
  if (!holds_both(count.truth, positive)) return table;
  table.chosen_on_results = !holds_both(choose.truth, positive);
  const ScoredSamples& own = table.chosen_on_results ? count : choose;
  const auto add = [&](std::string name, double threshold) {
    table.rows.push_back({std::move(name), operating_point(count.truth, count.scores, threshold, positive)});
  };
  table.rows.push_back({"as trained", own_decision});
  add("Youden", youden_threshold(own.truth, own.scores, positive));
  for (const double wanted : {0.90, 0.95, 0.99}) {
    add(fmt::format("sensitivity {:.0f}\u202F%", 100 * wanted),
        threshold_for_sensitivity(own.truth, own.scores, wanted, positive));
  }
  return table;
}

PatientResult patient_result(std::span<const std::string> patients, std::span<const std::int32_t> truth,
                             std::span<const float> probabilities, std::span<const std::string> class_names,
                             const EvaluationOptions& options) {
  PatientResult result;
  const bool known =
      std::any_of(patients.begin(), patients.end(), [](const std::string& name) { return !name.empty(); });
  if (!known) return result;
  const std::size_t columns = class_names.size() == 2 ? 1 : class_names.size();
  const GroupedPredictions cases = mean_by_group(patients, truth, probabilities, static_cast<int>(columns));
  result.images = static_cast<std::int64_t>(patients.size());
  result.result =
      evaluation_result("By patient", kUnknown, cases.truth, predicted_classes(cases.probabilities, columns),
                        cases.probabilities, class_names, options);
  return result;
}

Baseline majority_baseline(const EvaluationResult& result) {
  const ClassScores* commonest = &result.scores.classes.front();
  for (const ClassScores& row : result.scores.classes) {
    if (row.support > commonest->support) commonest = &row;
  }
  return {.name = "always " + commonest->name,
          .accuracy = static_cast<double>(commonest->support) / static_cast<double>(result.scores.support),
          .detail = "the commonest class of this part"};
}

std::vector<Baseline> better_baselines(const RunReport& report) {
  std::vector<Baseline> better;
  if (report.results.empty()) return better;
  const EvaluationResult& result = report.results.back();
  std::vector<Baseline> all{majority_baseline(result)};
  all.insert(all.end(), report.baselines.begin(), report.baselines.end());
  for (Baseline& one : all) {
    if (one.accuracy >= result.scores.accuracy) better.push_back(std::move(one));
  }
  std::stable_sort(better.begin(), better.end(),
                   [](const Baseline& a, const Baseline& b) { return a.accuracy > b.accuracy; });
  return better;
}

}  // namespace curie
