// Swallows the log while it lives.
#pragma once

#include <string_view>

#include "tensor/log.h"

class Quiet {
 public:
  Quiet() : previous_(curie::set_log_sink([](curie::LogLevel, std::string_view) {})) {}
  ~Quiet() { curie::set_log_sink(previous_); }
  Quiet(const Quiet&) = delete;
  Quiet& operator=(const Quiet&) = delete;

 private:
  curie::LogSink previous_;
};
