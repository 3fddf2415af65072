#include "recipes/prepare.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>

#include "data/folder.h"
#include "data/phantom.h"
#include "data/smote.h"
#include "data/split.h"
#include "data/undersample.h"
#include "tensor/log.h"
#include "tensor/parallel.h"

namespace curie {
namespace {

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

SourceImages draw_phantoms(const Recipe& recipe, const DataOptions& options) {
  const Clock::time_point start = Clock::now();
  CURIE_CHECK(recipe.classes == std::vector<std::string>({"Normal", "COVID"}), usage,
              "recipe {}: there are no phantoms of its classes; give --data", recipe.name);
  for (const auto& [name, limit] : options.limits) {
    CURIE_CHECK(std::find(recipe.classes.begin(), recipe.classes.end(), name) != recipe.classes.end(), usage,
                "--limit {}={}: the recipe's classes are {}", name, limit, fmt::join(recipe.classes, ", "));
  }
  const auto count = [&](std::size_t index) {
    const auto limit = options.limits.find(recipe.classes[index]);
    return limit == options.limits.end() ? recipe.phantoms[index] : std::min(limit->second, recipe.phantoms[index]);
  };
  const PhantomOptions phantoms{
      .normal = count(0), .covid = count(1), .size = recipe.preprocessing.width, .seed = options.phantom_seed};
  ThreadPool pool(options.threads);
  SourceImages source;
  source.images = make_phantoms(phantoms, pool);
  source.synthetic = true;
  source.seconds = seconds_since(start);
  return source;
}

}  // namespace

SourceImages source_images(const Recipe& recipe, const DataOptions& options) {
  if (options.folder.empty()) return draw_phantoms(recipe, options);
  const FolderScan scan = scan_class_folders(options.folder, {.classes = recipe.classes, .limits = options.limits});
  LoadResult loaded = load_images(scan, recipe.preprocessing,
                                  {.threads = options.threads,
                                   .cache_folder = options.cache_folder,
                                   .progress = options.progress,
                                   .cancelled = options.cancelled});
  SourceImages source;
  source.images = std::move(loaded.images);
  source.skipped = std::move(loaded.skipped);
  source.from_cache = loaded.from_cache;
  source.cancelled = loaded.cancelled;
  source.seconds = loaded.seconds;
  return source;
}

PreparedData prepare(const Recipe& recipe, LabelledImages images, const DataOptions& options) {
  PreparedData data;
  const auto count = [&](const char* step, const LabelledImages& part) {
    data.counts.push_back({step, part.class_counts()});
  };
  ThreadPool pool(options.threads);

  Clock::time_point start = Clock::now();
  count("Loaded", images);
  const Split split = stratified_split(images.labels, recipe.test_fraction, options.split_seed);
  data.test = images.select(split.test);
  LabelledImages rest = images.select(split.train);
  images = {};
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
  const Split parts = train_test_split(rest.size(), recipe.validation_fraction, options.split_seed);
  data.train = rest.select(parts.train);
  data.validation = rest.select(parts.test);
  count("Training", data.train);
  count("Validation", data.validation);
  data.leaks = check_leaks(data.train, data.validation);
  data.test_leaks = check_leaks(data.train, data.test);
  data.split_seconds += seconds_since(start);
  return data;
}

}  // namespace curie
