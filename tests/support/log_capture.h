// What is logged while an object lives.
#pragma once

#include <string>

#include "tensor/log.h"

namespace curie::test {

class LogCapture {
 public:
  LogCapture()
      : previous_(set_log_sink([this](LogLevel, std::string_view text) { lines += std::string(text) + "\n"; })) {}
  ~LogCapture() { set_log_sink(previous_); }
  LogCapture(const LogCapture&) = delete;
  LogCapture& operator=(const LogCapture&) = delete;
  std::string lines;

 private:
  LogSink previous_;
};

}  // namespace curie::test
