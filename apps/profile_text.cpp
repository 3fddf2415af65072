#include "profile_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "model/summary.h"

namespace curie {
namespace {

using Rows = std::vector<std::vector<std::string>>;

// Columns as wide as their longest cell; those in `right` flush right.
std::string table(const Rows& rows, const std::set<std::size_t>& right) {
  std::vector<std::size_t> widths;
  for (const std::vector<std::string>& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const std::vector<std::string>& row : rows) {
    std::string line = "  ";
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string gap = i == 0 ? "" : "  ";
      line += right.contains(i) ? fmt::format("{}{:>{}}", gap, row[i], widths[i])
                                : fmt::format("{}{:<{}}", gap, row[i], widths[i]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::string milliseconds(double seconds) { return fmt::format("{:.3f}", seconds * 1e3); }
std::string percent(double share) { return fmt::format("{:.0f} %", share * 100.0); }
std::string number(double value) {
  if (value < 0.001) return value == 0.0 ? "0" : "<.001";
  return value >= 100.0 ? fmt::format("{:.0f}", value)
         : value >= 1.0 ? fmt::format("{:.1f}", value)
                        : fmt::format("{:.3f}", value);
}
std::string count(double value) {
  return value == std::floor(value) ? fmt::format("{:.0f}", value) : fmt::format("{:.1f}", value);
}
std::string part_of(const KernelProfile& kernel) {
  const std::string first = kernel.parts.front();
  return kernel.parts.size() == 1 ? first : fmt::format("{} and {} more", first, kernel.parts.size() - 1);
}
std::string extent(const std::array<unsigned, 3>& e) { return fmt::format("({},{},{})", e[0], e[1], e[2]); }

std::string timed_table(const StepProfile& profile) {
  Rows rows = {{"primitive", "shape", "part of", "calls", "ms", "share", "GFLOP", "MB", "GFLOP/s", "GB/s", "of roof",
                "bound by"}};
  for (const KernelProfile& kernel : profile.kernels) {
    const double operations = kernel.work.operations();
    std::vector<std::string> row = {kernel.primitive,
                                    kernel.shape,
                                    part_of(kernel),
                                    count(kernel.calls),
                                    milliseconds(kernel.seconds),
                                    percent(kernel.seconds / profile.watched),
                                    number(operations * 1e-9),
                                    number(kernel.work.bytes * 1e-6),
                                    number(operations / kernel.seconds * 1e-9),
                                    number(kernel.work.bytes / kernel.seconds * 1e-9)};
    if (profile.roof) {
      const LeastTime least = kernel.least(*profile.roof);
      // A CPU does little work on one thread, sooner than it wakes the others.
      const bool exceeds = profile.host_waits && least.bound == Bound::launch;
      row.push_back(exceeds ? "" : percent(least.seconds / kernel.seconds));
      row.emplace_back(name_of(least.bound));
    }
    rows.push_back(std::move(row));
    for (const LaunchProfile& launch : kernel.launches) {
      rows.push_back({"  " + launch.kernel, fmt::format("{} x {}", extent(launch.grid), extent(launch.block)), "",
                      count(launch.launches), milliseconds(launch.seconds)});
    }
  }
  rows.push_back({"rest", profile.host_waits ? "between primitives" : "waiting for the host", "", "",
                  milliseconds(profile.rest()), percent(profile.rest() / profile.watched)});
  const Work work = profile.work();
  rows.push_back({"a step, watched", "", "", "", milliseconds(profile.watched), percent(1.0),
                  number(work.operations() * 1e-9), number(work.bytes * 1e-6),
                  number(work.operations() / profile.watched * 1e-9), number(work.bytes / profile.watched * 1e-9)});
  return table(rows, {3, 4, 5, 6, 7, 8, 9, 10});
}

std::string untimed_table(const StepProfile& profile) {
  Rows rows = {{"primitive", "shape", "part of", "calls", "launches", "GFLOP", "MB"}};
  for (const KernelProfile& kernel : profile.kernels) {
    rows.push_back({kernel.primitive, kernel.shape, part_of(kernel), count(kernel.calls), count(kernel.launch_count()),
                    number(kernel.work.operations() * 1e-9), number(kernel.work.bytes * 1e-6)});
    for (const LaunchProfile& launch : kernel.launches) {
      rows.push_back({"  " + launch.kernel, fmt::format("{} x {}", extent(launch.grid), extent(launch.block)), "", "",
                      count(launch.launches)});
    }
  }
  const Work work = profile.work();
  rows.push_back(
      {"a step", "", "", "", count(profile.launches()), number(work.operations() * 1e-9), number(work.bytes * 1e-6)});
  return table(rows, {3, 4, 5, 6});
}

std::string times(const StepProfile& profile) {
  std::string text;
  if (profile.roof) {
    text += fmt::format("Roof: {:.0f} GFLOP/s, {:.1f} GB/s copied, {:.1f} us to start a kernel ({})\n",
                        profile.roof->products * 1e-9, profile.roof->bytes * 1e-9, profile.roof->launch * 1e6,
                        profile.roof->how);
  }
  text += fmt::format("A step as it trains: {} ms, the median of {}\n", milliseconds(profile.step), profile.steps);
  if (!profile.host_waits) {
    text += fmt::format("The host could go on after {} ms", milliseconds(profile.host));
    if (profile.unrecorded) {
      text +=
          fmt::format("; with every kernel started by the host a step takes {} ms", milliseconds(*profile.unrecorded));
    }
    text += "\n";
  }
  return text + fmt::format("A step while watched: {} ms, the mean of {}: {} ms in primitives, {} ms between them\n",
                            milliseconds(profile.watched), profile.steps, milliseconds(profile.kernel_seconds()),
                            milliseconds(profile.rest()));
}

std::string memory(const StepProfile& profile) {
  Rows rows = {{"step", "activations and gradients"}};
  for (const LayerMemory& layer : profile.memory) rows.push_back({layer.step, human_bytes(layer.bytes)});
  return table(rows, {1}) +
         fmt::format(
             "  all at their times in an arena of {}; parameters, gradients and optimizer state {}, scratch "
             "memory {}; in all {}\n",
             human_bytes(profile.arena_bytes), human_bytes(profile.parameter_bytes), human_bytes(profile.scratch_bytes),
             human_bytes(profile.total_bytes));
}

}  // namespace

std::string profile_text(const std::string& recipe, const StepProfile& profile) {
  std::string text = fmt::format("{} at batch {} on {}\n\n", recipe, profile.batch, profile.device);
  text += profile.timed ? timed_table(profile) : untimed_table(profile);
  text += "\n";
  text += profile.timed ? times(profile)
                        : "Times are left out: the emulator's say nothing about a GPU. Launches, operations and bytes "
                          "are a GPU's.\n";
  if (profile.launches() > 0.0) text += fmt::format("Kernels started in a step: {}\n", count(profile.launches()));
  const Work work = profile.work();
  text += fmt::format("Products of a step: {} GFLOP; nothing left out, {}\n", number(work.products * 1e-9),
                      number(work.dense * 1e-9));
  text += fmt::format("Bytes of a step: {} MB; with every block one pass, {} MB in float32\n",
                      number(work.bytes * 1e-6), number(profile.least.bytes * 1e-6));
  return text + "\nMemory\n" + memory(profile);
}

nlohmann::ordered_json profile_json(const std::string& recipe, const StepProfile& profile) {
  using Json = nlohmann::ordered_json;
  const auto work_json = [](const Work& work) {
    return Json{{"products", work.products},
                {"dense_products", work.dense},
                {"elementwise", work.elementwise},
                {"bytes", work.bytes}};
  };
  Json kernels = Json::array();
  for (const KernelProfile& kernel : profile.kernels) {
    Json one = {{"primitive", kernel.primitive},
                {"shape", kernel.shape},
                {"parts", kernel.parts},
                {"calls", kernel.calls},
                {"work", work_json(kernel.work)}};
    if (profile.timed) one["seconds"] = kernel.seconds;
    if (profile.roof) {
      const LeastTime least = kernel.least(*profile.roof);
      one["least_seconds"] = least.seconds;
      one["bound"] = name_of(least.bound);
    }
    one["launches"] = Json::array();
    for (const LaunchProfile& launch : kernel.launches) {
      Json started = {
          {"kernel", launch.kernel}, {"grid", launch.grid}, {"block", launch.block}, {"launches", launch.launches}};
      if (profile.timed) started["seconds"] = launch.seconds;
      one["launches"].push_back(std::move(started));
    }
    kernels.push_back(std::move(one));
  }
  Json memory = Json::array();
  for (const LayerMemory& layer : profile.memory) memory.push_back({{"step", layer.step}, {"bytes", layer.bytes}});
  Json all = {{"recipe", recipe},
              {"device", profile.device},
              {"batch_size", profile.batch},
              {"steps", profile.steps},
              {"timed", profile.timed},
              {"launches", profile.launches()},
              {"work", work_json(profile.work())},
              {"least_work", work_json(profile.least)}};
  if (profile.roof) {
    all["roof"] = {{"products_per_second", profile.roof->products},
                   {"elementwise_per_second", profile.roof->elementwise},
                   {"bytes_per_second", profile.roof->bytes},
                   {"launch_seconds", profile.roof->launch},
                   {"how", profile.roof->how}};
  }
  if (profile.timed) {
    all["step_seconds"] = profile.step;
    all["host_seconds"] = profile.host;
    if (profile.unrecorded) all["unrecorded_step_seconds"] = *profile.unrecorded;
    all["watched_step_seconds"] = profile.watched;
    all["kernel_seconds"] = profile.kernel_seconds();
    all["rest_seconds"] = profile.rest();
  }
  all["kernels"] = std::move(kernels);
  all["memory"] = {{"steps", std::move(memory)},
                   {"parameters", profile.parameter_bytes},
                   {"arena", profile.arena_bytes},
                   {"scratch", profile.scratch_bytes},
                   {"total", profile.total_bytes}};
  return all;
}

}  // namespace curie
