#include "report/metrics_json.h"

#include <cmath>

namespace curie {
namespace {

using nlohmann::json;

json number(double value) { return std::isfinite(value) ? json(value) : json(nullptr); }

json classes_json(const EvaluationResult& result) {
  json classes = json::object();
  const bool each = result.scores.classes.size() > 2;  // a class has curves of its own
  for (std::size_t i = 0; i < result.scores.classes.size(); ++i) {
    const ClassScores& row = result.scores.classes[i];
    json one = {{"precision", row.scores.precision},
                {"recall", row.scores.recall},
                {"specificity", number(result.confusion.specificity(static_cast<int>(i)))},
                {"f1", row.scores.f1},
                {"support", row.support}};
    if (each && i < result.roc.size()) one["roc_auc"] = number(result.roc[i].auc);
    if (each && i < result.precision_recall.size()) {
      one["pr_auc"] = number(result.precision_recall[i].average_precision);
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

json metrics_json(const EvaluationResult& result) {
  json names = json::array(), figures = json::object();
  for (const Figure& figure : result.figures) {
    figures[figure.key] = {
        {"value", number(figure.value)}, {"low", number(figure.interval.low)}, {"high", number(figure.interval.high)}};
  }
  for (const ClassScores& row : result.scores.classes) names.push_back(row.name);
  const Figure* auc = find_figure(result.figures, "roc_auc");
  json metrics = {{"loss", number(result.loss)},
                  {"accuracy", result.scores.accuracy},
                  {"auc", number(auc == nullptr ? kUnknown : auc->value)},
                  {"classes", classes_json(result)},
                  {"class_names", names},
                  {"confusion", confusion_json(result.confusion)},
                  {"figures", figures}};
  for (std::size_t k = 1; k <= result.top_k.size(); ++k) {
    metrics["top_k_accuracy"][std::to_string(k)] = number(result.top_k[k - 1]);
  }
  return metrics;
}

json operating_point_json(const OperatingPoint& point) {
  return {{"threshold", number(point.threshold)},
          {"sensitivity", number(point.sensitivity())},
          {"specificity", number(point.specificity())},
          {"precision", number(point.precision())},
          {"negative_predictive_value", number(point.negative_predictive_value())},
          {"f1", number(point.f1())},
          {"accuracy", number(point.accuracy())},
          {"true_positives", point.true_positives},
          {"false_positives", point.false_positives},
          {"true_negatives", point.true_negatives},
          {"false_negatives", point.false_negatives}};
}

}  // namespace curie
