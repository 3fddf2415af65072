// The headline recipe learns the built-in phantoms, and a handful of images by heart.
#include <doctest/doctest.h>

#include "recipes/predictions.h"
#include "recipes/prepare.h"

using namespace curie;

TEST_CASE("covid-cnn-64 learns a handful of phantoms by heart") {
  const Recipe& recipe = find_recipe("covid-cnn-64");
  DataOptions data;
  data.limits = {{"Normal", 8}, {"COVID", 8}};
  const LabelledImages images = source_images(recipe, data).images;
  Model model = recipe.build(1);
  CompileOptions compile = recipe.compile();
  compile.device = "cpu";
  model.compile(compile);
  const ImageDataset dataset(images);
  model.fit(dataset, {.epochs = 250, .batch_size = 16, .verbose = Verbosity::silent});
  CHECK(model.evaluate(dataset).accuracy == 1.0);
}

TEST_CASE("covid-cnn-64 reaches 0.9 on phantoms that it has not seen") {
  const Recipe& recipe = find_recipe("covid-cnn-64");
  const DataOptions options;
  const PreparedData data = prepare(recipe, source_images(recipe, options).images, options);
  Model model = recipe.build(1);
  CompileOptions compile = recipe.compile();
  compile.device = "cpu";
  model.compile(compile);
  const ImageDataset train(data.train), test(data.test);
  model.fit(train, {.epochs = 14, .batch_size = recipe.batch_size, .verbose = Verbosity::silent});
  CHECK(model.evaluate(test).accuracy >= 0.9);
}
