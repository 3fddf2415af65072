#include "recipes/source.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>

#include "data/folder.h"
#include "data/patients.h"
#include "data/phantom.h"
#include "tensor/log.h"
#include "tensor/parallel.h"

namespace curie {
namespace {

using Clock = std::chrono::steady_clock;

// (n, h, w, 1) to (n, h, w, channels): every channel is the same.
Tensor repeat_channel(const Tensor& grey, int channels) {
  if (channels == 1) return grey;
  const std::span<const std::uint8_t> from = grey.host<std::uint8_t>();
  Tensor result = Tensor::zeros({grey.shape()[0], grey.shape()[1], grey.shape()[2], channels}, DType::u8);
  const std::span<std::uint8_t> to = result.host<std::uint8_t>();
  const auto each = static_cast<std::size_t>(channels);
  for (std::size_t i = 0; i < to.size(); ++i) to[i] = from[i / each];
  return result;
}

SourceImages draw_phantoms(const Recipe& recipe, const DataOptions& options) {
  const Clock::time_point start = Clock::now();
  for (const auto& [name, limit] : options.limits) {
    CURIE_CHECK(std::find(recipe.classes.begin(), recipe.classes.end(), name) != recipe.classes.end(), usage,
                "--limit {}={}: the recipe's classes are {}", name, limit, fmt::join(recipe.classes, ", "));
  }
  std::vector<PhantomClass> classes;
  for (std::size_t c = 0; c < recipe.classes.size(); ++c) {
    const auto limit = options.limits.find(recipe.classes[c]);
    const int most = recipe.phantoms[c].count;
    classes.push_back({.name = recipe.classes[c],
                       .finding = recipe.phantoms[c].finding,
                       .count = limit == options.limits.end() ? most : std::min(limit->second, most)});
  }
  ThreadPool pool(options.threads);
  SourceImages source;
  source.images = make_phantoms(classes, recipe.preprocessing.width, options.phantom_seed, pool);
  source.images.pixels = repeat_channel(source.images.pixels, recipe.preprocessing.channels);
  source.synthetic = true;
  source.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return source;
}

// Each loaded image's patient; none where not one is known.
std::vector<std::string> patients_in(const FolderScan& scan, const std::vector<int>& files, bool wanted) {
  PatientGroups groups;
  try {
    groups = patients_of(scan);
  } catch (const Error& error) {
    if (wanted) throw;
    log_warning("patients are not known: {}", error.what());  // another program's metadata.csv, perhaps
  }
  CURIE_CHECK(!wanted || groups.known > 0, data,
              "{}: expected to know patients, to keep their images together: a metadata.csv with columns file and "
              "patient, or file names as in Kermany's chest X-rays (person12_..., IM-0034-...)",
              scan.root.string());
  if (groups.known == 0) return {};
  if (wanted && groups.known < static_cast<int>(scan.files.size())) {
    log_info("the patients of {} of {} images are known; each other image counts as a patient", groups.known,
             scan.files.size());
  }
  std::vector<std::string> patients;
  for (const int file : files) patients.push_back(groups.names[static_cast<std::size_t>(file)]);
  return patients;
}

SourceImages read_folder(const Recipe& recipe, const DataOptions& options) {
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
  if (source.cancelled) return source;
  source.patients = patients_in(scan, loaded.files, options.by_patient);
  if (scan.has_parts()) {
    for (const int file : loaded.files) {
      source.official_test.push_back(scan.files[static_cast<std::size_t>(file)].part == Part::test);
    }
  }
  return source;
}

}  // namespace

SourceImages source_images(const Recipe& recipe, const DataOptions& options) {
  if (!options.folder.empty()) return read_folder(recipe, options);
  CURIE_CHECK(!options.by_patient, usage, "phantoms have no patients: a division by patient needs --data");
  return draw_phantoms(recipe, options);
}

}  // namespace curie
