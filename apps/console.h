// What several sub-commands share: options, progress on the terminal, tables.
#pragma once

#include <CLI/App.hpp>
#include <cstdint>
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

// Checks for options that take a number: what is none, or lies outside, is an error with the range and what was given.
CLI::Validator whole_number(std::int64_t low, std::uint64_t high);
CLI::Validator number_above(double low);
// For options that name a file or a folder: an empty text is most often a shell variable that is not set.
CLI::Validator not_empty();

// What is there stays unless `force`: else Error(usage) that ends in "or choose another " `other`. A link to nothing,
// too, is something that somebody put there.
void check_not_there(const std::filesystem::path& path, bool force, const char* other);

inline constexpr std::uint64_t kMostCount = 2'147'483'647;  // of epochs, samples, steps: an int
inline constexpr std::uint64_t kMostThreads = 4096;

inline constexpr const char* kLimitHelp =
    "at most N images of a class, the first, of each part of a data set in parts (train, val, test): --limit COVID=300";

// Texts "CLASS=VALUE" as a map. `good` tells whether a value is one. Throws Error(usage) that names the option and what
// was `expected`, and for a class that is named twice.
std::map<std::string, std::string> values_by_class(const char* option, const char* expected,
                                                   const std::vector<std::string>& texts,
                                                   const std::function<bool(const std::string&)>& good);

// "--limit COVID=300 --limit Normal=500" as a map. Throws Error(usage) for anything else and for a
// class that is named twice.
std::map<std::string, int> parse_limits(const std::vector<std::string>& limits);

// A line "Loading images 1200/13808 ..." on stderr, rewritten in place on a terminal, silent elsewhere but for its end.
std::function<void(int done, int total)> loading_progress();

}  // namespace curie
