// What several sub-commands share: options, progress on the terminal, tables.
#pragma once

#include <CLI/App.hpp>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "ops/backend.h"

namespace curie {

// --device, --threads, --math, --no-graph.
struct DeviceOptions {
  std::string device = "auto";
  BackendOptions backend;
  void add_to(CLI::App& command);
};

// "--limit COVID=300 --limit Normal=500" as a map. Throws Error(usage) for anything else.
std::map<std::string, int> parse_limits(const std::vector<std::string>& limits);

// A line "Loading images 1200/13808 ..." on stderr, rewritten in place on a terminal, silent elsewhere but for its end.
std::function<void(int done, int total)> loading_progress();

}  // namespace curie
