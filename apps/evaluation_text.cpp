#include "evaluation_text.h"

#include <fmt/format.h>

#include <cmath>

#include "report/html.h"
#include "report/text_table.h"

namespace curie {
namespace {

using Rows = std::vector<std::vector<std::string>>;

constexpr const char* kIndent = "  ";

std::string number(double value) { return std::isfinite(value) ? fmt::format("{:.3f}", value) : "-"; }

std::string interval(const Interval& limits) {
  return limits.known() ? fmt::format("{:.3f} to {:.3f}", limits.low, limits.high) : "";
}

void print_confusion(const EvaluationResult& result) {
  Rows rows{{""}};
  for (const ClassScores& one : result.scores.classes) rows[0].push_back(one.name);
  for (int truth = 0; truth < result.confusion.classes; ++truth) {
    rows.push_back({result.scores.classes[static_cast<std::size_t>(truth)].name});
    for (int predicted = 0; predicted < result.confusion.classes; ++predicted) {
      rows.back().push_back(fmt::format("{}", result.confusion.at(truth, predicted)));
    }
  }
  fmt::print("Rows are the truth, columns the prediction:\n");
  fmt::print("{}", text_table(rows, kIndent));
}

std::string confidence(const EvaluationResult& result) {
  return fmt::format("{:g} % interval", 100 * result.bootstrap.confidence);
}

void print_figures(const EvaluationResult& result, int positive) {
  const bool intervals = result.bootstrap.draws > 0;
  Rows rows{{"Figure", "value"}};
  if (intervals) rows[0].push_back(confidence(result));
  for (const Figure& figure : result.figures) {
    rows.push_back({figure.label + (figure.lower_is_better ? " (lower is better)" : ""), number(figure.value)});
    if (intervals) rows.back().push_back(interval(figure.interval));
  }
  for (std::size_t k = 3; k <= result.top_k.size(); ++k) {
    rows.push_back({fmt::format("Top-{} accuracy", k), number(result.top_k[k - 1])});
  }
  fmt::print("\n");
  fmt::print("{}", text_table(rows, {1}, kIndent));
  if (result.confusion.classes == 2) {
    fmt::print("Sensitivity, specificity, precision, F1 and PR-AUC are those of {}.\n",
               result.scores.classes[static_cast<std::size_t>(positive)].name);
  }
  if (intervals) {
    fmt::print("Intervals: percentiles over {} samples drawn again from these images, class by class.\n",
               html::thousands(result.bootstrap.draws));
  }
}

void print_classes(const EvaluationResult& result) {
  Rows rows{{"Class against the rest", "sensitivity", "specificity", "precision", "F1", "ROC-AUC", "PR-AUC", "images"}};
  for (std::size_t i = 0; i < result.scores.classes.size(); ++i) {
    const ClassScores& one = result.scores.classes[i];
    rows.push_back({one.name, number(one.scores.recall), number(result.confusion.specificity(static_cast<int>(i))),
                    number(one.scores.precision), number(one.scores.f1), number(result.roc[i].auc),
                    number(result.precision_recall[i].average_precision), fmt::format("{}", one.support)});
  }
  fmt::print("\n");
  fmt::print("{}", text_table(rows, kIndent));
}

void print_patients(const EvaluationResult& images, const PatientResult& patients) {
  const EvaluationResult& result = patients.result;
  const bool intervals = result.bootstrap.draws > 0;
  fmt::print("\nBy patient: {} of {}, one case a patient; the mean probability of its images decides.\n",
             html::plural(patients.images, "image"), html::plural(result.confusion.total(), "patient"));
  Rows rows{{"Figure", "by patient", "by image"}};
  if (intervals) rows[0].push_back(confidence(result) + " by patient");
  for (const Figure& figure : result.figures) {
    const Figure* image = find_figure(images.figures, figure.key);
    rows.push_back({figure.label, number(figure.value), number(image == nullptr ? kUnknown : image->value)});
    if (intervals) rows.back().push_back(interval(figure.interval));
  }
  fmt::print("{}", text_table(rows, {1, 2}, kIndent));
}

}  // namespace

void print_evaluation(const EvaluationResult& result, const PatientResult& patients, int positive) {
  fmt::print("{}\n", to_text(result.scores));
  print_confusion(result);
  print_figures(result, positive);
  if (result.confusion.classes > 2) print_classes(result);
  if (patients.result.confusion.classes > 0) print_patients(result, patients);
}

void print_thresholds(const std::vector<JudgedThreshold>& thresholds) {
  if (thresholds.empty()) return;
  const bool chosen = std::isfinite(thresholds[0].wanted);
  Rows rows{{"Class against the rest", "threshold", "sensitivity", "specificity", "precision", "neg. pred. value",
             "missed", "false alarms"}};
  for (const JudgedThreshold& one : thresholds) {
    const OperatingPoint& at = one.point;
    rows.push_back({one.class_name, fmt::format("{}", static_cast<float>(at.threshold)), number(at.sensitivity()),
                    number(at.specificity()), number(at.precision()), number(at.negative_predictive_value()),
                    fmt::format("{}", at.false_negatives), fmt::format("{}", at.false_positives)});
  }
  if (chosen) {
    fmt::print("\nThe highest threshold with a sensitivity of at least {} on these images:\n", thresholds[0].wanted);
  } else {
    fmt::print("\nWith the given threshold:\n");
  }
  fmt::print("{}", text_table(rows, kIndent));
  if (chosen) {
    fmt::print(
        "Chosen on the very images that it is judged on here, a threshold flatters: on new images it may miss more.\n"
        "Choose it on images of its own, then judge it on others with --threshold.\n");
  }
}

}  // namespace curie
