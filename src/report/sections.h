// The parts of the page, each a function from the run to HTML; an empty string when the run has nothing to show there.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "report/charts.h"
#include "report/report.h"

namespace curie {

inline constexpr std::string_view kSyntheticBanner =
    R"(<p class="banner" role="note"><strong>Synthetic phantom images, not patients.</strong> Every picture on )"
    R"(this page was computed. The figures say that the software works, and nothing about medicine.</p>)";
// Of the elements beside it in a sheet, those of class "right" go.
inline constexpr std::string_view kMistakesOnly =
    R"(<label class="only"><input type="checkbox"> mistakes only</label>)";

std::string header_html(const RunReport& report);  // title, banner, headline figures
std::string learning_html(const RunReport& report, const std::vector<Chart>& charts);
std::string results_html(const RunReport& report, const std::vector<Chart>& charts);
std::string figures_html(const RunReport& report);  // the tables of the results; `results` is not empty
std::string baseline_banner(const RunReport& report);
std::string contact_sheet_html(const RunReport& report);
std::string examples_html(const RunReport& report);
std::string example_card(const ExamplePrediction& example);  // with its heat map beside it, if it has one
std::string sheet_tile(const ExamplePrediction& example);    // small, as in the contact sheet
std::string data_html(const RunReport& report);
std::string model_html(const RunReport& report);
std::string run_html(const RunReport& report);
// A confusion matrix as a table shaded by the share of its row.
std::string confusion_html(const ConfusionMatrix& matrix, std::span<const std::string> class_names);
// The scripts that draw the page's charts anew with the embedded Chart.js.
std::string chart_scripts(const std::vector<Chart>& charts);
std::string footer_html(std::string_view version, bool interactive);

// A page of its parts, all of them HTML; `scripts`: chart_scripts of a page whose charts are drawn anew.
struct PageParts {
  std::string_view title, header, navigation, sections, footer, scripts;
};
std::string page_html(const PageParts& parts);

}  // namespace curie
