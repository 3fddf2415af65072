// What early stopping did in a run, and how much of it was chance.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "report/report.h"

namespace curie {

// The epoch with the best finite value of the monitored figure (the first of equals); nothing when there is none.
std::optional<int> best_epoch(std::span<const EpochRecord> history, const StoppingRecord& stopping);

// Where this run's history would have stopped with patience `from` .. `to`, which all give the same end.
struct PatienceOutcome {
  int from = 0, to = 0;
  int last_epoch = 0;
  bool stopped = false;  // false: the history ends before such a patience does
  int best_epoch = 0;
  double best_value = kUnknown;
  double val_accuracy = kUnknown;  // at the best epoch
};

struct StoppingStory {
  std::vector<std::string> paragraphs;    // plain text
  std::vector<PatienceOutcome> outcomes;  // patience 1 up to the run's own
};

// Nothing for a run without early stopping (patience 0) or without values of the monitored figure. Throws Error(usage)
// for an unknown monitor.
std::optional<StoppingStory> stopping_story(std::span<const EpochRecord> history, const StoppingRecord& stopping);

}  // namespace curie
