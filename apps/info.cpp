#include <fmt/format.h>
#include <hwy/targets.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "commands.h"
#include "cuda/libraries.h"
#include "curie_version.h"
#include "io/onnx.h"
#include "ops/backend.h"
#include "report/pdf.h"
#include "report/report.h"
#include "tensor/parallel.h"

namespace curie {
namespace {

struct Part {
  std::string name;
  bool present;
  std::string detail;  // what it is, or why it is missing
};

std::vector<std::string> cpu_targets() {
  std::vector<std::string> names;
  for (std::int64_t left = hwy::SupportedTargets(); left != 0; left &= left - 1)
    names.push_back(hwy::TargetName(left & -left));
  return names;
}

std::vector<Part> parts() {
  std::vector<Part> list;
  for (const BackendStatus& status : backend_status()) {
    for (const std::string& detail : status.details) list.push_back({status.name, status.available, detail});
  }
  list.push_back({"math", true,
                  "exact (float32) everywhere; tf32 and bf16 on GPUs of compute capability 8.0 or newer and emulated"});
  for (const LibraryStatus& status : vendor_libraries()) list.push_back({status.name, status.available, status.detail});
  const BackendStatus kernels = cudnn_status();
  list.push_back({"--kernels cudnn", kernels.available, kernels.details.front()});
  list.push_back({"Keras files", hdf5_support().present, hdf5_support().detail});
  list.push_back({"ONNX files", onnx_support().present, onnx_support().detail});
  list.push_back({"Chart.js", has_chart_js(), chart_js_status()});
  list.push_back({"Cairo", has_pdf(), pdf_status()});
  return list;
}

void info(bool json) {
  const std::vector<Part> list = parts();
  if (json) {
    nlohmann::json result = {{"version", kVersion},           {"compiler", kCompiler},
                             {"build", kBuildType},           {"cores", usable_cores()},
                             {"cpu_features", cpu_targets()}, {"parts", nlohmann::json::array()}};
    for (const Part& part : list)
      result["parts"].push_back({{"name", part.name}, {"present", part.present}, {"detail", part.detail}});
    fmt::print("{}\n", result.dump(2));
    return;
  }
  std::string features;
  for (const std::string& name : cpu_targets()) features += (features.empty() ? "" : " ") + name;
  fmt::print("curie {}\ncompiler         {} ({})\ncores            {}\ncpu features     {}\n", kVersion, kCompiler,
             kBuildType, usable_cores(), features);
  for (const Part& part : list) fmt::print("{:<16} {:<4} {}\n", part.name, part.present ? "yes" : "no", part.detail);
}

}  // namespace

void add_info(CLI::App& app) {
  auto json = std::make_shared<bool>(false);
  CLI::App* command =
      app.add_subcommand("info", "Version, compiler, CPU features, backends and libraries, and why one is missing");
  command->add_flag("--json", *json, "as JSON on stdout");
  command->footer("Example: curie info");
  command->callback([json] { info(*json); });
}

}  // namespace curie
