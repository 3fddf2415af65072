#include "report/charts.h"

#include <doctest/doctest.h>

#include <cmath>

#include "report/demo_run.h"

namespace curie {
namespace {

int count(const std::string& text, const std::string& part) {
  int times = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++times;
  return times;
}

TEST_CASE("axes hold their range between round ticks") {
  const ChartAxis loss = round_axis("loss", 0, 0.59, 5);
  CHECK(loss.min == 0);
  CHECK(loss.step == doctest::Approx(0.2));
  CHECK(loss.max == doctest::Approx(0.6));
  CHECK(loss.digits == 1);
  const ChartAxis wide = round_axis("", -3, 4711, 5);
  CHECK(wide.min == -1000);
  CHECK(wide.max == 5000);
  CHECK(wide.digits == 0);
  // A range whose ends are ticks gets no further ones.
  const ChartAxis exact = round_axis("", 0.7, 1, 3);
  CHECK(exact.min == doctest::Approx(0.7));
  CHECK(exact.max == doctest::Approx(1));
  for (const double value : {0.0, 1.0, -2.5, 1e-9, 3e8}) {
    const ChartAxis point = round_axis("", value, value, 5);
    CHECK(point.min < value);
    CHECK(point.max > value);
    CHECK(point.step > 0);
  }
}

TEST_CASE("history charts hold the finite values and mark the best epoch") {
  RunReport report = demo::run();
  report.history[2].val_loss = kUnknown;
  const std::vector<Chart> charts = history_charts(report);
  REQUIRE(charts.size() == 2);  // the learning rate does not change, so it is not drawn
  CHECK(charts[0].id == "loss");
  REQUIRE(charts[0].series.size() == 2);
  CHECK(charts[0].series[0].points.size() == report.history.size());
  CHECK(charts[0].series[1].points.size() == report.history.size() - 1);
  CHECK(charts[0].series[1].points[2].x == 4);
  REQUIRE(charts[0].marker);
  const auto best = static_cast<std::size_t>(charts[0].marker->x) - 1;
  for (const EpochRecord& record : report.history) CHECK_FALSE(record.val_loss < report.history[best].val_loss);
  CHECK(charts[1].y.percent);
  CHECK_FALSE(charts[0].marker->below);
  CHECK(charts[1].marker->below);  // where accuracies seldom are in the end
  for (const Chart& chart : charts) {
    for (const ChartSeries& series : chart.series) {
      for (const ChartPoint& point : series.points) {
        CHECK(point.x >= chart.x.min);
        CHECK(point.x <= chart.x.max);
        CHECK(point.y >= chart.y.min);
        CHECK(point.y <= chart.y.max);
      }
    }
  }
}

TEST_CASE("a changing learning rate has its chart, and nothing known has none") {
  RunReport report = demo::run();
  report.history[4].learning_rate = 5e-4;
  CHECK(history_charts(report).back().id == "learning-rate");
  report.history = {EpochRecord{.epoch = 1}, EpochRecord{.epoch = 2}};
  CHECK(history_charts(report).empty());
  report.history.clear();
  CHECK(history_charts(report).empty());
}

TEST_CASE("one epoch draws a dot") {
  RunReport report = demo::run();
  report.history.resize(1);
  const std::string svg = to_svg(history_charts(report).front());
  CHECK(count(svg, "<circle") == 2);
  CHECK(svg.find("nan") == std::string::npos);
}

TEST_CASE("two classes: a ROC curve for each result, and its corner enlarged") {
  const RunReport report = demo::run();
  const std::vector<Chart> charts = roc_charts(report);
  REQUIRE(charts.size() == 2);
  REQUIRE(charts[0].series.size() == 3);
  CHECK(charts[0].series[0].label.substr(0, 13) == "Training, AUC");
  CHECK(charts[0].series[2].color == -1);
  for (std::size_t i = 0; i < 2; ++i) {
    const std::vector<ChartPoint>& points = charts[0].series[i].points;
    CHECK(points.front().x == 0);
    CHECK(points.front().y == 0);
    CHECK(points.back().x == 1);
    CHECK(points.back().y == 1);
    CHECK(points.size() <= 1002);  // each kept point but the last advances 1/500 in x or in y
  }
  CHECK(charts[1].x.max == doctest::Approx(0.2));
  CHECK(charts[1].y.min == doctest::Approx(0.8));
}

TEST_CASE("a curve that stays out of the corner has no enlargement") {
  RunReport report = demo::run();
  report.results = {demo::result("Test", 0.7, 500, 500, 0.0)};
  CHECK(roc_charts(report).size() == 1);
  report.results.front().roc.front() = RocCurve{};
  CHECK(roc_charts(report).empty());
}

TEST_CASE("more classes: a ROC curve for each class that has one") {
  RunReport report = demo::run();
  report.class_names = {"a", "b", "c"};
  report.positive_class = -1;
  const std::vector<std::int32_t> truth{0, 1, 0, 1}, predicted{0, 1, 2, 1};
  const std::vector<float> probabilities{.7f, .2f, .1f, .1f, .8f, .1f, .3f, .3f, .4f, .2f, .7f, .1f};
  report.results = {evaluation_result("Test", 0.5, truth, predicted, probabilities, report.class_names)};
  REQUIRE(report.results.front().roc.size() == 3);
  CHECK_FALSE(report.results.front().roc[2].defined());
  const std::vector<Chart> charts = roc_charts(report);
  REQUIRE_FALSE(charts.empty());
  REQUIRE(charts[0].series.size() == 3);
  CHECK(charts[0].series[1].label == "b, AUC 1.000");
}

TEST_CASE("the drawing maps values to its frame") {
  Chart chart{.id = "x", .title = "<T>", .x = {"u", 0, 10, 5, 0}, .y = {"v", 0, 1, 0.5, 1}, .series = {}, .marker = {}};
  chart.series.push_back({"s", 0, {{0, 0}, {10, 1}}});
  const std::string svg = to_svg(chart);
  // The frame of a 560 x 320 drawing: x from 52 to 546, y from 278 up to 14.
  CHECK(svg.find(R"(points="52.0,278.0 546.0,14.0")") != std::string::npos);
  CHECK(svg.find("&lt;T&gt;") != std::string::npos);
  CHECK(count(svg, R"(class="grid")") == 3);
  CHECK(count(svg, "<text") == 3 + 3 + 1);
  chart.marker = {.x = 10, .label = "best"};
  CHECK(to_svg(chart).find(R"(x="540.0" y="24.0" text-anchor="end">best<)") != std::string::npos);
  chart.marker->below = true;
  CHECK(to_svg(chart).find(R"(x="540.0" y="270.0" text-anchor="end">best<)") != std::string::npos);
}

}  // namespace
}  // namespace curie
