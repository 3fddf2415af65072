// Runs beside each other: what each was told to do, how it learned, what it reached.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "report/report.h"

namespace curie {

// A finished run, from the config.json, history.json and metrics.json of its folder.
struct RunRecord {
  std::string name;  // the folder's, made longer where two folders are named alike
  std::filesystem::path folder;
  nlohmann::json config;
  std::vector<EpochRecord> history;
  std::string stop_reason;
  bool synthetic = false;

  double train_loss = kUnknown, train_accuracy = kUnknown, test_loss = kUnknown;
  std::vector<std::string> class_names;
  ConfusionMatrix confusion;    // of the test part; without classes where an older run did not keep it
  std::vector<Figure> figures;  // of the test part
};

// Throws Error(file) for a folder that holds no run, a run that is not finished (telling how to go on) or files that
// are damaged; Error(usage) for fewer than two folders.
std::vector<RunRecord> read_runs(std::span<const std::filesystem::path> folders);

// One row of the comparison: a value for each run, NaN where it is not known.
struct ComparedFigure {
  std::string key, label;
  std::vector<double> values;
  std::vector<Interval> intervals;
  bool lower_is_better = false;
  int digits = 4;
  bool ranked = true;  // whether one value is better than another

  std::vector<bool> best() const;  // the best known values, none when all are equal
};
std::vector<ComparedFigure> compared_figures(std::span<const RunRecord> runs);

// The members of config.json in which the runs differ, each with one text a run; paths of the program and times left
// out.
struct ComparedOption {
  std::string name;
  std::vector<std::string> values;
};
std::vector<ComparedOption> compared_options(std::span<const RunRecord> runs);

// Whether the runs tell the same classes of the same images apart, so that one figure is better than another.
bool comparable(std::span<const RunRecord> runs);

// Why the runs' figures cannot simply be compared: other images, another division, another recipe. Empty: they can.
std::vector<std::string> comparison_caveats(std::span<const RunRecord> runs);

// For a terminal; the best value of a row is marked with * where the runs are comparable.
std::string comparison_text(std::span<const RunRecord> runs);
nlohmann::ordered_json comparison_json(std::span<const RunRecord> runs);
// One self-contained page with the curves of all runs in the same charts; `interactive` as in render_html.
std::string comparison_html(std::span<const RunRecord> runs, bool interactive = has_chart_js());

}  // namespace curie
