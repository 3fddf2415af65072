// Fills the report of one run from what the run knows.
#pragma once

#include <string>
#include <vector>

#include "recipes/predictions.h"
#include "recipes/prepare.h"
#include "recipes/run.h"
#include "report/report.h"

namespace curie {

struct RunFacts {
  const Recipe& recipe;
  const RunOptions& options;
  const nlohmann::json& config;
  const SourceImages& source;  // its images may be gone
  const PreparedData& data;
  const History& history;
  const Predictions& train;
  const Predictions& test;
  std::string model_summary;
  std::string device;
  std::vector<PhaseTime> phases;
  std::string started;
  double seconds = 0.0;
  // What a report can do without:
  const Predictions* validation = nullptr;  // thresholds are chosen on it rather than on the test part
  Model* model = nullptr;                   // the largest mistakes are shown with its Grad-CAM
  std::vector<Baseline> baselines = {};     // what needs no network
};

RunReport report_of(const RunFacts& facts);

}  // namespace curie
