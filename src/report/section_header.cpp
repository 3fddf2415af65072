#include <fmt/format.h>

#include <cmath>

#include "report/html.h"
#include "report/sections.h"

namespace curie {
namespace {

using html::escape;

std::string figure(std::string_view label, std::string_view value, std::string_view detail) {
  return fmt::format(R"(<div class="figure"><dt>{}</dt><dd class="value">{}</dd><dd class="detail">{}</dd></div>)",
                     label, value, detail);
}

std::string accuracy_figure(const EvaluationResult& result) {
  const Baseline baseline = majority_baseline(result);
  const std::string detail =
      fmt::format("{} of {} right; {} would score {}", html::thousands(result.confusion.correct()),
                  html::thousands(result.scores.support), escape(baseline.name), html::percent(baseline.accuracy));
  return figure(escape(result.name) + " accuracy", html::percent(result.scores.accuracy), detail);
}

std::string f1_figure(const RunReport& report, const EvaluationResult& result) {
  const bool one_class = report.positive_class >= 0;
  const Scores& scores =
      one_class ? result.scores.classes[static_cast<std::size_t>(report.positive_class)].scores : result.scores.macro;
  const std::string label =
      one_class ? "F1 of " + html::name(report.class_names[static_cast<std::size_t>(report.positive_class)])
                : std::string("Macro F1");
  return figure(label, html::fixed(scores.f1, 3),
                fmt::format("precision {:.3f}, recall {:.3f}", scores.precision, scores.recall));
}

std::string auc_figure(const EvaluationResult& result) {
  double sum = 0;
  int curves = 0;
  for (const RocCurve& curve : result.roc) {
    if (!curve.defined()) continue;
    sum += curve.auc;
    ++curves;
  }
  if (curves == 0) return "";
  return figure("AUC", html::fixed(sum / curves, 4),
                curves == 1 ? "area under the ROC curve" : "mean over classes, each against the rest");
}

std::string training_figures(const RunReport& report) {
  if (report.history.empty()) return "";
  double sum = 0;
  for (const EpochRecord& record : report.history) sum += record.seconds;
  const double each = sum / static_cast<double>(report.history.size());
  std::string figures = figure("Epochs", html::thousands(report.history.back().epoch), escape(report.stopping.reason));
  return figures +
         figure("Time", html::duration(report.seconds),
                std::isfinite(each) ? html::duration(each) + " an epoch" : std::string("from start to report"));
}

std::string headline(const RunReport& report) {
  std::string figures;
  if (!report.results.empty()) {
    const EvaluationResult& result = report.results.back();
    figures += accuracy_figure(result);
    figures += figure(escape(result.name) + " loss", html::fixed(result.loss, 4), "mean over samples");
    figures += f1_figure(report, result);
    figures += auc_figure(result);
  }
  figures += training_figures(report);
  return figures.empty() ? "" : R"(<dl class="headline">)" + figures + "</dl>";
}

std::string fact(std::string_view label, std::string_view value) {
  return value.empty() ? "" : fmt::format("<div><dt>{}</dt><dd>{}</dd></div>", label, escape(value));
}

}  // namespace

std::string header_html(const RunReport& report) {
  std::string page = R"(<header><div class="width">)";
  page += fmt::format(R"(<p class="overline">Curie training report</p><h1>{}</h1>)", escape(report.title));
  if (!report.description.empty()) page += fmt::format(R"(<p class="lead">{}</p>)", escape(report.description));
  page += R"(<dl class="facts">)" + fact("Recipe", report.recipe) + fact("Started", report.started) +
          fact("Device", report.device) + fact("Curie", report.version) + "</dl>";
  if (report.synthetic) page += kSyntheticBanner;
  page += baseline_banner(report);
  return page + headline(report) + "</div></header>";
}

std::string footer_html(std::string_view version, bool interactive) {
  std::string page =
      R"(<footer><div class="width"><p><strong>Not a diagnosis.</strong> This page describes a software )"
      R"(experiment. Nothing in it may be used to diagnose or treat anyone.</p>)";
  page += fmt::format("<p>Written by Curie {}.{}</p></div></footer>", escape(version),
                      interactive ? " Charts by Chart.js (MIT License), included in this file." : "");
  return page;
}

}  // namespace curie
