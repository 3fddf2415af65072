// Short runs on real X-rays: the layouts, names and sizes that the recipes meet in the world. Skipped where there are
// none.
#include <doctest/doctest.h>

#include "recipes/run.h"
#include "support/temporary_folder.h"
#include "support/xrays.h"
#include "tensor/files.h"
#include "tensor/log.h"

using namespace curie;

namespace {

struct RealRun {
  const char* recipe;
  const char* data;  // a folder of the X-rays
  int per_class;
  int image_size = 0;
  bool by_patient = false;
};

void check_run(const RealRun& real) {
  const std::filesystem::path folder = xrays(real.data);
  if (folder.empty()) return;
  CAPTURE(real.recipe);
  const TemporaryFolder out;
  RunOptions options;
  options.recipe = real.recipe;
  options.data = folder;
  options.out = out / "run";
  options.epochs = 1;
  options.image_size = real.image_size;
  options.by_patient = real.by_patient;
  options.device = "cpu";
  options.use_cache = false;
  options.verbose = Verbosity::silent;
  for (const std::string& name : find_recipe(real.recipe).classes) options.limits[name] = real.per_class;
  const LogSink previous = set_log_sink([](LogLevel, std::string_view) {});
  const RunOutcome outcome = run_recipe(options);
  set_log_sink(previous);
  const nlohmann::json& test = outcome.metrics.at("test");
  CHECK(test.at("classes").size() == find_recipe(real.recipe).classes.size());
  CHECK(test.at("loss").get<double>() > 0.0);
  CHECK_FALSE(outcome.metrics.at("synthetic").get<bool>());
  CHECK(read_text(outcome.report).size() > 10000);
}

}  // namespace

TEST_CASE("pneumonia-cnn-70 on Kermany's chest X-rays") { check_run({"pneumonia-cnn-70", "kermany", 40}); }

TEST_CASE("document 002's experiments on Cohen's collection, at random and by patient") {
  check_run({"covid-basic-180", "cohen146", 60});
  check_run({"covid-dropout-224", "cohen146", 60, 96});
  check_run({"covid-batchnorm-224", "cohen146", 60, 96, true});
}

TEST_CASE("document 003's network on four classes, some of them with spaces in their names") {
  check_run({"radiography-lenet-128", "radiography4", 30});
  check_run({"radiography-lenet-128-augmented", "radiography4", 30});
}

TEST_CASE("the large networks on real X-rays, few and small") {
  check_run({"radiography-resnet18", "radiography4", 20, 64});
  check_run({"covid-vgg16-224", "cohen146", 40, 128});
  check_run({"covid-vgg16-237", "cohen146", 20, 128});
}
