// The recipes whose networks are large, on few and smaller images: frozen backbones, imported weights, arrays.
#include <doctest/doctest.h>

#include <cstring>

#include "io/hdf5.h"
#include "io/keras.h"
#include "recipes/run.h"
#include "recipes/source.h"
#include "support/put_arrays.h"
#include "support/quiet.h"
#include "support/temporary_folder.h"
#include "support/throws.h"
#include "tensor/files.h"
#include "tensor/log.h"

using namespace curie;

namespace {

namespace fs = std::filesystem;

RunOptions large_run(const std::string& recipe, const fs::path& out, int image_size, int per_class) {
  RunOptions options;
  options.recipe = recipe;
  options.out = out;
  options.image_size = image_size;
  options.epochs = 2;
  options.device = "cpu";
  options.backend.threads = 2;
  options.use_cache = false;
  options.verbose = Verbosity::silent;
  for (const std::string& name : find_recipe(recipe).classes) options.limits[name] = per_class;
  return options;
}

using State = std::vector<std::pair<std::string, Tensor>>;

State weights_of(const fs::path& run) { return load_model(run / kModelFile, "cpu").model.state(); }

// How many tensors with this beginning of their names are equal to the bit.
int equal_tensors(const State& a, const State& b, const std::string& prefix) {
  REQUIRE(a.size() == b.size());
  int equal = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i].first.rfind(prefix, 0) != 0) continue;
    equal += std::memcmp(a[i].second.raw(), b[i].second.raw(), a[i].second.bytes()) == 0;
  }
  return equal;
}

}  // namespace

TEST_CASE("covid-vgg16-237 trains from arrays, leaves the document's files, and starts from another run's weights") {
  const Quiet quiet;
  const TemporaryFolder folder;
  Recipe recipe = find_recipe("covid-vgg16-237");
  recipe.preprocessing.width = recipe.preprocessing.height = 128;
  DataOptions drawn;
  drawn.limits = {{"NORMAL", 12}, {"COVID", 12}};
  LabelledImages images = source_images(recipe, drawn).images;
  std::vector<int> mixed;  // so that the last tenth holds both classes
  for (int i = 0; i < 12; ++i) mixed.insert(mixed.end(), {i, i + 12});
  images = images.select(mixed);
  const DataOptions::Arrays arrays = curie::test::put_arrays(folder, images);

  RunOptions options = large_run("covid-vgg16-237", folder / "first", 128, 12);
  options.limits = {};
  options.data_x = arrays.x;
  options.data_y = arrays.y;
  options.split_seed = 3;
  const RunOutcome outcome = run_recipe(options);
  CHECK(outcome.history.epochs.size() == 2);
  const std::string report = read_text(outcome.report);
  CHECK(report.find("No trained weights were given") != std::string::npos);
  if (!hdf5_support().present) {
    MESSAGE("modeloc_1.hdf5 is not looked at: " << hdf5_support().detail);
    return;
  }
  const fs::path hdf5 = folder / "first" / "modeloc_1.hdf5";
  const State first = weights_of(folder / "first");
  CHECK(equal_tensors(load_keras(hdf5, "cpu").model.state(), first, "") == 30);

  options.out = folder / "second";
  options.seed = 2;
  options.weights = hdf5;
  const RunOutcome second = run_recipe(options);
  CHECK(equal_tensors(weights_of(folder / "second"), first, "block") == 26);
  CHECK(equal_tensors(weights_of(folder / "second"), first, "dense") == 0);
  CHECK(read_text(second.report).find("No trained weights were given") == std::string::npos);
  CHECK(options_of_run(folder / "second").weights == fs::absolute(hdf5));

  options.out = folder / "third";
  folder.put("cut.h5", read_text(hdf5).substr(0, 4000));
  options.weights = folder / "cut.h5";
  CHECK_ERROR([&] { run_recipe(options); }, file, "cut.h5");
}

TEST_CASE("covid-vgg16-224 trains its head on augmented images through the frozen convolutions") {
  const Quiet quiet;
  const TemporaryFolder folder;
  RunOptions options = large_run("covid-vgg16-224", folder / "run", 128, 20);
  options.epochs = 1;
  const RunOutcome outcome = run_recipe(options);
  Model fresh = find_recipe("covid-vgg16-224").network({128, 128, 3}, 1);
  fresh.compile({.device = "cpu"});
  const State learned = weights_of(folder / "run");
  CHECK(equal_tensors(learned, fresh.state(), "block") == 26);
  CHECK(equal_tensors(learned, fresh.state(), "dense") == 0);
}

TEST_CASE("radiography-resnet18 starts from another ResNet18, but for its last layer") {
  const TemporaryFolder folder;
  std::string log;
  const LogSink previous = set_log_sink([&](LogLevel, std::string_view line) { log += std::string(line) + "\n"; });
  RunOptions options = large_run("radiography-resnet18", folder / "first", 32, 20);
  options.epochs = 1;
  run_recipe(options);
  options.out = folder / "second";
  options.seed = 2;
  options.weights = folder / "first" / kModelFile;
  const RunOutcome outcome = run_recipe(options);
  set_log_sink(previous);
  CHECK(outcome.metrics.at("test").at("classes").size() == 4);
  CHECK_MESSAGE(log.find("imported 100 tensors of 40 layers") != std::string::npos,
                log);  // 20 conv, 20 of 4 batch norm
  CHECK_MESSAGE(log.find("new: \"fc\"") != std::string::npos, log);
  CHECK(read_text(outcome.report).find("No trained weights were given") == std::string::npos);
}
