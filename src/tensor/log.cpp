#include "tensor/log.h"

#include <cstdio>
#include <mutex>
#include <utility>

namespace curie {
namespace {

std::mutex sink_mutex;

LogSink& current_sink() {
  static LogSink sink = [](LogLevel level, std::string_view message) {
    fmt::print(stderr, "{}{}\n", level == LogLevel::warning ? "warning: " : "", message);
  };
  return sink;
}

}  // namespace

LogSink set_log_sink(LogSink sink) {
  const std::lock_guard lock(sink_mutex);
  return std::exchange(current_sink(), std::move(sink));
}

void log(LogLevel level, std::string_view message) {
  const std::lock_guard lock(sink_mutex);
  if (current_sink()) current_sink()(level, message);
}

}  // namespace curie
