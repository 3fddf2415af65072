#include "recipes/recipe.h"

#include <algorithm>
#include <numeric>

namespace curie {
namespace {

// Levenshtein's distance: the fewest insertions, deletions and replacements between two names.
std::size_t distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

}  // namespace

const std::vector<Recipe>& all_recipes() {
  static const std::vector<Recipe> recipes = {covid_cnn_64()};
  return recipes;
}

const Recipe& find_recipe(const std::string& name) {
  const std::vector<Recipe>& recipes = all_recipes();
  const auto found = std::find_if(recipes.begin(), recipes.end(), [&](const Recipe& r) { return r.name == name; });
  if (found != recipes.end()) return *found;
  const auto nearest = std::min_element(recipes.begin(), recipes.end(), [&](const Recipe& a, const Recipe& b) {
    return distance(a.name, name) < distance(b.name, name);
  });
  throw_error(ErrorKind::usage, fmt::format("recipe \"{}\" is unknown; did you mean \"{}\"? `curie recipes` lists all",
                                            name, nearest->name));
}

}  // namespace curie
