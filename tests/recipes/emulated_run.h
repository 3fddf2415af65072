// A whole run on the emulated CUDA kernels, compared with the same run on the CPU.
#pragma once

#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <string>

#include "io/model_file.h"
#include "ops/backend.h"
#include "recipes/run.h"
#include "support/quiet.h"
#include "support/temporary_folder.h"

namespace curie::test {

struct SmallRun {
  std::string recipe;
  int image_size = 0;
  int per_class = 8;
  // Relative, of the losses after training. Adam's steps are of the rate's size however small a gradient is, so last
  // bits of gradients near zero grow, most where batch normalization has a few values to a batch.
  double bound = 1e-3;
};

inline RunOutcome run_small(const SmallRun& small, const std::string& device, const std::filesystem::path& out) {
  RunOptions options;
  options.recipe = small.recipe;
  options.image_size = small.image_size;
  options.out = out;
  options.epochs = 1;
  options.batch_size = 4;
  options.device = device;
  options.use_cache = false;
  options.verbose = Verbosity::silent;
  for (const std::string& name : find_recipe(small.recipe).classes) options.limits[name] = small.per_class;
  return run_recipe(options);
}

// Training loss and everything that is reported agree with the CPU's, and the files are there.
inline void check_emulated_run(const SmallRun& small) {
  if (const BackendStatus status = backend_status("emulated"); !status.available) {
    MESSAGE("skipped: " << status.details.front());
    return;
  }
  const Quiet quiet;
  const TemporaryFolder folder;
  const RunOutcome emulated = run_small(small, "emulated", folder / "emulated");
  const RunOutcome cpu = run_small(small, "cpu", folder / "cpu");
  REQUIRE(emulated.history.epochs.size() == 1);
  const auto check_near = [](double found, double expected, double bound) {
    CHECK(std::isfinite(found));
    CHECK(found == doctest::Approx(expected).epsilon(bound));
  };
  check_near(emulated.history.column("loss").at(0), cpu.history.column("loss").at(0), 1e-3);
  check_near(emulated.history.column("val_loss").at(0), cpu.history.column("val_loss").at(0), small.bound);
  check_near(emulated.metrics.at("test").at("loss").get<double>(), cpu.metrics.at("test").at("loss").get<double>(),
             small.bound);
  CHECK(std::filesystem::file_size(emulated.report) > 0);
  const LoadedModel loaded = load_model(folder / "emulated" / kModelFile, "cpu");
  CHECK(loaded.info.provenance.at("device") == "emulated");
  CHECK(loaded.info.provenance.at("recipe") == small.recipe);
}

}  // namespace curie::test
