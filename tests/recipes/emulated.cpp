// The headline recipe on the emulated CUDA kernels, from pictures to a model.
#include <doctest/doctest.h>

#include "recipes/predictions.h"
#include "recipes/prepare.h"
#include "support/backend.h"

using namespace curie;

namespace {

void check_learns_phantoms(Math math) {
  if (const BackendStatus status = backend_status("emulated"); !status.available) {
    MESSAGE("skipped: " << status.details.front());
    return;
  }
  const Recipe& recipe = find_recipe("covid-cnn-64");
  DataOptions data;
  data.limits = {{"Normal", 3}, {"COVID", 3}};
  const LabelledImages images = source_images(recipe, data).images;
  Model model = recipe.build(1);
  CompileOptions compile = recipe.compile();
  compile.device = test::cpu_under_test() ? "emulated" : test::device_under_test();
  compile.backend.math = math;
  compile.optimizer = Adam{.learning_rate = 3e-3f};  // six images want fewer, larger steps
  model.compile(compile);
  const ImageDataset dataset(images);
  const History history = model.fit(dataset, {.epochs = 70, .batch_size = 6, .verbose = Verbosity::silent});
  // Evaluated without dropout, under which the loss of six images jumps from epoch to epoch.
  const Evaluation learned = model.evaluate(dataset);
  CHECK(learned.loss < 0.5 * history.column("loss").front());
  CHECK(learned.accuracy == 1.0);
}

}  // namespace

TEST_CASE("covid-cnn-64, trained by the CUDA kernels, learns a handful of phantoms") {
  check_learns_phantoms(Math::exact);
}

TEST_CASE("covid-cnn-64 learns them in bfloat16, too") { check_learns_phantoms(Math::bf16); }
