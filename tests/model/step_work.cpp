// What a training step of each documented experiment must do, against the totals of an independent count in Python of
// the same networks.
#include "model/step_work.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "model/model.h"
#include "ops/observed_backend.h"
#include "recipes/recipe.h"
#include "recipes/run_config.h"
#include "support/backend.h"

using namespace curie;

namespace {

// GFLOP a step, the same without what pools leave out, and MB; rounded as the table prints them.
struct Total {
  const char* recipe;
  int batch;
  double dense, products, megabytes;
};
constexpr Total kTotals[] = {
    {"covid-cnn-64", 256, 34.00, 18.97, 325.6},      {"pneumonia-cnn-70", 32, 2.52, 1.35, 69.6},
    {"covid-basic-180", 20, 11.90, 5.88, 157.2},     {"covid-dropout-224", 15, 14.26, 7.15, 189.2},
    {"covid-batchnorm-224", 15, 14.26, 8.92, 222.8}, {"covid-vgg16-224", 15, 460.40, 460.40, 1144.1},
    {"radiography-lenet-128", 32, 0.94, 0.43, 14.0}, {"radiography-resnet18", 32, 111.23, 111.23, 1437.3},
    {"covid-vgg16-237", 8, 267.65, 264.12, 699.1},
};

int slots_of(const Recipe& recipe) { return recipe.compile().optimizer.get()->slots(); }

}  // namespace

TEST_CASE("a step's products and bytes are those of the table, for every recipe") {
  for (const Total& total : kTotals) {
    CAPTURE(total.recipe);
    const Recipe& recipe = find_recipe(total.recipe);
    CHECK(recipe.batch_size == total.batch);
    Model model = recipe.build(1);
    const Work work = least_step_work(model.graph(), recipe.batch_size, slots_of(recipe));
    CHECK(std::abs(work.dense * 1e-9 - total.dense) <= 0.0051);
    CHECK(std::abs(work.products * 1e-9 - total.products) <= 0.0051);
    CHECK(std::abs(work.bytes * 1e-6 - total.megabytes) <= 0.051);
  }
}

TEST_CASE("the larger ResNet18 likewise") {
  RunOptions wanted;
  wanted.recipe = "radiography-resnet18";
  wanted.image_size = 224;
  const Recipe recipe = recipe_of(wanted);
  Model model = recipe.build(1);
  const Work work = least_step_work(model.graph(), 32, slots_of(recipe));
  CHECK(std::abs(work.dense * 1e-9 - 340.65) <= 0.0051);
  CHECK(std::abs(work.bytes * 1e-6 - 3478.9) <= 0.051);
}

TEST_CASE("a parameter's bytes: Adam 40, SGD with momentum 32") {
  CHECK(bytes_per_trained_parameter(2) == 40.0);
  CHECK(bytes_per_trained_parameter(1) == 32.0);
}

TEST_CASE("one small block by hand") {
  // 6 x 6 x 1, two 3 x 3 filters -> 4 x 4 x 2, pool 2 -> 2 x 2 x 2, dense 8 -> 1.
  Sequential model({6, 6, 1});
  model.add(Conv2D{.filters = 2, .kernel = 3, .activation = Activation::relu})
      .add(MaxPool2D{.pool = 2})
      .add(Dropout{.rate = 0.5f})
      .add(Flatten{})
      .add(Dense{.units = 1, .activation = Activation::sigmoid});
  const Work work = least_step_work(model.graph(), 10, 2);
  const double conv = 2 * 32 * 9, dense = 2 * 8;
  CHECK(work.dense == 10 * (2 * conv + 3 * dense));
  // Backward: one output in four, half of them dropped.
  CHECK(work.products == 10 * (conv + conv / 8 + 3 * dense));
  // Forward: image, pooled values, their arg-max. Backward: image, gradient, arg-max; no gradient of the image.
  const double conv_bytes = 4 * (36 + 8) + 8 + 4 * (36 + 8) + 8;
  const double dense_bytes = 4 * (8 + 1) + 4 * (8 + 1 + 8);
  CHECK(work.bytes == 10 * (conv_bytes + dense_bytes) + 40 * (18 + 2 + 8 + 1));
}
