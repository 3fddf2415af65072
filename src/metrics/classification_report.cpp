#include "metrics/classification_report.h"

#include <algorithm>
#include <string_view>

#include "tensor/error.h"

namespace curie {
namespace {

double quotient(double numerator, double denominator) { return denominator == 0 ? 0 : numerator / denominator; }

// One rounding a step and in scikit-learn's order, so that ties in the printed digits fall the same way.
double harmonic_mean(double precision, double recall) { return quotient(2 * precision * recall, precision + recall); }

Scores scores_of(std::int64_t hits, std::int64_t predicted, std::int64_t support) {
  Scores scores;
  scores.precision = quotient(static_cast<double>(hits), static_cast<double>(predicted));
  scores.recall = quotient(static_cast<double>(hits), static_cast<double>(support));
  scores.f1 = harmonic_mean(scores.precision, scores.recall);
  return scores;
}

Scores mean(const std::vector<ClassScores>& classes, bool by_support) {
  Scores sum;
  double weights = 0;
  for (const ClassScores& row : classes) {
    const double weight = by_support ? static_cast<double>(row.support) : 1.0;
    sum.precision += weight * row.scores.precision;
    sum.recall += weight * row.scores.recall;
    sum.f1 += weight * row.scores.f1;
    weights += weight;
  }
  return {sum.precision / weights, sum.recall / weights, sum.f1 / weights};
}

std::size_t characters(std::string_view utf8) {
  return static_cast<std::size_t>(
      std::count_if(utf8.begin(), utf8.end(), [](char byte) { return (byte & 0xC0) != 0x80; }));
}

// fmt pads by display columns, Python by characters.
std::string right_aligned(std::string_view text, std::size_t width) {
  const std::size_t length = characters(text);
  return std::string(width > length ? width - length : 0, ' ').append(text);
}

constexpr std::size_t kNumberWidth = 9;

void append_number(std::string& line, double value, int digits) {
  line.append(1, ' ').append(right_aligned(fmt::format("{:.{}f}", value, digits), kNumberWidth));
}

// When not one prediction is right, scikit-learn's counts are floats and print as "3.0".
std::string support_text(std::int64_t support, bool nothing_right) {
  return fmt::format("{}{}", support, nothing_right ? ".0" : "");
}

void append_support(std::string& line, std::string_view support) {
  line.append(1, ' ').append(right_aligned(support, kNumberWidth)).append(1, '\n');
}

void append_row(std::string& text, std::string_view heading, std::size_t width, const Scores& scores,
                std::string_view support, int digits) {
  text.append(right_aligned(heading, width)).append(1, ' ');
  append_number(text, scores.precision, digits);
  append_number(text, scores.recall, digits);
  append_number(text, scores.f1, digits);
  append_support(text, support);
}

}  // namespace

ClassificationReport classification_report(const ConfusionMatrix& confusion, std::span<const std::string> class_names) {
  CURIE_CHECK(class_names.size() == static_cast<std::size_t>(confusion.classes), data,
              "classification report: expected a name for each of {} classes, got {}", confusion.classes,
              class_names.size());
  ClassificationReport report;
  report.support = confusion.total();
  CURIE_CHECK(report.support > 0, data, "classification report: expected at least one sample, got none");
  for (int label = 0; label < confusion.classes; ++label) {
    const std::int64_t support = confusion.truth_total(label);
    const std::int64_t predicted = confusion.predicted_total(label);
    report.every_class_occurs = report.every_class_occurs && support + predicted > 0;
    report.classes.push_back({.name = class_names[static_cast<std::size_t>(label)],
                              .scores = scores_of(confusion.at(label, label), predicted, support),
                              .support = support});
  }
  report.accuracy = quotient(static_cast<double>(confusion.correct()), static_cast<double>(report.support));
  report.macro = mean(report.classes, false);
  report.weighted = mean(report.classes, true);
  return report;
}

ClassificationReport classification_report(std::span<const std::int32_t> truth, std::span<const std::int32_t> predicted,
                                           std::span<const std::string> class_names) {
  if (!class_names.empty()) {
    return classification_report(confusion_matrix(truth, predicted, static_cast<int>(class_names.size())), class_names);
  }
  std::vector<std::int32_t> labels(truth.begin(), truth.end());
  labels.insert(labels.end(), predicted.begin(), predicted.end());
  std::sort(labels.begin(), labels.end());
  labels.erase(std::unique(labels.begin(), labels.end()), labels.end());
  CURIE_CHECK(!labels.empty(), data, "classification report: expected at least one sample, got none");

  std::vector<std::string> names;
  for (const std::int32_t label : labels) names.push_back(fmt::format("{}", label));
  const auto ranks = [&labels](std::span<const std::int32_t> values) {
    std::vector<std::int32_t> result;
    for (const std::int32_t value : values) {
      result.push_back(
          static_cast<std::int32_t>(std::lower_bound(labels.begin(), labels.end(), value) - labels.begin()));
    }
    return result;
  };
  return classification_report(confusion_matrix(ranks(truth), ranks(predicted), static_cast<int>(labels.size())),
                               names);
}

std::string to_text(const ClassificationReport& report, int digits) {
  CURIE_CHECK(digits >= 0, usage, "classification report: expected 0 or more digits, got {}", digits);
  std::size_t width = std::max(characters("weighted avg"), static_cast<std::size_t>(digits));
  for (const ClassScores& row : report.classes) width = std::max(width, characters(row.name));

  std::string text = right_aligned("", width) + " ";
  for (const std::string_view heading : {"precision", "recall", "f1-score", "support"}) {
    text.append(1, ' ').append(right_aligned(heading, kNumberWidth));
  }
  text += "\n\n";
  const bool nothing_right = report.accuracy == 0;
  for (const ClassScores& row : report.classes) {
    append_row(text, row.name, width, row.scores, support_text(row.support, nothing_right), digits);
  }
  text += "\n";
  const std::string total = support_text(report.support, nothing_right);
  // Over all classes, micro-averaged precision and recall are both the accuracy; their F1 is it but for rounding.
  const double micro_f1 = harmonic_mean(report.accuracy, report.accuracy);
  if (report.every_class_occurs) {
    text.append(right_aligned("accuracy", width)).append(1 + 2 * (1 + kNumberWidth), ' ');
    append_number(text, micro_f1, digits);
    append_support(text, total);
  } else {
    append_row(text, "micro avg", width, {report.accuracy, report.accuracy, micro_f1}, total, digits);
  }
  append_row(text, "macro avg", width, report.macro, total, digits);
  append_row(text, "weighted avg", width, report.weighted, total, digits);
  return text;
}

}  // namespace curie
