// Keras' progress bar, on stderr. On a terminal a moving line; elsewhere one line an epoch.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "model/history.h"

namespace curie {

// automatic: a moving bar on a terminal, one line an epoch elsewhere.
enum class Verbosity { automatic, silent, lines, bar };

class ProgressBar {
 public:
  using Writer = std::function<void(const std::string&)>;
  // Writes through `write` (default: stderr).
  explicit ProgressBar(Verbosity verbosity, Writer write = {});

  void begin_epoch(int epoch, int epochs, int batches, int first_batch);
  void batch_done(int batch, const Logs& so_far);
  void end_epoch(const Logs& logs);  // with the validation's values

  // "3s", "1:05", "2:00:01"
  static std::string duration(double seconds);
  // "19s 467ms/step"; the epoch's first step is left out of the mean, as it pays for start-up.
  static std::string per_step(double seconds);
  static std::string values(const Logs& logs);  // "loss: 0.0647 - accuracy: 0.9769"

 private:
  using Clock = std::chrono::steady_clock;
  std::string bar(int done) const;
  double seconds_per_step(Clock::time_point now, int done) const;

  bool moving_ = false;
  bool silent_ = false;
  Writer write_;
  int epoch_ = 0, epochs_ = 0, batches_ = 0, first_batch_ = 0, done_ = 0;
  std::size_t last_width_ = 0;
  Clock::time_point start_, after_first_, last_shown_;
};

}  // namespace curie
