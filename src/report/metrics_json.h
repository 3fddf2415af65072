// Evaluations for programs: what metrics.json and `curie evaluate --json` hold. What is not known is null.
#pragma once

#include <nlohmann/json.hpp>

#include "report/report.h"

namespace curie {

// NaN and infinity, which JSON has not, become null.
nlohmann::json number_or_null(double value);

// {"loss", "accuracy", "auc", "class_names": [...], "confusion": [[...], ...],
//  "classes": {NAME: {"precision", "recall", "specificity", "f1", "support"}, ...},
//  "figures": {"roc_auc": {"value", "low", "high"}, ...}}. "auc" is that of two classes, or the mean over classes. Rows
// of the confusion matrix are the truth. For more than two classes each also has "roc_auc" and "pr_auc" against the
// rest, and "top_k_accuracy" is {"1": ..., "2": ..., ...}.
nlohmann::json metrics_json(const EvaluationResult& result);

// {"threshold", "sensitivity", "specificity", "precision", "negative_predictive_value", "f1", "accuracy",
//  "true_positives", "false_positives", "true_negatives", "false_negatives"}
nlohmann::json operating_point_json(const OperatingPoint& point);

}  // namespace curie
