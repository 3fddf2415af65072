#include "model/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>

namespace curie {
namespace {

constexpr int kBarWidth = 30;
constexpr double kRefreshSeconds = 0.05;

double seconds_between(std::chrono::steady_clock::time_point from, std::chrono::steady_clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

}  // namespace

ProgressBar::ProgressBar(Verbosity verbosity, Writer write) : write_(std::move(write)) {
  moving_ = verbosity == Verbosity::bar || (verbosity == Verbosity::automatic && ::isatty(STDERR_FILENO) == 1);
  silent_ = verbosity == Verbosity::silent;
  if (!write_) write_ = [](const std::string& text) { std::fputs(text.c_str(), stderr); };
}

std::string ProgressBar::duration(double seconds) {
  const long whole = std::lround(std::max(seconds, 0.0));
  if (whole >= 3600) return fmt::format("{}:{:02d}:{:02d}", whole / 3600, whole / 60 % 60, whole % 60);
  if (whole >= 60) return fmt::format("{}:{:02d}", whole / 60, whole % 60);
  return fmt::format("{}s", whole);
}

std::string ProgressBar::per_step(double seconds) {
  if (seconds >= 1.0 || seconds == 0.0) return fmt::format("{:.0f}s/step", seconds);
  if (seconds >= 1e-3) return fmt::format("{:.0f}ms/step", seconds * 1e3);
  return fmt::format("{:.0f}us/step", seconds * 1e6);
}

std::string ProgressBar::values(const Logs& logs) {
  std::string text;
  for (const auto& [name, value] : logs.values()) {
    text += fmt::format(" - {}: ", name);
    text += std::abs(value) > 1e-3 || value == 0.0 ? fmt::format("{:.4f}", value) : fmt::format("{:.4e}", value);
  }
  return text;
}

std::string ProgressBar::bar(int done) const {
  const int filled = batches_ == 0 ? kBarWidth : done * kBarWidth / batches_;
  std::string text = std::string(static_cast<std::size_t>(filled), '=');
  if (done < batches_ && filled < kBarWidth) text += '>';
  text.resize(kBarWidth, done < batches_ ? '.' : '=');
  return text;
}

double ProgressBar::seconds_per_step(Clock::time_point now, int done) const {
  const int steps = done - first_batch_;
  if (steps <= 0) return 0.0;
  if (steps == 1) return seconds_between(start_, now);
  return seconds_between(after_first_, now) / (steps - 1);
}

void ProgressBar::begin_epoch(int epoch, int epochs, int batches, int first_batch) {
  epoch_ = epoch;
  epochs_ = epochs;
  batches_ = batches;
  first_batch_ = first_batch;
  done_ = first_batch;
  last_width_ = 0;
  start_ = after_first_ = last_shown_ = Clock::now();
  if (moving_ && !silent_) write_(fmt::format("Epoch {}/{}\n", epoch + 1, epochs));
}

void ProgressBar::batch_done(int batch, const Logs& so_far) {
  done_ = batch + 1;
  const Clock::time_point now = Clock::now();
  if (done_ - first_batch_ == 1) after_first_ = now;
  if (!moving_ || silent_) return;
  if (done_ < batches_ && done_ - first_batch_ > 1 && seconds_between(last_shown_, now) < kRefreshSeconds) return;
  last_shown_ = now;
  const std::string total = std::to_string(batches_);
  const double each = seconds_per_step(now, done_);
  std::string line = fmt::format("{:>{}}/{} [{}] - ETA: {}", done_, total.size(), total, bar(done_),
                                 duration(each * (batches_ - done_))) +
                     values(so_far);
  const std::size_t width = line.size();
  if (width < last_width_) line.append(last_width_ - width, ' ');
  last_width_ = width;
  write_("\r" + line);
}

void ProgressBar::end_epoch(const Logs& logs) {
  if (silent_) return;
  const Clock::time_point now = Clock::now();
  const std::string total = std::to_string(batches_);
  const double each = seconds_per_step(now, done_);
  std::string line = fmt::format("{:>{}}/{} [{}] - {} {}", done_, total.size(), total, bar(done_),
                                 duration(seconds_between(start_, now)), per_step(each)) +
                     values(logs);
  if (moving_) {
    if (line.size() < last_width_) line.append(last_width_ - line.size(), ' ');
    write_("\r" + line + "\n");
  } else {
    write_(fmt::format("Epoch {}/{} - {} {}{}\n", epoch_ + 1, epochs_, duration(seconds_between(start_, now)),
                       per_step(each), values(logs)));
  }
}

}  // namespace curie
