#include "recipes/recipe.h"

#include <algorithm>

#include "tensor/error.h"
#include "tensor/text.h"

namespace curie {

const std::vector<Recipe>& all_recipes() {
  static const std::vector<Recipe> recipes = {
      covid_cnn_64(),         pneumonia_cnn_70(), covid_basic_180(),       covid_dropout_224(),
      covid_batchnorm_224(),  covid_vgg16_224(),  radiography_lenet_128(), radiography_lenet_128_augmented(),
      radiography_resnet18(), covid_vgg16_237()};
  return recipes;
}

Model Recipe::build(std::uint64_t seed) const {
  return with_context(fmt::format("the network of {} for images of {}", name, to_string(preprocessing.shape())),
                      [&] { return network(preprocessing.shape(), seed); });
}

const Recipe& find_recipe(const std::string& name) {
  const std::vector<Recipe>& recipes = all_recipes();
  const auto found = std::find_if(recipes.begin(), recipes.end(), [&](const Recipe& r) { return r.name == name; });
  if (found != recipes.end()) return *found;
  std::vector<std::string> names;
  for (const Recipe& recipe : recipes) names.push_back(recipe.name);
  throw_error(ErrorKind::usage, fmt::format("recipe \"{}\" is unknown{} `curie recipes` lists all", name,
                                            suggestion(name, names).empty() ? ";" : suggestion(name, names)));
}

}  // namespace curie
