#include <fmt/format.h>

#include <algorithm>

#include "report/charts.h"

namespace curie {
namespace {

Chart unit_square(std::string id, std::string title, std::string x, std::string y) {
  Chart chart{.id = std::move(id), .title = std::move(title), .x = {}, .y = {}, .series = {}, .marker = {}};
  chart.x = {std::move(x), 0, 1, 0.2, 1};
  chart.y = {std::move(y), 0, 1, 0.2, 1};
  chart.square = true;
  return chart;
}

void add(Chart& chart, std::string label, std::vector<ChartPoint> points, bool dots) {
  const int color = static_cast<int>(chart.series.size()) % kSeriesColors;
  chart.series.push_back({std::move(label), color, std::move(points), dots});
}

std::vector<ChartPoint> points_of(const PrecisionRecallCurve& curve) {
  return thinned(curve.recall, curve.precision, 1);
}

}  // namespace

std::vector<Chart> precision_recall_charts(const RunReport& report) {
  if (report.results.empty()) return {};
  const EvaluationResult& last = report.results.back();
  Chart chart = unit_square("precision-recall", "Precision against recall", "recall", "precision");
  if (report.class_names.size() > 2) {
    chart.title += ", " + last.name + ": each class against the rest";
    for (std::size_t i = 0; i < last.precision_recall.size(); ++i) {
      const PrecisionRecallCurve& curve = last.precision_recall[i];
      if (!curve.defined()) continue;
      add(chart, fmt::format("{}, AP {:.3f}", report.class_names[i], curve.average_precision), points_of(curve), false);
    }
  } else {
    for (const EvaluationResult& result : report.results) {
      if (result.precision_recall.empty() || !result.precision_recall.front().defined()) continue;
      const PrecisionRecallCurve& curve = result.precision_recall.front();
      add(chart, fmt::format("{}, AP {:.4f}", result.name, curve.average_precision), points_of(curve), false);
    }
    if (!last.precision_recall.empty() && last.precision_recall.front().defined()) {
      const double guess = last.precision_recall.front().prevalence;
      chart.series.push_back({fmt::format("guessing on {}", last.name), -1, {{0, guess}, {1, guess}}});
    }
  }
  if (chart.series.empty()) return {};
  return {std::move(chart)};
}

std::vector<Chart> calibration_charts(const RunReport& report) {
  const bool two = report.class_names.size() == 2;
  Chart chart =
      unit_square("calibration", "Calibration",
                  two ? "probability given to " + report.class_names[1] : "probability of the predicted class",
                  two ? "share that is " + report.class_names[1] : "share that is right");
  for (const EvaluationResult& result : report.results) {
    std::vector<ChartPoint> points;
    for (const CalibrationBin& bin : result.calibration.bins) points.push_back({bin.mean_probability, bin.share});
    if (points.empty()) continue;
    add(chart, fmt::format("{}, error {:.3f}", result.name, result.calibration.expected_error), std::move(points),
        true);
  }
  if (chart.series.empty()) return {};
  chart.series.push_back({"perfect", -1, {{0, 0}, {1, 1}}});
  return {std::move(chart)};
}

}  // namespace curie
