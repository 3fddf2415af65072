// The page in a real browser: headless Chromium draws the charts, and the page's script says how that went.
#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "report/charts.h"
#include "report/demo_run.h"
#include "report/report.h"
#include "tensor/files.h"

namespace curie {
namespace {

namespace fs = std::filesystem;

std::string browser() {
  const char* path = std::getenv("PATH");
  std::string folders = path == nullptr ? "" : path;
  folders += ':';
  for (const char* name : {"chromium", "chromium-browser", "google-chrome"}) {
    for (std::size_t begin = 0; begin < folders.size();) {
      const std::size_t end = folders.find(':', begin);
      const fs::path file = fs::path(folders.substr(begin, end - begin)) / name;
      if (::access(file.c_str(), X_OK) == 0) return file.string();
      begin = end + 1;
    }
  }
  return "";
}

struct Folder {
  fs::path path;
  Folder() {
    std::string name = (fs::temp_directory_path() / "curie-report-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
};

struct Dom {
  int status = 0;
  std::string text;
};

Dom rendered(const std::string& program, const fs::path& folder, const RunReport& report) {
  write_report(folder / "report.html", report);
  const std::string command = "timeout 120 '" + program +
                              "' --headless --no-sandbox --disable-gpu --disable-dev-shm-usage" + " --user-data-dir='" +
                              (folder / "profile").string() + "' --dump-dom 'file://" +
                              (folder / "report.html").string() + "' 2>/dev/null";
  Dom dom;
  std::FILE* pipe = ::popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::array<char, 65536> piece;
  for (std::size_t size; (size = std::fread(piece.data(), 1, piece.size(), pipe)) > 0;)
    dom.text.append(piece.data(), size);
  const int status = ::pclose(pipe);
  dom.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return dom;
}

int count(const std::string& text, const std::string& part) {
  int times = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++times;
  return times;
}

// The charts' own numbers of points, as the script writes them once Chart.js has taken them.
std::string points_of(const Chart& chart) {
  std::string text;
  for (const ChartSeries& series : chart.series)
    text += (text.empty() ? "" : " ") + std::to_string(series.points.size());
  return "data-points=\"" + text + "\"";
}

void check_drawn(const std::string& program, const RunReport& report) {
  const Folder folder;
  const Dom dom = rendered(program, folder.path, report);
  CHECK(dom.status == 0);
  const std::size_t at = dom.text.find("data-charts=\"");
  REQUIRE(at != std::string::npos);
  CHECK(dom.text.substr(at, 40).substr(0, 16) == "data-charts=\"ok\"");
  std::vector<Chart> charts = history_charts(report);
  for (const auto& make : {roc_charts, precision_recall_charts, calibration_charts}) {
    for (Chart& chart : make(report)) charts.push_back(std::move(chart));
  }
  CHECK(count(dom.text, "<canvas ") == static_cast<int>(charts.size()));
  for (const Chart& chart : charts) CHECK(dom.text.find(points_of(chart)) != std::string::npos);
}

TEST_CASE("Chromium draws every chart without a script error") {
  const std::string program = browser();
  if (program.empty() || !has_chart_js()) {
    std::printf("SKIPPED: %s\n", program.empty() ? "no Chromium in PATH" : "built without Chart.js");
    return;
  }
  check_drawn(program, demo::run());

  RunReport hostile = demo::run();
  hostile.results.back().name = "</script><script>throw 1</script>";
  check_drawn(program, hostile);
  check_drawn(program, demo::four_classes());
}

}  // namespace
}  // namespace curie
