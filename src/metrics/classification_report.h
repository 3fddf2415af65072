// Precision, recall and F1 of each class, and the text in which scikit-learn 1.2 prints them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "metrics/confusion.h"

namespace curie {

struct Scores {
  double precision = 0;  // of the samples taken for the class, the share that is of it
  double recall = 0;     // of the samples of the class, the share that was found
  double f1 = 0;         // the harmonic mean of the two
};

struct ClassScores {
  std::string name;
  Scores scores;
  std::int64_t support = 0;  // samples whose truth is this class
};

// Every quotient with a zero denominator is 0.
struct ClassificationReport {
  std::vector<ClassScores> classes;
  double accuracy = 0;
  Scores macro;     // the mean over classes
  Scores weighted;  // the mean weighted by support
  std::int64_t support = 0;
  // scikit-learn prints "micro avg" in place of "accuracy" when a listed class occurs neither as truth nor as
  // prediction.
  bool every_class_occurs = true;
};

// With names: one row for each, labels are 0 .. class_names.size() - 1. Without: one row for each label that occurs,
// named by its number. Throws Error(data) when there are no samples, when the spans differ in length, or for a label
// that no name belongs to.
ClassificationReport classification_report(std::span<const std::int32_t> truth, std::span<const std::int32_t> predicted,
                                           std::span<const std::string> class_names = {});

// The same from a matrix; class_names.size() must be confusion.classes. Throws Error(data) for a matrix of zeros.
ClassificationReport classification_report(const ConfusionMatrix& confusion, std::span<const std::string> class_names);

// sklearn.metrics.classification_report to the character, for digits >= 0. Widths count Unicode characters, as Python's
// do.
std::string to_text(const ClassificationReport& report, int digits = 2);

}  // namespace curie
