#include "report/charts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/html.h"
#include "report/stopping.h"

namespace curie {
namespace {

ChartSeries series_of(const RunReport& report, std::string label, int color, double EpochRecord::*value) {
  ChartSeries series{std::move(label), color, {}};
  for (const EpochRecord& record : report.history) {
    if (std::isfinite(record.*value)) series.points.push_back({static_cast<double>(record.epoch), record.*value});
  }
  return series;
}

struct Range {
  double low, high;
};

Range y_range(const std::vector<ChartSeries>& series) {
  Range range{INFINITY, -INFINITY};
  for (const ChartSeries& one : series) {
    for (const ChartPoint& point : one.points) {
      range = {std::min(range.low, point.y), std::max(range.high, point.y)};
    }
  }
  return range;
}

ChartAxis epoch_axis(const RunReport& report) {
  ChartAxis axis = round_axis("epoch", 0, static_cast<double>(report.history.back().epoch), 8);
  axis.step = std::max(axis.step, 1.0);
  axis.min = 0;
  axis.max = static_cast<double>(report.history.back().epoch);
  axis.digits = 0;
  return axis;
}

void add_chart(std::vector<Chart>& charts, Chart chart) {
  std::erase_if(chart.series, [](const ChartSeries& series) { return series.points.empty(); });
  if (!chart.series.empty()) charts.push_back(std::move(chart));
}

// A curve with its place in the legend.
struct NamedCurve {
  std::string label;
  const RocCurve* curve;
};

// The square of that side length at the ROC plane's upper left corner (0, 1), where good models are.
Chart roc_chart(std::string id, std::string title, const std::vector<NamedCurve>& curves, double length) {
  const int digits = length < 1 ? 2 : 1;
  Chart chart{.id = std::move(id), .title = std::move(title), .x = {}, .y = {}, .series = {}, .marker = {}};
  chart.x = {"false positive rate", 0, length, length < 1 ? length / 4 : length / 5, digits};
  chart.y = {"true positive rate", 1 - length, 1, chart.x.step, digits};
  chart.square = true;
  for (const NamedCurve& named : curves) {
    const int color = static_cast<int>(chart.series.size()) % kSeriesColors;
    chart.series.push_back(
        {named.label, color, thinned(named.curve->false_positive_rate, named.curve->true_positive_rate, length)});
  }
  return chart;
}

bool enters_corner(const NamedCurve& named, double length) {
  for (std::size_t i = 0; i < named.curve->thresholds.size(); ++i) {
    if (named.curve->false_positive_rate[i] < length && named.curve->true_positive_rate[i] > 1 - length) return true;
  }
  return false;
}

std::vector<NamedCurve> roc_curves(const RunReport& report) {
  std::vector<NamedCurve> curves;
  if (report.class_names.size() > 2) {
    const std::vector<RocCurve>& roc = report.results.back().roc;
    for (std::size_t i = 0; i < roc.size(); ++i) {
      if (roc[i].defined())
        curves.push_back({fmt::format("{}, AUC {:.3f}", report.class_names[i], roc[i].auc), &roc[i]});
    }
    return curves;
  }
  for (const EvaluationResult& result : report.results) {
    if (result.roc.empty() || !result.roc.front().defined()) continue;
    const RocCurve& curve = result.roc.front();
    curves.push_back({fmt::format("{}, AUC {:.4f}", result.name, curve.auc), &curve});
  }
  return curves;
}

}  // namespace

std::vector<ChartPoint> thinned(const std::vector<double>& x, const std::vector<double>& y, double length) {
  const double kStep = length / 500;
  std::vector<ChartPoint> points;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const ChartPoint point{x[i], y[i]};
    const bool last = i + 1 == x.size();
    if (points.empty() || last || std::abs(point.x - points.back().x) >= kStep ||
        std::abs(point.y - points.back().y) >= kStep) {
      points.push_back(point);
    }
  }
  return points;
}

ChartAxis round_axis(std::string label, double low, double high, int ticks) {
  if (!(high > low)) {
    const double room = high == 0 ? 1 : std::abs(high) / 2;
    low -= room;
    high += room;
  }
  const double raw = (high - low) / ticks;
  const double magnitude = std::pow(10, std::floor(std::log10(raw)));
  double step = 10 * magnitude;
  for (const double factor : {5.0, 2.0, 1.0}) {
    if (factor * magnitude >= raw * (1 - 1e-9)) step = factor * magnitude;
  }
  ChartAxis axis;
  axis.label = std::move(label);
  axis.step = step;
  // The tolerance keeps a limit that is a tick but for rounding from adding another.
  axis.min = std::floor(low / step + 1e-9) * step;
  axis.max = std::ceil(high / step - 1e-9) * step;
  axis.digits = std::max(0, static_cast<int>(-std::floor(std::log10(step) + 1e-9)));
  return axis;
}

