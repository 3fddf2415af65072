// The log sink: the one piece of global state. Messages go to stderr unless a program or a test sets another sink.
#pragma once

#include <fmt/format.h>

#include <functional>
#include <string_view>

namespace curie {

enum class LogLevel { info, warning };

using LogSink = std::function<void(LogLevel, std::string_view)>;

// Returns the previous sink, so that a caller can put it back.
LogSink set_log_sink(LogSink sink);
void log(LogLevel level, std::string_view message);

template <typename... Args>
void log_info(fmt::format_string<Args...> text, Args&&... args) {
  log(LogLevel::info, fmt::format(text, std::forward<Args>(args)...));
}
template <typename... Args>
void log_warning(fmt::format_string<Args...> text, Args&&... args) {
  log(LogLevel::warning, fmt::format(text, std::forward<Args>(args)...));
}

}  // namespace curie
