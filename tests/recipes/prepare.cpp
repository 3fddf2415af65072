#include "recipes/prepare.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "support/throws.h"

using namespace curie;

namespace {

DataOptions few_phantoms() {
  DataOptions options;
  options.limits = {{"Normal", 120}, {"COVID", 50}};
  options.threads = 2;
  return options;
}

}  // namespace

TEST_CASE("the parts have the sizes that scikit-learn and imbalanced-learn would give, and the test part stays real") {
  const Recipe& recipe = find_recipe("covid-cnn-64");
  const DataOptions options = few_phantoms();
  SourceImages source = source_images(recipe, options);
  CHECK(source.synthetic);
  const PreparedData data = prepare(recipe, std::move(source.images), options);
  REQUIRE(data.counts.size() == 7);
  CHECK(data.counts[0].counts == std::vector<int>{120, 50});
  CHECK(data.counts[1].counts == std::vector<int>{24, 10});  // test: a fifth of each
  CHECK(data.counts[2].counts == std::vector<int>{96, 40});
  CHECK(data.counts[3].counts == std::vector<int>{96, 67});  // SMOTE: int(96 * .7)
  CHECK(data.counts[4].counts == std::vector<int>{67, 67});
  CHECK(data.train.size() == 120);
  CHECK(data.validation.size() == 14);  // ceil(134 * .1)
  for (const std::string& name : data.test.sources) CHECK(name.rfind("synthetic", 0) != 0);
  CHECK(data.test_leaks.duplicates == 0);
}

TEST_CASE("one split seed gives one division, another another") {
  const Recipe& recipe = find_recipe("covid-cnn-64");
  DataOptions options = few_phantoms();
  const PreparedData a = prepare(recipe, source_images(recipe, options).images, options);
  const PreparedData b = prepare(recipe, source_images(recipe, options).images, options);
  CHECK(a.train.sources == b.train.sources);
  options.split_seed = 2;
  const PreparedData c = prepare(recipe, source_images(recipe, options).images, options);
  CHECK(a.test.sources != c.test.sources);
}

TEST_CASE("classes that are balanced already leave SMOTE out and say so") {
  const Recipe& recipe = find_recipe("covid-cnn-64");
  DataOptions options = few_phantoms();
  options.limits = {{"Normal", 50}, {"COVID", 50}};
  const PreparedData data = prepare(recipe, source_images(recipe, options).images, options);
  CHECK(data.resampling_note.find("SMOTE was left out") != std::string::npos);
  CHECK(data.counts[3].counts == std::vector<int>{40, 40});
}

TEST_CASE("limits for a class that is not there, and too few images for SMOTE, are clear errors") {
  const Recipe& recipe = find_recipe("covid-cnn-64");
  DataOptions options = few_phantoms();
  options.limits = {{"Covid19", 5}};
  CHECK_ERROR([&] { source_images(recipe, options); }, usage, "Normal, COVID");
  options.limits = {{"Normal", 60}, {"COVID", 5}};  // 4 in training, SMOTE wants 6
  LabelledImages images = source_images(recipe, options).images;
  CHECK_ERROR([&] { prepare(recipe, std::move(images), options); }, data, "6");
}
