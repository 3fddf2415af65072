#include "recipes/prepare.h"

#include <algorithm>
#include <chrono>

#include "data/smote.h"
#include "data/split.h"
#include "data/undersample.h"
#include "tensor/log.h"
#include "tensor/parallel.h"

namespace curie {
namespace {

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// Phantoms have no test part of their own: some of them are set apart.
TestPart test_part_of(const Recipe& recipe, const SourceImages& source) {
  const bool official = recipe.test.kind == TestPart::Kind::official;
  return official && source.synthetic ? TestPart::stratified(0.1) : recipe.test;
}

void check_every_class(const char* part, const LabelledImages& images) {
  const std::vector<int> counts = images.class_counts();
  for (std::size_t c = 0; c < counts.size(); ++c) {
    CURIE_CHECK(counts[c] > 0, data,
                "the {} part ({} images) has no image of class \"{}\": give more images of it, or another --split-seed",
                part, images.size(), images.class_names[c]);
  }
}

}  // namespace

PreparedData prepare(const Recipe& recipe, LabelledImages images, const DataOptions& options) {
  SourceImages source;
  source.images = std::move(images);
  return prepare(recipe, source, options);
}

PreparedData prepare(const Recipe& recipe, SourceImages& source, const DataOptions& options) {
  PreparedData data;
  const auto count = [&](const char* step, const LabelledImages& part) {
    data.counts.push_back({step, part.class_counts()});
  };
  ThreadPool pool(options.threads);

  Clock::time_point start = Clock::now();
  const TestPart test = test_part_of(recipe, source);
  data.division = fmt::format("Test: {}. Validation: {}.", to_string(test), to_string(recipe.validation));
  count("Loaded", source.images);
  const Split split = divide(test, source.images.labels, source.official_test, options.split_seed);
  data.test = source.images.select(split.test);
  LabelledImages rest = source.images.select(split.train);
  source.images = {};
  count("Test part", data.test);
  count("Training part", rest);
  data.split_seconds = seconds_since(start);

  start = Clock::now();
  if (recipe.resampling) {
    const std::vector<int> counts = rest.class_counts();
    const auto [fewest, most] = std::minmax_element(counts.begin(), counts.end());
    if (static_cast<double>(*most) * recipe.resampling->smote_ratio >= static_cast<double>(*fewest) + 1.0) {
      rest = smote(rest, recipe.resampling->smote_ratio, recipe.resampling->smote_neighbours, options.split_seed, pool);
      count("After SMOTE", rest);
    } else {
      data.resampling_note =
          fmt::format("SMOTE was left out: the classes already have {} and {} samples, {} : 1 or better", *fewest,
                      *most, recipe.resampling->smote_ratio);
      log_info("{}", data.resampling_note);
    }
    rest = rest.select(random_undersample(rest.labels, recipe.resampling->undersample_ratio, options.split_seed));
    count("After undersampling", rest);
  }
  data.resample_seconds = seconds_since(start);

  start = Clock::now();
  if (recipe.validation.kind == ValidationPart::Kind::test_part) {
    data.train = std::move(rest);
    data.validation = data.test;
  } else {
    const Split parts = divide(recipe.validation, rest.labels, options.split_seed);
    data.train = rest.select(parts.train);
    data.validation = rest.select(parts.test);
  }
  count("Training", data.train);
  count("Validation", data.validation);
  check_every_class("training", data.train);
  check_every_class("validation", data.validation);
  check_every_class("test", data.test);
  data.leaks = check_leaks(data.train, data.validation);
  data.test_leaks = check_leaks(data.train, data.test);
  data.split_seconds += seconds_since(start);
  return data;
}

}  // namespace curie
