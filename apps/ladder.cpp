#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "commands.h"
#include "course/run.h"
#include "curie_version.h"
#include "report/text_table.h"
#include "tensor/error.h"

namespace curie {
namespace {

using Json = nlohmann::ordered_json;  // members in the order of the table

struct LadderArguments {
  std::string course, shape, timed_shape, device = "auto";
  bool json = false;
};

// What became of one rung.
struct Step {
  std::string objection;  // why it was left out; all else is then empty
  std::optional<Agreement> agreement;
  std::optional<Counts> counts;
  std::optional<Timing> timing;
  std::string no_timing;  // why this rung has none, where others do
};

struct Report {
  std::string device;  // where the results come from
  std::vector<Extent> extents, timed_extents;
  std::vector<Step> steps;
  std::string no_counts, no_times;  // why these columns are empty
  std::optional<DeviceRoof> roof;
};

// The emulator takes some 100 ns for an operation in checked mode.
constexpr double kMostEmulatedOperations = 1e9;

void check_size(const Course& course, const std::vector<Extent>& extents, bool emulated) {
  course.check(extents);
  const double floats = course.least_bytes(extents) / sizeof(float);
  CURIE_CHECK(floats < 2147483648.0, usage, "--shape: the arrays of {} together are to have fewer than 2^31 elements",
              course.name);
  const double operations = course.operations(extents);
  CURIE_CHECK(!emulated || operations <= kMostEmulatedOperations, usage,
              "--shape: {:.2g} operations are too many for the emulator, which is to do at most {:.0e}; take smaller "
              "extents (--timed-shape is for a GPU)",
              operations, kMostEmulatedOperations);
}

// The same device in checked mode; empty, and why, where there is none.
std::string checked_device(const std::string& device, std::string& why_not) {
  const BackendStatus emulated = backend_status("emulated");
  if (!emulated.available) {
    why_not = "the emulator counts, and it is not here: " + emulated.details.front();
    return "";
  }
  if (emulated.details.back() != "checked mode: yes") {
    why_not = emulated.details.back();
    return "";
  }
  const std::string base = device.rfind("emulated", 0) == 0 ? device : "emulated";
  return base.find(":checked") == std::string::npos ? base + ":checked" : base;
}

Report run(const Course& course, const LadderArguments& arguments) {
  Report report;
  report.extents = with_shape(course.name, course.extents, arguments.shape);
  report.timed_extents = with_shape(course.name, course.timed_extents, arguments.timed_shape);
  const BackendStatus cuda = backend_status("cuda");
  std::string device = arguments.device;
  if (device == "auto") device = cuda.available ? "cuda" : "emulated";
  const bool emulated = device.rfind("emulated", 0) == 0;
  const std::string counting = checked_device(device, report.no_counts);
  check_size(course, report.extents, emulated || !counting.empty());
  check_size(course, report.timed_extents, false);

  // Looked for first, so that a device that is not there is told of before anything runs. The emulator has one order
  // for all its backends, and `counting` has the same.
  std::unique_ptr<Backend> backend = make_backend(device);
  CURIE_CHECK(ladder_build_of(*backend) != nullptr, usage,
              "ladder: device \"{}\" runs no CUDA kernels; expected cuda, cuda:N or emulated", device);
  const bool is_gpu = backend->device().kind == DeviceKind::cuda;
  report.device = backend->describe();
  std::optional<Stopwatch> stopwatch;
  if (is_gpu) {
    stopwatch.emplace(*backend);
    report.roof = stopwatch->roof();
  } else {
    report.no_times = "only a GPU's times mean something; " +
                      (cuda.available ? std::string("--device cuda takes them") : "cuda: " + cuda.details.front());
  }
  const std::unique_ptr<Backend> counter = counting.empty() ? nullptr : make_backend(counting);
  const Reference reference(course, report.extents);
  for (std::size_t i = 0; i < course.rungs.size(); ++i) {
    Step& step = report.steps.emplace_back();
    step.objection = objection_to(course.rungs[i], report.extents, *backend);
    if (!step.objection.empty()) continue;
    // The emulator's checked mode computes the same as its others, so one run serves for both.
    if (counter != nullptr) {
      const Outcome outcome = run_rung(reference, i, *counter);
      step.counts = outcome.counts;
      step.agreement = outcome.agreement;
    }
    if (is_gpu || counter == nullptr) step.agreement = run_rung(reference, i, *backend).agreement;
    if (!stopwatch) continue;
    step.no_timing = objection_to(course.rungs[i], report.timed_extents, *backend);
    if (step.no_timing.empty()) step.timing = stopwatch->time(course, i, report.timed_extents);
  }
  return report;
}

std::string text_of(const std::vector<Extent>& extents) {
  std::string text;
  for (const Extent& extent : extents)
    text += fmt::format("{}{}={}", text.empty() ? "" : ",", extent.name, extent.value);
  return text;
}

std::string bytes_text(double bytes) {
  if (bytes < 10e3) return fmt::format("{:.0f} B", bytes);
  return bytes < 10e6 ? fmt::format("{:.0f} kB", bytes / 1e3) : fmt::format("{:.1f} MB", bytes / 1e6);
}

std::string result_text(const Agreement& agreement) {
  if (agreement.equal == agreement.elements) return "equal";
  return fmt::format("{}{:.1e}", agreement.holds() ? "" : "WRONG ", agreement.largest);
}

void print_steps(const Course& course, const Report& report) {
  std::vector<std::vector<std::string>> rows = {{"rung", "result", "global", "fewest", "sectors", "wavefronts",
                                                 "conflicts", "requests", "barriers", "blocks", "mma", "time",
                                                 "of roof"}};
  const double least = course.least_bytes(report.extents);
  for (std::size_t i = 0; i < course.rungs.size(); ++i) {
    const Step& step = report.steps[i];
    std::vector<std::string>& row = rows.emplace_back();
    row = {
        fmt::format("{} {}", i + 1, course.rungs[i].title), "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-"};
    if (step.agreement) row[1] = result_text(*step.agreement);
    if (step.counts) {
      const Counts& c = *step.counts;
      row[2] = bytes_text(static_cast<double>(c.global_bytes()));
      row[3] = fmt::format("{:.2f}x", static_cast<double>(c.global_bytes()) / least);
      row[4] = fmt::format("{:.2f}", c.sectors_per_request());
      row[5] = std::to_string(c.shared_wavefronts);
      row[6] = std::to_string(c.bank_conflicts);
      row[7] = std::to_string(c.requests());
      row[8] = std::to_string(c.barriers);
      row[9] = std::to_string(c.blocks);
      row[10] = std::to_string(c.matrix_products);
    }
    if (step.timing) {
      row[11] = fmt::format("{:.1f} us", step.timing->seconds * 1e6);
      row[12] = fmt::format("{:.1f}%", step.timing->of_roof * 100.0);
    }
  }
  fmt::print("{}", text_table(rows, {2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, "  "));
}

void print_ideas(const Course& course, const Report& report) {
  fmt::print("\nWhat each rung changes, and what that buys\n");
  for (std::size_t i = 0; i < course.rungs.size(); ++i) {
    const Rung& rung = course.rungs[i];
    fmt::print("  {} {}: {}\n", i + 1, rung.title, rung.idea);
    const Step& step = report.steps[i];
    if (!step.objection.empty()) fmt::print("      left out: {}\n", step.objection);
    if (!step.no_timing.empty()) fmt::print("      no time: {}\n", step.no_timing);
    if (rung.claim != Counter::none && i > 0 && step.counts && report.steps[i - 1].counts) {
      const double before = report.steps[i - 1].counts->of(rung.claim), now = step.counts->of(rung.claim);
      const int digits = rung.claim == Counter::sectors_per_request ? 2 : 0;
      fmt::print("      {}: {:.{}f} -> {:.{}f}\n", name_of(rung.claim), before, digits, now, digits);
    }
    fmt::print("      {}\n", rung.file());
  }
}

void print_report(const Course& course, const Report& report) {
  fmt::print("{}: {}\n", course.name, course.description);
  fmt::print("results: {}; shape {}\n\n", report.device, text_of(report.extents));
  print_steps(course, report);
  fmt::print(
      "\n  result       equal to the CPU's bit for bit, or the largest difference (of max(1, |value|))\n"
      "  global       bytes from and to global memory, in whole sectors, without caches; fewest: as a multiple of the\n"
      "               {} that have to move\n"
      "  sectors      of 32 bytes that a request of a warp to global memory touches: 4 for a float a lane side by "
      "side\n"
      "  wavefronts   turns that shared memory takes; conflicts: those that bank conflicts cost\n"
      "  requests     load and store instructions of a warp; mma: tensor-core instructions\n",
      bytes_text(course.least_bytes(report.extents)));
  if (!report.no_counts.empty()) fmt::print("  No counts: {}\n", report.no_counts);
  if (report.no_times.empty()) {
    fmt::print(
        "  time         shape {}, best of several, cold caches; the roof, measured: {:.1f} TFLOP/s, {:.1f} in\n"
        "               TF32 by tensor cores, {:.0f} GB/s\n",
        text_of(report.timed_extents), report.roof->operations * 1e-12, report.roof->tensor_operations * 1e-12,
        report.roof->bytes * 1e-9);
  } else {
    fmt::print("  No times: {}\n", report.no_times);
  }
  print_ideas(course, report);
}

Json json_of(const std::vector<Extent>& extents) {
  Json json = Json::object();
  for (const Extent& extent : extents) json[extent.name] = extent.value;
  return json;
}

Json json_of(const Counts& c) {
  return {{"global_bytes", c.global_bytes()},
          {"global_requests", c.global_requests},
          {"sectors", c.sectors},
          {"sectors_per_request", c.sectors_per_request()},
          {"shared_requests", c.shared_requests},
          {"shared_wavefronts", c.shared_wavefronts},
          {"bank_conflicts", c.bank_conflicts},
          {"requests", c.requests()},
          {"barriers", c.barriers},
          {"blocks", c.blocks},
          {"matrix_products", c.matrix_products},
          {"async_bytes", c.async_bytes}};
}

Json json_of(const Course& course, const Report& report) {
  Json json = {{"course", course.name},
               {"description", course.description},
               {"device", report.device},
               {"compiler", kCompiler},
               {"shape", json_of(report.extents)},
               {"operations", course.operations(report.extents)},
               {"least_bytes", course.least_bytes(report.extents)}};
  if (!report.no_counts.empty()) json["no_counts"] = report.no_counts;
  if (!report.no_times.empty()) json["no_times"] = report.no_times;
  if (report.roof) {
    json["timed_shape"] = json_of(report.timed_extents);
    json["roof"] = {{"operations_per_second", report.roof->operations},
                    {"tensor_operations_per_second", report.roof->tensor_operations},
                    {"bytes_per_second", report.roof->bytes}};
  }
  for (std::size_t i = 0; i < course.rungs.size(); ++i) {
    const Rung& rung = course.rungs[i];
    const Step& step = report.steps[i];
    Json row = {
        {"rung", i + 1}, {"name", rung.name}, {"title", rung.title}, {"idea", rung.idea}, {"file", rung.file()}};
    if (rung.claim != Counter::none) row["claim"] = name_of(rung.claim);
    if (!step.objection.empty()) row["left_out"] = step.objection;
    if (step.agreement) {
      row["agreement"] = {{"elements", step.agreement->elements},
                          {"equal", step.agreement->equal},
                          {"largest", step.agreement->largest},
                          {"bound", step.agreement->bound},
                          {"holds", step.agreement->holds()}};
    }
    if (step.counts) row["counts"] = json_of(*step.counts);
    if (!step.no_timing.empty()) row["no_time"] = step.no_timing;
    if (step.timing) {
      row["time"] = {
          {"seconds", step.timing->seconds}, {"best_of", step.timing->repeats}, {"of_roof", step.timing->of_roof}};
    }
    json["rungs"].push_back(row);
  }
  return json;
}

void list(bool json) {
  if (json) {
    Json all = Json::array();
    for (const Course& course : courses()) {
      Json rungs = Json::array();
      for (const Rung& rung : course.rungs) rungs.push_back({{"name", rung.name}, {"idea", rung.idea}});
      all.push_back({{"course", course.name}, {"description", course.description}, {"rungs", rungs}});
    }
    fmt::print("{}\n", all.dump(2));
    return;
  }
  fmt::print("Courses, each from a naive kernel to the one that Curie trains with; `curie ladder NAME` runs one.\n\n");
  std::vector<std::vector<std::string>> rows;
  for (const Course& course : courses()) {
    rows.push_back({course.name, fmt::format("{} rungs", course.rungs.size()), course.description});
  }
  fmt::print("{}", text_table(rows, {}, "  "));
}

void ladder(const LadderArguments& arguments) {
  if (arguments.course.empty()) {
    CURIE_CHECK(arguments.shape.empty() && arguments.timed_shape.empty(), usage,
                "ladder: a shape is a course's; expected `curie ladder NAME --shape ...`");
    list(arguments.json);
    return;
  }
  const Course& course = find_course(arguments.course);
  const Report report = run(course, arguments);
  if (arguments.json) {
    fmt::print("{}\n", json_of(course, report).dump(2));
  } else {
    print_report(course, report);
  }
  for (std::size_t i = 0; i < course.rungs.size(); ++i) {
    CURIE_CHECK(!report.steps[i].agreement || report.steps[i].agreement->holds(), internal,
                "{}: its result differs from the CPU's", course.rungs[i].name);
  }
}

}  // namespace

void add_ladder(CLI::App& app) {
  auto arguments = std::make_shared<LadderArguments>();
  CLI::App* command = app.add_subcommand("ladder", "A course in kernels: from naive to production, rung by rung");
  command->add_option("course", arguments->course, "gemm, conv2d, softmax or batchnorm; none lists them")
      ->type_name("NAME");
  command->add_option("--shape", arguments->shape, "other extents than the course's, such as m=64,n=64")
      ->type_name("NAME=N,...");
  command->add_option("--timed-shape", arguments->timed_shape, "the same for what a GPU is timed with")
      ->type_name("NAME=N,...");
  command->add_option("--device", arguments->device, "cuda, cuda:N or emulated; auto: a GPU where there is one")
      ->capture_default_str();
  command->add_flag("--json", arguments->json, "as JSON on stdout");
  command->footer("Example: curie ladder gemm --shape m=64,n=64,k=256\n\ndocs/ladder.md explains each rung.");
  command->callback([arguments] { ladder(*arguments); });
}

}  // namespace curie
