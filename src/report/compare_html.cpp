#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/compare.h"
#include "report/html.h"
#include "report/sections.h"
#include "tensor/error.h"

namespace curie {
namespace {

using html::escape;

// The value against the epoch, a curve for each run; nothing when no run has it.
std::vector<Chart> epoch_chart(std::span<const RunRecord> runs, std::string id, std::string title,
                               double EpochRecord::*value, bool percent) {
  Chart chart{.id = std::move(id), .title = std::move(title), .x = {}, .y = {}, .series = {}, .marker = {}};
  double low = INFINITY, high = -INFINITY;
  int epochs = 1;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    ChartSeries series{runs[i].name, static_cast<int>(i) % kSeriesColors, {}};
    for (const EpochRecord& epoch : runs[i].history) {
      if (!std::isfinite(epoch.*value)) continue;
      series.points.push_back({static_cast<double>(epoch.epoch), epoch.*value});
      low = std::min(low, epoch.*value);
      high = std::max(high, epoch.*value);
      epochs = std::max(epochs, epoch.epoch);
    }
    if (!series.points.empty()) chart.series.push_back(std::move(series));
  }
  if (chart.series.empty()) return {};
  chart.x = round_axis("epoch", 0, epochs, 8);
  chart.x.step = std::max(chart.x.step, 1.0);
  chart.x.max = epochs;
  chart.x.digits = 0;
  chart.y = percent ? round_axis("accuracy", low, 1, 5) : round_axis("loss", std::min(0.0, low), high, 5);
  if (percent) {
    chart.y.min = std::max(chart.y.min, 0.0);
    chart.y.percent = true;
    chart.y.digits = std::max(0, chart.y.digits - 2);
  }
  return {std::move(chart)};
}

std::vector<Chart> charts_of(std::span<const RunRecord> runs) {
  std::vector<Chart> charts;
  const auto add = [&](const char* id, const char* title, double EpochRecord::*value, bool percent) {
    for (Chart& chart : epoch_chart(runs, id, title, value, percent)) charts.push_back(std::move(chart));
  };
  add("val-loss", "Validation loss", &EpochRecord::val_loss, false);
  add("val-accuracy", "Validation accuracy", &EpochRecord::val_accuracy, true);
  add("loss", "Training loss", &EpochRecord::loss, false);
  add("accuracy", "Training accuracy", &EpochRecord::accuracy, true);
  return charts;
}

std::string head_row(std::span<const RunRecord> runs, std::string_view heading) {
  std::string row = fmt::format(R"(<thead><tr><th scope="col">{}</th>)", heading);
  for (std::size_t i = 0; i < runs.size(); ++i) {
    row += fmt::format(R"(<th scope="col"><span class="key series-{}"></span>{}</th>)", i % kSeriesColors,
                       html::name(runs[i].name));
  }
  return row + "</tr></thead>";
}

std::string figures_card(std::span<const RunRecord> runs) {
  std::string rows;
  for (const ComparedFigure& figure : compared_figures(runs)) {
    rows += R"(<tr><th scope="row">)" + escape(figure.label) + "</th>";
    const std::vector<bool> best = figure.best();
    for (std::size_t i = 0; i < runs.size(); ++i) {
      const Interval& interval = figure.intervals[i];
      rows += fmt::format("<td{}>{}{}</td>", best[i] ? R"( class="best")" : "",
                          html::fixed(figure.values[i], figure.digits),
                          interval.known() ? fmt::format("<small>{:.3f} to {:.3f}</small>", interval.low, interval.high)
                                           : std::string());
    }
    rows += "</tr>";
  }
  return fmt::format(
      R"(<div class="card compared"><h3>Figures</h3><div class="scroll"><table class="numbers">{}<tbody>{}</tbody>)"
      R"(<caption>{}Small print is the bootstrap interval of the test part. One run a recipe proves )"
      R"(little: another seed moves every figure.</caption></table></div></div>)",
      head_row(runs, "Test part unless it says otherwise"), rows,
      comparable(runs) ? "The best of a row is bold. "
                       : "No figure is marked as the best: the runs tell other classes apart, or saw other images. ");
}

std::string differences_card(std::span<const RunRecord> runs) {
  const std::vector<ComparedOption> options = compared_options(runs);
  if (options.empty()) return "";
  std::string rows;
  for (const ComparedOption& option : options) {
    rows += R"(<tr><th scope="row">)" + escape(option.name) + "</th>";
    for (const std::string& value : option.values) rows += "<td>" + html::name(value) + "</td>";
    rows += "</tr>";
  }
  return fmt::format(
      R"(<div class="card compared"><h3>What they were told differently</h3><div class="scroll"><table class="numbers">{})"
      R"(<tbody>{}</tbody></table></div></div>)",
      head_row(runs, "Option"), rows);
}

std::string confusions(std::span<const RunRecord> runs) {
  std::string cards;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const RunRecord& run = runs[i];
    if (run.confusion.classes == 0) continue;
    cards += fmt::format(
        R"(<div class="card result"><h3><span class="key series-{}"></span>{}</h3><p class="muted">{} of {} right</p>{}</div>)",
        i % kSeriesColors, html::name(run.name), html::thousands(run.confusion.correct()),
        html::plural(run.confusion.total(), "test image"), confusion_html(run.confusion, run.class_names));
  }
  return cards.empty()
             ? ""
             : R"(<section id="confusion"><h2>Confusion</h2><div class="results">)" + cards + "</div></section>";
}

std::string header(std::span<const RunRecord> runs) {
  std::string recipes;
  for (const RunRecord& run : runs) {
    const std::string recipe = run.config.value("recipe", "?");
    if (recipes.find(recipe) == std::string::npos) recipes += (recipes.empty() ? "" : ", ") + recipe;
  }
  std::string page = fmt::format(
      R"(<header><div class="width"><p class="overline">Curie compares runs</p><h1>{} runs beside each other</h1>)"
      R"(<p class="lead">{}</p>)",
      runs.size(), escape(recipes));
  for (const std::string& caveat : comparison_caveats(runs)) {
    page += R"(<p class="banner" role="note">)" + escape(caveat) + "</p>";
  }
  return page + "</div></header>";
}

}  // namespace

std::string comparison_html(std::span<const RunRecord> runs, bool interactive) {
  CURIE_CHECK(!interactive || has_chart_js(), usage, "compare: expected a build with Chart.js for interactive charts");
  const std::vector<Chart> charts = charts_of(runs);
  std::string sections =
      R"(<section id="figures"><h2>Figures</h2>)" + figures_card(runs) + differences_card(runs) + "</section>";
  if (!charts.empty()) {
    sections += R"(<section id="learning"><h2>Learning</h2><div class="charts">)";
    for (const Chart& chart : charts) sections += to_figure(chart);
    sections += "</div></section>";
  }
  sections += confusions(runs);
  const std::string version = runs.empty() ? "" : runs.front().config.value("version", "");
  const std::string head = header(runs), footer = footer_html(version, interactive);
  const std::string code = interactive ? chart_scripts(charts) : std::string();
  return page_html({.title = "Curie compares runs",
                    .header = head,
                    .navigation = {},
                    .sections = sections,
                    .footer = footer,
                    .scripts = code});
}

}  // namespace curie
