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

namespace {

bool takes(const Recipe& recipe, int size) {
  try {
    recipe.network({size, size, recipe.preprocessing.channels}, 1);
    return true;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::usage) throw;
    return false;
  }
}

// The smallest size above `refused` that the network takes; 0: none. Layers shrink a larger image to no less than a
// smaller one, so halving the range finds it.
int smallest_size(const Recipe& recipe, int refused) {
  int low = refused, high = refused;
  do {
    low = high;
    high *= 2;
    if (high > kLargestImage) return 0;
  } while (!takes(recipe, high));
  while (high - low > 1) {
    const int middle = (low + high) / 2;
    (takes(recipe, middle) ? high : low) = middle;
  }
  return high;
}

}  // namespace

Model Recipe::build(std::uint64_t seed) const {
  const Shape shape = preprocessing.shape();
  try {
    return network(shape, seed);
  } catch (Error& error) {
    const int least = error.kind() == ErrorKind::usage && shape[0] == shape[1] ? smallest_size(*this, shape[0]) : 0;
    CURIE_CHECK(least == 0, usage, "--image-size {}: the network of {} needs images of at least {} x {} pixels",
                shape[0], name, least, least);
    error.add_context(fmt::format("the network of {} for images of {}", name, to_string(shape)));
    throw;
  }
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
