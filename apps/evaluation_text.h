// What `curie evaluate` prints for people.
#pragma once

#include <string>
#include <vector>

#include "report/report.h"

namespace curie {

// What one threshold does for one class against the rest.
struct JudgedThreshold {
  std::string class_name;
  double wanted = kUnknown;  // the sensitivity that it was chosen for on these very images; NaN: it was given
  OperatingPoint point;
};

// Scores, confusion matrix, figures with their intervals; class by class for more than two; by patient where patients
// are known. `positive` is the class whose sensitivity and so on two classes' figures tell.
void print_evaluation(const EvaluationResult& result, const PatientResult& patients, int positive);

void print_thresholds(const std::vector<JudgedThreshold>& thresholds);

}  // namespace curie
