// The page's parts as files: src/report/assets and Chart.js, compiled in by cmake/EmbedFile.cmake.
#pragma once

#include <string_view>

namespace curie::embedded {

extern const std::string_view kReportPage;    // report.html
extern const std::string_view kReportStyle;   // report.css
extern const std::string_view kReportScript;  // report.js
extern const std::string_view kChartJs;       // chart.min.js, or empty

}  // namespace curie::embedded
