#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "catalogue/catalogue.h"
#include "commands.h"
#include "emu/emulator.h"
#include "emu/memory.h"
#include "emu/profile.h"
#include "report/text_table.h"
#include "tensor/error.h"

namespace curie {
namespace {

struct EmulateArguments {
  std::string kernel, shape, order = "ascending", math = "exact";
  bool list = false, checked = false, json = false;
};

struct Agreement {
  std::string name;
  std::size_t elements = 0, equal = 0;
  double largest = 0.0;  // difference, relative to the larger of 1 and the value
};

struct Findings {
  std::vector<Agreement> agreement;
  std::vector<emu::LaunchRecord> launches;
  std::vector<emu::ProfileRow> profile;
};

// Equal values, NaN included.
bool same(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

std::vector<Agreement> compare(const std::vector<Operands::Result>& got,
                               const std::vector<Operands::Result>& expected) {
  std::vector<Agreement> all;
  for (std::size_t i = 0; i < got.size(); ++i) {
    Agreement a{.name = got[i].name, .elements = got[i].values.size()};
    for (std::size_t j = 0; j < a.elements; ++j) {
      const double x = got[i].values[j], y = expected[i].values[j];
      if (same(x, y)) {
        ++a.equal;
        continue;
      }
      const double difference = std::abs(x - y) / std::max(1.0, std::abs(y));
      a.largest = std::isnan(difference) ? difference : std::max(a.largest, difference);
    }
    all.push_back(a);
  }
  return all;
}

Findings find_out(const CatalogueEntry& entry, const std::vector<Extent>& extents, const EmulateArguments& arguments) {
  const Math math = math_named(arguments.math);
  const std::vector<Operands::Result> reference = results_of(entry, extents, *make_cpu_backend(), math);
  const std::string device = "emulated:" + arguments.order + (arguments.checked ? ":checked" : "");
  const std::unique_ptr<Backend> emulated = make_backend(device, {.math = math});
  emu::record_launches();
  if (arguments.checked) emu::start_profile();
  Findings findings;
  const std::vector<Operands::Result> results =
      results_of(entry, extents, *emulated, math,
                 [](const std::byte* data, const std::string& name) { emu::name_memory(data, name); });
  findings.launches = emu::stop_recording();
  if (arguments.checked) findings.profile = emu::stop_profile();
  findings.agreement = compare(results, reference);
  return findings;
}

std::string size_of_grid(const dim3& d) { return fmt::format("({},{},{})", d.x, d.y, d.z); }
std::size_t product(const dim3& d) { return std::size_t{d.x} * d.y * d.z; }
double ratio(std::uint64_t a, std::uint64_t b) {
  return static_cast<double>(a) / static_cast<double>(std::max<std::uint64_t>(b, 1));
}

void print_agreement(const Findings& findings) {
  for (const Agreement& a : findings.agreement) {
    if (a.equal == a.elements) {
      fmt::print("  {:<18} all {} elements equal to the CPU's, bit for bit\n", a.name, a.elements);
    } else {
      fmt::print("  {:<18} {} of {} elements equal to the CPU's; largest difference {:.2g} (of max(1, |value|))\n",
                 a.name, a.equal, a.elements, a.largest);
    }
  }
}

void print_launches(const Findings& findings) {
  fmt::print("\nLaunches\n");
  std::vector<std::vector<std::string>> rows = {
      {"kernel", "grid", "block", "threads", "shared B", "barriers", "warp ops"}};
  for (const emu::LaunchRecord& launch : findings.launches) {
    rows.push_back({launch.kernel, size_of_grid(launch.grid), size_of_grid(launch.block),
                    std::to_string(product(launch.grid) * product(launch.block)),
                    std::to_string(launch.static_shared_bytes + launch.dynamic_shared_bytes),
                    std::to_string(launch.barriers), std::to_string(launch.warp_operations)});
  }
  fmt::print("{}", text_table(rows, {3, 4, 5, 6}, "  "));
}

// "vec.cuh:9, called at pool.cu:64" as what a reader looks for first: the kernel's own line, then the helper's.
struct Line {
  explicit Line(const std::string& text) {
    const std::string called = ", called at ";
    const std::size_t at = text.find(called);
    own = at == std::string::npos ? text : text.substr(at + called.size());
    helper = at == std::string::npos ? "" : text.substr(0, at);
    const std::size_t colon = own.rfind(':');
    file = own.substr(0, colon);
    number = colon == std::string::npos ? 0 : std::atoi(own.c_str() + colon + 1);
  }
  std::string own, helper, file;
  int number = 0;
  auto key() const { return std::tie(file, number, helper); }
};

// A struct's name without what a template was made for: "SimtTiles<(curie::checked::Tile)0>" is long and says little.
std::string array_name(const std::string& name) { return name.empty() ? "(unnamed)" : name.substr(0, name.find('<')); }

void print_profile(const Findings& findings) {
  fmt::print("\nNothing to report: no race, overrun, uninitialised read or missing wait.\n");
  fmt::print(
      "\nMemory by source line (the first blocks of each launch). Global memory moves in sectors of 32\n"
      "bytes, shared memory in wavefronts over 32 banks; 1.00x is what the same bytes need side by side.\n");
  const std::vector<emu::ProfileRow>& profile = findings.profile;
  for (std::size_t begin = 0, end = 0; begin < profile.size(); begin = end) {
    while (end < profile.size() && profile[end].kernel == profile[begin].kernel) ++end;
    std::vector<std::pair<Line, const emu::ProfileRow*>> lines;
    for (std::size_t i = begin; i < end; ++i) lines.emplace_back(Line(profile[i].line), &profile[i]);
    std::stable_sort(lines.begin(), lines.end(),
                     [](const auto& a, const auto& b) { return a.first.key() < b.first.key(); });
    std::vector<std::vector<std::string>> rows = {{"line", "in", "array", "access", "requests", "each", "", "ideal"}};
    for (const auto& [line, row] : lines) {
      rows.push_back({line.own, line.helper, array_name(row->memory), row->write ? "write" : "read",
                      std::to_string(row->requests), fmt::format("{:.2f}", ratio(row->units, row->requests)),
                      row->shared ? "wavefronts" : "sectors", fmt::format("{:.2f}x", ratio(row->units, row->ideal))});
    }
    fmt::print("  {}\n", profile[begin].kernel);
    fmt::print("{}", text_table(rows, {4, 5, 7}, "    "));
  }
}

nlohmann::json as_json(const CatalogueEntry& entry, const std::vector<Extent>& extents, const Findings& findings) {
  nlohmann::json result = {{"kernel", entry.name}, {"shape", nlohmann::json::object()}};
  for (const Extent& extent : extents) result["shape"][extent.name] = extent.value;
  for (const Agreement& a : findings.agreement) {
    result["agreement"].push_back(
        {{"array", a.name}, {"elements", a.elements}, {"equal", a.equal}, {"largest", a.largest}});
  }
  for (const emu::LaunchRecord& launch : findings.launches) {
    result["launches"].push_back({{"kernel", launch.kernel},
                                  {"grid", {launch.grid.x, launch.grid.y, launch.grid.z}},
                                  {"block", {launch.block.x, launch.block.y, launch.block.z}},
                                  {"shared_bytes", launch.static_shared_bytes + launch.dynamic_shared_bytes},
                                  {"barriers", launch.barriers},
                                  {"warp_operations", launch.warp_operations}});
  }
  for (const emu::ProfileRow& row : findings.profile) {
    result["profile"].push_back({{"kernel", row.kernel},
                                 {"line", row.line},
                                 {"array", row.memory},
                                 {"shared", row.shared},
                                 {"write", row.write},
                                 {"requests", row.requests},
                                 {"bytes", row.bytes},
                                 {"units", row.units},
                                 {"ideal", row.ideal}});
  }
  return result;
}

// With bf16, the kernels that there are on bfloat16.
void list(bool json, Math math) {
  nlohmann::json all = nlohmann::json::array();
  for (const CatalogueEntry& entry : catalogue()) {
    if (math == Math::bf16 && !entry.run_bf16) continue;
    if (json) {
      all.push_back({{"name", entry.name}, {"description", entry.description}, {"bf16", entry.run_bf16 != nullptr}});
    } else {
      fmt::print("{:<32} {}\n", entry.name, entry.description);
    }
  }
  if (json) fmt::print("{}\n", all.dump(2));
}

// How far results may be from the CPU's, relative to the larger of 1 and the value: for sums of a few hundred products
// in another order, through Winograd's transforms of a few thousand, with factors of 11 bits of significand (tf32), or
// for values next to a rounding to 8 bits (bf16).
double tolerance(Math math) {
  switch (math) {
    case Math::exact:
      return 1e-4;
    case Math::winograd:
    case Math::tf32:
      return 1e-2;
    case Math::bf16:
      return 0x1p-7 + 1e-4;
  }
  return 0.0;
}

void emulate(const EmulateArguments& arguments) {
  const Math math = math_named(arguments.math);
  if (arguments.list) {
    list(arguments.json, math);
    return;
  }
  CURIE_CHECK(!arguments.kernel.empty(), usage, "emulate: expected a kernel's name; `curie emulate --list` lists them");
  const CatalogueEntry& entry = find_entry(arguments.kernel);
  CURIE_CHECK(math != Math::bf16 || entry.run_bf16, usage,
              "--math bf16: {} has no kernel on bfloat16, its arrays stay float32; expected exact, winograd or tf32, "
              "or one of `curie emulate --list --math bf16`",
              entry.name);
  const std::vector<Extent> extents = with_shape(entry, arguments.shape);
  const Findings findings = find_out(entry, extents, arguments);
  const bool exact = entry.exact && math != Math::winograd;  // its transforms round integers too
  bool agrees = true;
  for (const Agreement& a : findings.agreement) {
    agrees = agrees && (a.equal == a.elements || (!exact && a.largest <= tolerance(math)));
  }
  if (arguments.json) {
    nlohmann::json result = as_json(entry, extents, findings);
    result["agrees"] = agrees;
    fmt::print("{}\n", result.dump(2));
  } else {
    std::string shape;
    for (const Extent& extent : extents)
      shape += fmt::format("{}{}={}", shape.empty() ? "" : ",", extent.name, extent.value);
    fmt::print("{}: {}\nshape {}, order {}, math {}\n\nAgreement\n", entry.name, entry.description, shape,
               arguments.order, arguments.math);
    print_agreement(findings);
    print_launches(findings);
    if (arguments.checked) {
      print_profile(findings);
    } else {
      fmt::print("\n--checked looks at every memory access and counts sectors and bank conflicts by source line.\n");
    }
  }
  CURIE_CHECK(agrees, internal, "{}: the emulated kernel and the CPU disagree", entry.name);
}

}  // namespace

void add_emulate(CLI::App& app) {
  auto arguments = std::make_shared<EmulateArguments>();
  CLI::App* command = app.add_subcommand("emulate", "Run one CUDA kernel on the CPU and look at what it does");
  command->add_option("kernel", arguments->kernel, "its name; --list lists them")->type_name("KERNEL");
  command->add_flag("--list", arguments->list, "every kernel with one line; with --math bf16 those on bfloat16");
  command->add_option("--shape", arguments->shape, "other extents than the default's, such as n=1,h=8,c=3")
      ->type_name("NAME=N,...");
  command->add_flag("--checked", arguments->checked,
                    "check every memory access, and count sectors and bank conflicts by source line");
  command->add_option("--order", arguments->order, "of threads and blocks: ascending, descending or random")
      ->check(CLI::IsMember({"ascending", "descending", "random"}))
      ->type_name("ORDER")
      ->capture_default_str();
  command->add_option("--math", arguments->math, "exact, winograd, tf32 or bf16")
      ->type_name("exact|winograd|tf32|bf16")
      ->capture_default_str();
  command->add_flag("--json", arguments->json, "as JSON on stdout");
  command->footer("Example: curie emulate max_pool_forward --shape n=1,c=32 --checked --order descending");
  command->callback([arguments] { emulate(*arguments); });
}

}  // namespace curie
