#include "report/report.h"

#include <array>

#include "report/assets.h"
#include "report/charts.h"
#include "report/html.h"
#include "report/sections.h"
#include "tensor/error.h"
#include "tensor/files.h"

namespace curie {
namespace {

void check_result(const RunReport& report, const EvaluationResult& result) {
  const std::size_t classes = report.class_names.size();
  CURIE_CHECK(static_cast<std::size_t>(result.confusion.classes) == classes &&
                  result.scores.classes.size() == classes && result.confusion.counts.size() == classes * classes,
              usage, "report: expected {} classes in the result {}, got {}", classes, result.name,
              result.confusion.classes);
  CURIE_CHECK(result.roc.empty() || result.roc.size() == (classes == 2 ? 1 : classes), usage,
              "report: expected {} ROC curves in the result {}, got {}", classes == 2 ? 1 : classes, result.name,
              result.roc.size());
}

void check(const RunReport& report) {
  CURIE_CHECK(report.positive_class < static_cast<int>(report.class_names.size()), usage,
              "report: expected a positive class below {}, got {}", report.class_names.size(), report.positive_class);
  for (const EvaluationResult& result : report.results) check_result(report, result);
  for (const CountRow& row : report.counts) {
    CURIE_CHECK(row.counts.size() == report.class_names.size(), usage,
                "report: expected {} counts in the row {}, got {}", report.class_names.size(), row.step,
                row.counts.size());
  }
  CURIE_CHECK(report.configuration.empty() || nlohmann::ordered_json::accept(report.configuration), usage,
              "report: expected a configuration in JSON, got {}", report.configuration.substr(0, 60));
}

std::string navigation(const std::string& sections) {
  struct Entry {
    std::string_view id, label;
  };
  constexpr std::array<Entry, 8> kEntries{{{"learning", "Learning"},
                                           {"results", "Results"},
                                           {"examples", "Examples"},
                                           {"contact-sheet", "Contact sheet"},
                                           {"data", "Data"},
                                           {"model", "Model"},
                                           {"roofline", "Roofline"},
                                           {"run", "Run"}}};
  std::string links;
  for (const Entry& entry : kEntries) {
    if (sections.find(fmt::format(R"(<section id="{}">)", entry.id)) == std::string::npos) continue;
    links += fmt::format(R"(<a href="#{}">{}</a>)", entry.id, entry.label);
  }
  return links.empty() ? "" : R"(<nav aria-label="Sections"><div class="width">)" + links + "</div></nav>";
}

}  // namespace

std::string chart_scripts(const std::vector<Chart>& charts) {
  nlohmann::ordered_json data = nlohmann::ordered_json::array();
  for (const Chart& chart : charts) data.push_back(to_json(chart));
  std::string page = R"(<script type="application/json" id="chart-data">)" + html::script_json(data) + "</script>\n";
  page.append("<script>").append(embedded::kChartJs).append("</script>\n");
  return page.append("<script>").append(embedded::kReportScript).append("</script>\n");
}

std::string page_html(const PageParts& parts) {
  const std::array<html::Value, 8> values{{{"charts", parts.scripts.empty() ? "static" : "pending"},
                                           {"title", parts.title},
                                           {"style", embedded::kReportStyle},
                                           {"header", parts.header},
                                           {"navigation", parts.navigation},
                                           {"sections", parts.sections},
                                           {"footer", parts.footer},
                                           {"scripts", parts.scripts}}};
  return html::fill(embedded::kReportPage, values);
}

bool has_chart_js() { return !embedded::kChartJs.empty(); }

std::string chart_js_status() {
  if (!has_chart_js())
    return "not in this build (not found, or CURIE_CHARTJS=OFF; Debian: libjs-chart.js); figures are static SVG";
  constexpr std::string_view kMark = "Chart.js v";
  const std::size_t mark = embedded::kChartJs.find(kMark);
  CURIE_ASSERT(mark != std::string_view::npos, "the embedded Chart.js does not name its version");
  const std::string_view rest = embedded::kChartJs.substr(mark + kMark.size());
  return fmt::format("Chart.js {}, embedded", rest.substr(0, rest.find_first_not_of("0123456789.")));
}

std::string render_html(const RunReport& report, bool interactive) {
  CURIE_CHECK(!interactive || has_chart_js(), usage, "report: expected a build with Chart.js for interactive charts");
  check(report);
  const std::vector<Chart> history = history_charts(report);
  std::vector<Chart> curves = roc_charts(report);
  for (const auto& make : {precision_recall_charts, calibration_charts}) {
    for (Chart& chart : make(report)) curves.push_back(std::move(chart));
  }
  std::vector<Chart> charts = history;
  charts.insert(charts.end(), curves.begin(), curves.end());

  const std::string sections = learning_html(report, history) + results_html(report, curves) + examples_html(report) +
                               contact_sheet_html(report) + data_html(report) + model_html(report) +
                               (report.roofline ? roofline_section(*report.roofline) : "") + run_html(report);
  const std::string title = html::escape(report.title);
  const std::string header = header_html(report);
  const std::string links = navigation(sections);
  const std::string footer = footer_html(report.version, interactive);
  const std::string code = interactive ? chart_scripts(charts) : std::string();
  return page_html(
      {.title = title, .header = header, .navigation = links, .sections = sections, .footer = footer, .scripts = code});
}

void write_report(const std::filesystem::path& path, const RunReport& report) { write_file(path, render_html(report)); }

}  // namespace curie
