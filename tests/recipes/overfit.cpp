// Every recipe's network, optimizer and loss learn a handful of phantoms by heart. The larger networks do so on smaller
// images than their documents': what is tested is that the parts fit together and gradients reach every layer.
#include <doctest/doctest.h>

#include "recipes/prepare.h"
#include "recipes/recipe.h"

using namespace curie;

namespace {

struct Handful {
  const char* recipe;
  int image_size;
  int per_class;
  int batch_size;
  int epochs;
  bool by_brightness = false;  // plain pictures, class c of n at c / n of white, instead of phantoms
};

// Noise around a brightness that tells the class.
void brighten_by_class(LabelledImages& images) {
  const std::span<std::uint8_t> pixels = images.pixels.host<std::uint8_t>();
  const std::size_t each = images.sample_shape().elements();
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    const int level = 40 + 160 * images.labels[i / each];
    pixels[i] = static_cast<std::uint8_t>(level + pixels[i] / 8);
  }
}

void learns_by_heart(const Handful& handful) {
  const std::string name = handful.recipe;
  CAPTURE(name);
  Recipe recipe = find_recipe(handful.recipe);
  recipe.preprocessing.width = recipe.preprocessing.height = handful.image_size;
  DataOptions options;
  for (const std::string& label : recipe.classes) options.limits[label] = handful.per_class;
  LabelledImages images = source_images(recipe, options).images;
  if (handful.by_brightness) brighten_by_class(images);
  REQUIRE(images.size() == handful.per_class * static_cast<int>(recipe.classes.size()));
  Model model = recipe.build(1);
  CompileOptions compile = recipe.compile();
  compile.device = "cpu";
  model.compile(compile);
  const ImageDataset dataset(images);
  const double before = model.evaluate(dataset).loss;
  const History history =
      model.fit(dataset, {.epochs = handful.epochs, .batch_size = handful.batch_size, .verbose = Verbosity::silent});
  const Evaluation after = model.evaluate(dataset);
  CAPTURE(before);
  CAPTURE(after.loss);
  CHECK(after.accuracy == 1.0);
  CHECK(after.loss < before / 2);
}

}  // namespace

TEST_CASE("pneumonia-cnn-70 learns a handful of phantoms by heart") {
  learns_by_heart({"pneumonia-cnn-70", 70, 4, 12, 150});
}

TEST_CASE("the CNNs of document 002 learn a handful of phantoms by heart") {
  learns_by_heart({"covid-basic-180", 96, 4, 8, 200});
  learns_by_heart({"covid-dropout-224", 96, 4, 8, 250});
  learns_by_heart({"covid-batchnorm-224", 96, 4, 8, 700});
}

TEST_CASE("VGG16 under a head learns a handful of plain pictures by heart") {
  // Thirteen random layers give all phantoms nearly the same features, but brightness passes through them.
  learns_by_heart({"covid-vgg16-224", 128, 3, 6, 600, true});
  learns_by_heart({"covid-vgg16-237", 128, 3, 6, 600, true});
}

TEST_CASE("document 003's own network learns a handful of phantoms by heart") {
  learns_by_heart({"radiography-lenet-128", 128, 3, 4, 400});
  learns_by_heart({"radiography-lenet-128-augmented", 128, 3, 4, 400});
}

TEST_CASE("ResNet18 learns a handful of phantoms by heart") {
  learns_by_heart({"radiography-resnet18", 64, 3, 12, 120});
}
