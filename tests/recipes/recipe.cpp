#include "recipes/recipe.h"

#include <doctest/doctest.h>

#include <set>

#include "model/summary.h"
#include "support/throws.h"

using namespace curie;

TEST_CASE("recipes have names of their own, classes, phantoms for each class and a model that fits their images") {
  std::set<std::string> names;
  for (const Recipe& recipe : all_recipes()) {
    CAPTURE(recipe.name);
    CHECK(names.insert(recipe.name).second);
    CHECK(recipe.classes.size() >= 2);
    CHECK(recipe.phantoms.size() == recipe.classes.size());
    CHECK(recipe.build(1).graph().input_shape() == recipe.preprocessing.shape());
    CHECK_FALSE(recipe.document.empty());
  }
}

TEST_CASE("an unknown recipe is answered with the nearest") {
  CHECK_ERROR([] { find_recipe("covid-cn-64"); }, usage, "did you mean \"covid-cnn-64\"");
  CHECK(find_recipe("covid-cnn-64").batch_size == 256);
}

TEST_CASE("covid-cnn-64 is the document's network") {
  const Recipe& recipe = find_recipe("covid-cnn-64");
  const Model model = recipe.build(1);
  CHECK(count_parameters(model.graph()).total == 645697);
  CHECK(count_parameters(model.graph()).trainable == 645697);
  CHECK(recipe.epochs == 50);
  CHECK(recipe.early_stopping.patience == 4);
}
