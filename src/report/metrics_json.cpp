#include "report/metrics_json.h"

#include <cmath>

namespace curie {
namespace {

using nlohmann::json;

json classes_json(const EvaluationResult& result) {
  json classes = json::object();
  const bool each = result.scores.classes.size() > 2;  // a class has curves of its own
  for (std::size_t i = 0; i < result.scores.classes.size(); ++i) {
    const ClassScores& row = result.scores.classes[i];
    json one = {{"precision", row.scores.precision},
                {"recall", row.scores.recall},
                {"specificity", number_or_null(result.confusion.specificity(static_cast<int>(i)))},
                {"f1", row.scores.f1},
                {"support", row.support}};
    if (each && i < result.roc.size()) one["roc_auc"] = number_or_null(result.roc[i].auc);
    if (each && i < result.precision_recall.size()) {
      one["pr_auc"] = number_or_null(result.precision_recall[i].average_precision);
    }
    classes[row.name] = std::move(one);
  }
  return classes;
}

json confusion_json(const ConfusionMatrix& confusion) {
  json rows = json::array();
  for (int truth = 0; truth < confusion.classes; ++truth) {
    json row = json::array();
    for (int predicted = 0; predicted < confusion.classes; ++predicted) row.push_back(confusion.at(truth, predicted));
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace

json number_or_null(double value) { return std::isfinite(value) ? json(value) : json(nullptr); }

json metrics_json(const EvaluationResult& result) {
  json names = json::array(), figures = json::object();
  for (const Figure& figure : result.figures) {
    figures[figure.key] = {{"value", number_or_null(figure.value)},
                           {"low", number_or_null(figure.interval.low)},
                           {"high", number_or_null(figure.interval.high)}};
  }
  for (const ClassScores& row : result.scores.classes) names.push_back(row.name);
  const Figure* auc = find_figure(result.figures, "roc_auc");
  json metrics = {{"loss", number_or_null(result.loss)},
                  {"accuracy", result.scores.accuracy},
                  {"auc", number_or_null(auc == nullptr ? kUnknown : auc->value)},
                  {"classes", classes_json(result)},
                  {"class_names", names},
                  {"confusion", confusion_json(result.confusion)},
                  {"figures", figures}};
  for (std::size_t k = 1; k <= result.top_k.size(); ++k) {
    metrics["top_k_accuracy"][std::to_string(k)] = number_or_null(result.top_k[k - 1]);
  }
  return metrics;
}

json operating_point_json(const OperatingPoint& point) {
  return {{"threshold", number_or_null(point.threshold)},
          {"sensitivity", number_or_null(point.sensitivity())},
          {"specificity", number_or_null(point.specificity())},
          {"precision", number_or_null(point.precision())},
          {"negative_predictive_value", number_or_null(point.negative_predictive_value())},
          {"f1", number_or_null(point.f1())},
          {"accuracy", number_or_null(point.accuracy())},
          {"true_positives", point.true_positives},
          {"false_positives", point.false_positives},
          {"true_negatives", point.true_negatives},
          {"false_negatives", point.false_negatives}};
}

}  // namespace curie