std::vector<Chart> history_charts(const RunReport& report) {
  std::vector<Chart> charts;
  if (report.history.empty()) return charts;
  const ChartAxis epochs = epoch_axis(report);
  const std::optional<int> best = best_epoch(report.history, report.stopping);
  std::optional<ChartMarker> marker;
  if (best) marker = ChartMarker{static_cast<double>(*best), fmt::format("best: epoch {}", *best)};

  Chart loss{.id = "loss", .title = "Loss", .x = epochs, .y = {}, .series = {}, .marker = marker};
  loss.series = {series_of(report, "training", 0, &EpochRecord::loss),
                 series_of(report, "validation", 1, &EpochRecord::val_loss)};
  const Range losses = y_range(loss.series);
  loss.y = round_axis("loss", std::min(0.0, losses.low), losses.high, 5);
  add_chart(charts, std::move(loss));

  if (marker) marker->below = true;
  Chart accuracy{.id = "accuracy", .title = "Accuracy", .x = epochs, .y = {}, .series = {}, .marker = marker};
  accuracy.series = {series_of(report, "training", 0, &EpochRecord::accuracy),
                     series_of(report, "validation", 1, &EpochRecord::val_accuracy)};
  accuracy.y = round_axis("accuracy", y_range(accuracy.series).low, 1, 5);
  accuracy.y.min = std::max(accuracy.y.min, 0.0);
  accuracy.y.digits = std::max(0, accuracy.y.digits - 2);
  accuracy.y.percent = true;
  add_chart(charts, std::move(accuracy));

  Chart rate{.id = "learning-rate", .title = "Learning rate", .x = epochs, .y = {}, .series = {}, .marker = {}};
  rate.series = {series_of(report, "learning rate", 0, &EpochRecord::learning_rate)};
  const Range rates = y_range(rate.series);
  if (rates.high > rates.low) {
    rate.y = round_axis("learning rate", 0, rates.high, 5);
    add_chart(charts, std::move(rate));
  }
  return charts;
}

std::vector<Chart> roc_charts(const RunReport& report) {
  std::vector<Chart> charts;
  if (report.results.empty()) return charts;
  const std::vector<NamedCurve> curves = roc_curves(report);
  if (curves.empty()) return charts;
  const std::string title = report.class_names.size() > 2
                                ? fmt::format("ROC, {}: each class against the rest", report.results.back().name)
                                : std::string("ROC curve");
  charts.push_back(roc_chart("roc", title, curves, 1));
  charts.back().series.push_back({"chance", -1, {{0, 0}, {1, 1}}});
  constexpr double kCorner = 0.2;
  if (std::any_of(curves.begin(), curves.end(),
                  [](const NamedCurve& named) { return enters_corner(named, kCorner); })) {
    charts.push_back(roc_chart("roc-corner", "Upper left corner, enlarged", curves, kCorner));
  }
  return charts;
}

nlohmann::ordered_json to_json(const Chart& chart) {
  const auto axis = [](const ChartAxis& one) {
    return nlohmann::ordered_json{{"label", one.label}, {"min", one.min},       {"max", one.max},
                                  {"step", one.step},   {"digits", one.digits}, {"percent", one.percent}};
  };
  nlohmann::ordered_json json{{"id", chart.id}, {"square", chart.square}, {"x", axis(chart.x)}, {"y", axis(chart.y)}};
  if (chart.marker)
    json["marker"] = {{"x", chart.marker->x}, {"label", chart.marker->label}, {"below", chart.marker->below}};
  json["series"] = nlohmann::ordered_json::array();
  for (const ChartSeries& series : chart.series) {
    nlohmann::ordered_json points = nlohmann::ordered_json::array();
    for (const ChartPoint& point : series.points) points.push_back({{"x", point.x}, {"y", point.y}});
    json["series"].push_back(
        {{"label", series.label}, {"color", series.color}, {"dots", series.dots}, {"points", std::move(points)}});
  }
  return json;
}

std::string to_figure(const Chart& chart) {
  std::string legend;
  for (const ChartSeries& series : chart.series) {
    legend += fmt::format(R"(<li class="series-{}">{}</li>)",
                          series.color < 0 ? "reference" : std::to_string(series.color), html::name(series.label));
  }
  return fmt::format(
      R"(<figure class="card chart{}" id="chart-{}"><figcaption><h3>{}</h3><ul class="legend">{}</ul></figcaption>)"
      R"(<div class="plot">{}</div></figure>)",
      chart.square ? " square" : "", chart.id, html::escape(chart.title), legend, to_svg(chart));
}

}  // namespace curie
