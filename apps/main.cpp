// curie: train, evaluate and explain small convolutional networks on chest X-rays.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <new>
#include <string>
#include <vector>

#include "commands.h"
#include "curie_version.h"
#include "tensor/error.h"
#include "tensor/text.h"

namespace {

int status_of(const curie::Error& error) { return error.kind() == curie::ErrorKind::usage ? 2 : 1; }

// CLI11 answers an unknown command with "a subcommand is required"; the nearest name helps more.
void check_command(const CLI::App& app, int argc, char** argv) {
  if (argc < 2 || argv[1][0] == '-') return;
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands(nullptr)) names.push_back(command->get_name());
  const bool known = std::find(names.begin(), names.end(), argv[1]) != names.end();
  CURIE_CHECK(known, usage, "command \"{}\" is unknown{} `curie --help` lists all", argv[1],
              curie::suggestion(argv[1], names).empty() ? ";" : curie::suggestion(argv[1], names));
}

int run(int argc, char** argv) {
  CLI::App app(
      "Curie: small convolutional networks for chest X-rays, trained end to end.\nFor study; nothing here is a "
      "diagnosis.");
  app.set_version_flag("--version", std::string("curie ") + curie::kVersion);
  app.require_subcommand(1);
  app.get_formatter()->column_width(34);
  app.footer(
      "curie COMMAND --help tells about one command.\n\nExample: curie train --recipe covid-cnn-64 --data "
      "covid-radiography");
  curie::add_train(app, std::vector<std::string>(argv, argv + argc));
  curie::add_evaluate(app);
  curie::add_predict(app);
  curie::add_explain(app, std::vector<std::string>(argv, argv + argc));
  curie::add_compare(app);
  curie::add_summary(app);
  curie::add_recipes(app);
  curie::add_pack(app);
  curie::add_convert(app);
  curie::add_info(app);
#ifdef CURIE_WITH_EMULATED
  curie::add_emulate(app);
#endif
  curie::add_ladder(app);
  curie::add_bench_step(app);
  curie::add_profile(app);
  check_command(app, argc, argv);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int status = app.exit(error);
    return status == 0 ? 0 : 2;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const curie::ExitStatus& exit) {
    return exit.status;
  } catch (const curie::Error& error) {
    fmt::print(stderr, "error: {}\n", error.what());
    return status_of(error);
  } catch (const std::bad_alloc&) {
    fmt::print(stderr, "error: the host has no memory left; try a smaller --batch-size or fewer images (--limit)\n");
    return 1;
  } catch (const std::exception& error) {
    fmt::print(stderr, "error: {}\n", error.what());
    return 1;
  }
}
