#include "report/compare.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "commands.h"
#include "console.h"
#include "tensor/error.h"
#include "tensor/files.h"

namespace curie {
namespace {

struct CompareArguments {
  std::vector<std::filesystem::path> runs;
  std::filesystem::path out;
  bool force = false, json = false;
};

// A page is written over only when it is meant to be, and never what a run left in its folder.
void check_page(const CompareArguments& arguments) {
  namespace fs = std::filesystem;
  const fs::path& out = arguments.out;
  if (!fs::exists(fs::symlink_status(out))) return;
  const fs::path folder = fs::weakly_canonical(out).parent_path();
  for (const fs::path& run : arguments.runs)
    CURIE_CHECK(folder != fs::weakly_canonical(run / "."), usage,
                "{}: it lies in the folder of a run that is compared, and is not written over; choose another name",
                out.string());
  check_not_there(out, arguments.force, "name");
}

void compare(const CompareArguments& arguments) {
  const std::vector<RunRecord> runs = read_runs(arguments.runs);
  if (!arguments.out.empty()) {
    check_page(arguments);
    write_file(arguments.out, comparison_html(runs));
  }
  if (arguments.json) {
    fmt::print("{}\n", comparison_json(runs).dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
    return;
  }
  fmt::print("{}", comparison_text(runs));
  if (!arguments.out.empty()) fmt::print("\n{}\n", arguments.out.string());
}

}  // namespace

void add_compare(CLI::App& app) {
  auto arguments = std::make_shared<CompareArguments>();
  CLI::App* command =
      app.add_subcommand("compare", "Histories, figures and confusion matrices of several runs side by side");
  command->add_option("runs", arguments->runs, "folders of finished runs, two or more")
      ->type_name("RUN RUN...")
      ->required();
  command->add_option("--out", arguments->out, "also write one HTML page with the curves of all runs")
      ->type_name("FILE.html");
  command->add_flag("--force", arguments->force, "write over FILE.html");
  command->add_flag("--json", arguments->json, "results as JSON on stdout");
  command->footer("Example: curie compare runs/first runs/second --out compared.html");
  command->callback([arguments] { compare(*arguments); });
}

}  // namespace curie
