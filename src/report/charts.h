// The line charts of the page as data, drawn twice: as static SVG here, and by Chart.js in the reader's browser.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "report/report.h"

namespace curie {

struct ChartPoint {
  double x = 0, y = 0;
};

struct ChartSeries {
  std::string label;
  int color = 0;  // the page's series colours 0 .. 5; -1: the muted reference line
  std::vector<ChartPoint> points;
  bool dots = false;  // a mark at every point
};

// Ticks stand at min, min + step, ... up to max.
struct ChartAxis {
  std::string label;
  double min = 0, max = 1, step = 1;
  int digits = 0;  // of the tick labels
  bool percent = false;
};

struct ChartMarker {
  double x = 0;
  std::string label;
  bool below = false;  // the label stands at the lower end, away from curves that end high
};

struct Chart {
  std::string id, title;
  ChartAxis x, y;
  std::vector<ChartSeries> series;
  std::optional<ChartMarker> marker;  // a vertical line
  bool square = false;
};

// Loss, accuracy and, when it changes, the learning rate, against the epoch. Values that are not finite are left out;
// a chart without any point is not made.
std::vector<Chart> history_charts(const RunReport& report);

// Two classes: one chart with a curve for each result. More: a chart for the last result with a curve for each class.
// A second chart enlarges the upper left corner when a curve comes there.
std::vector<Chart> roc_charts(const RunReport& report);

// Precision against recall and the calibration curve, of the same results and classes.
std::vector<Chart> precision_recall_charts(const RunReport& report);
std::vector<Chart> calibration_charts(const RunReport& report);

// The smallest axis with round ticks, about `ticks` of them, that holds [low, high].
ChartAxis round_axis(std::string label, double low, double high, int ticks);

inline constexpr int kSeriesColors = 6;

// A curve of thousands of points looks the same with one every 1/500 of an axis of `length`.
std::vector<ChartPoint> thinned(const std::vector<double>& x, const std::vector<double>& y, double length);

std::string to_svg(const Chart& chart);
nlohmann::ordered_json to_json(const Chart& chart);

// The figure element: caption, legend and the SVG drawing.
std::string to_figure(const Chart& chart);

}  // namespace curie
