#include <fmt/format.h>

#include <cmath>

#include "report/charts.h"
#include "report/html.h"

namespace curie {
namespace {

// Drawing units; the page scales them. Colours and fonts are the page's, by class.
struct Canvas {
  double width, height;
  double left = 52, right = 14, top = 14, bottom = 42;

  double plot_right() const { return width - right; }
  double plot_bottom() const { return height - bottom; }
  double x(const ChartAxis& axis, double value) const {
    return left + (value - axis.min) / (axis.max - axis.min) * (plot_right() - left);
  }
  double y(const ChartAxis& axis, double value) const {
    return plot_bottom() - (value - axis.min) / (axis.max - axis.min) * (plot_bottom() - top);
  }
};

std::string tick_label(const ChartAxis& axis, double value) {
  return axis.percent ? fmt::format("{:.{}f}%", value * 100, axis.digits) : fmt::format("{:.{}f}", value, axis.digits);
}

int tick_count(const ChartAxis& axis) { return static_cast<int>(std::floor((axis.max - axis.min) / axis.step + 1e-9)); }

std::string line(std::string_view kind, double x1, double y1, double x2, double y2) {
  return fmt::format(R"(<line class="{}" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>)", kind, x1, y1, x2, y2);
}

std::string text(double x, double y, std::string_view anchor, std::string_view content) {
  return fmt::format(R"(<text x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>)", x, y, anchor, html::escape(content));
}

std::string axes(const Chart& chart, const Canvas& canvas) {
  std::string svg;
  for (int i = 0; i <= tick_count(chart.y); ++i) {
    const double value = chart.y.min + i * chart.y.step;
    const double y = canvas.y(chart.y, value);
    svg += line("grid", canvas.left, y, canvas.plot_right(), y);
    svg += text(canvas.left - 8, y + 4, "end", tick_label(chart.y, value));
  }
  for (int i = 0; i <= tick_count(chart.x); ++i) {
    const double value = chart.x.min + i * chart.x.step;
    svg += text(canvas.x(chart.x, value), canvas.plot_bottom() + 17, "middle", tick_label(chart.x, value));
  }
  svg += line("axis", canvas.left, canvas.plot_bottom(), canvas.plot_right(), canvas.plot_bottom());
  svg += text((canvas.left + canvas.plot_right()) / 2, canvas.height - 6, "middle", chart.x.label);
  // A figure's title names its y axis, except where both axes are rates.
  if (chart.square) {
    svg += fmt::format(R"svg(<text transform="translate(11 {:.1f}) rotate(-90)" text-anchor="middle">{}</text>)svg",
                       (canvas.top + canvas.plot_bottom()) / 2, html::escape(chart.y.label));
  }
  return svg;
}

std::string marker(const Chart& chart, const Canvas& canvas) {
  const double x = canvas.x(chart.x, chart.marker->x);
  const bool left_half = x < (canvas.left + canvas.plot_right()) / 2;
  const double y = chart.marker->below ? canvas.plot_bottom() - 8 : canvas.top + 10;
  return line("marker", x, canvas.top, x, canvas.plot_bottom()) +
         text(x + (left_half ? 6 : -6), y, left_half ? "start" : "end", chart.marker->label);
}

std::string curve(const Chart& chart, const ChartSeries& series, const Canvas& canvas) {
  const std::string color = series.color < 0 ? "reference" : std::to_string(series.color);
  std::string dots, points;
  if (series.dots || series.points.size() == 1) {
    for (const ChartPoint& point : series.points) {
      dots += fmt::format(R"(<circle class="dot series-{}" cx="{:.1f}" cy="{:.1f}" r="3.5"/>)", color,
                          canvas.x(chart.x, point.x), canvas.y(chart.y, point.y));
    }
  }
  if (series.points.size() == 1) return dots;
  for (const ChartPoint& point : series.points) {
    points += fmt::format("{}{:.1f},{:.1f}", points.empty() ? "" : " ", canvas.x(chart.x, point.x),
                          canvas.y(chart.y, point.y));
  }
  return fmt::format(R"(<polyline class="curve series-{}" points="{}"/>)", color, points) + dots;
}

}  // namespace

std::string to_svg(const Chart& chart) {
  const Canvas canvas = chart.square ? Canvas{420, 420} : Canvas{560, 320};
  std::string svg = fmt::format(R"(<svg viewBox="0 0 {} {}" role="img" aria-label="{}">)", canvas.width, canvas.height,
                                html::escape(chart.title));
  svg += axes(chart, canvas);
  if (chart.marker) svg += marker(chart, canvas);
  // An inner drawing clips curves that leave the axes; half a line's width stays visible at the rim.
  constexpr double kRim = 1.5;
  const double x = canvas.left - kRim, y = canvas.top - kRim;
  const double width = canvas.plot_right() + kRim - x, height = canvas.plot_bottom() + kRim - y;
  svg +=
      fmt::format(R"(<svg x="{0}" y="{1}" width="{2}" height="{3}" viewBox="{0} {1} {2} {3}">)", x, y, width, height);
  for (const ChartSeries& series : chart.series) svg += curve(chart, series, canvas);
  return svg + "</svg></svg>";
}

}  // namespace curie
