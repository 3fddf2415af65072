#include "recipes/source.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <numeric>

#include "data/folder.h"
#include "data/patients.h"
#include "data/phantom.h"
#include "recipes/array_source.h"
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

void check_limits(const Recipe& recipe, const DataOptions& options) {
  for (const auto& [name, limit] : options.limits) {
    CURIE_CHECK(std::find(recipe.classes.begin(), recipe.classes.end(), name) != recipe.classes.end(), usage,
                "--limit {}={}: the recipe's classes are {}", name, limit, fmt::join(recipe.classes, ", "));
  }
}

SourceImages draw_phantoms(const Recipe& recipe, const DataOptions& options) {
  const Clock::time_point start = Clock::now();
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
  source.place = "the phantoms";
  source.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return source;
}

// What the folder's own parts become.
void tell_of_parts(const Recipe& recipe, const FolderScan& scan, SourceImages& source) {
  if (!scan.has_parts()) return;
  const auto images = [&](Part part) {
    const std::vector<int> counts = scan.class_counts(part);
    return std::accumulate(counts.begin(), counts.end(), 0);
  };
  if (recipe.test.kind != TestPart::Kind::official) {
    log_info("{}: its own parts are joined, {} training, {} validation and {} test images, and divided anew",
             scan.root.string(), images(Part::train), images(Part::validation), images(Part::test));
  } else if (const int validation = images(Part::validation); validation > 0) {
    const std::string text =
        fmt::format("The {} images of the data set's own validation part join the training part.", validation);
    log_info("{}: {}", scan.root.string(), text);
    source.notes.push_back({"The data set's validation part", text});
  }
}

SourceImages read_folder(const Recipe& recipe, const DataOptions& options) {
  const FolderScan scan = scan_class_folders(options.folder, {.classes = recipe.classes, .limits = options.limits});
  SourceImages source;
  if (const std::string ignored = scan.ignored_images(); !ignored.empty()) {
    log_warning("{}: {}", scan.root.string(), ignored);
    source.notes.push_back({"Files that no class claims", ignored + "."});
  }
  tell_of_parts(recipe, scan, source);
  LoadResult loaded = load_images(scan, recipe.preprocessing,
                                  {.threads = options.threads,
                                   .cache_folder = options.cache_folder,
                                   .progress = options.progress,
                                   .cancelled = options.cancelled});
  source.place = options.folder.string();
  source.images = std::move(loaded.images);
  source.skipped = std::move(loaded.skipped);
  source.from_cache = loaded.from_cache;
  source.cancelled = loaded.cancelled;
  source.seconds = loaded.seconds;
  if (source.cancelled) return source;
  source.patients = patients_in(scan, loaded.files, options.by_patient);
  if (scan.has_parts() && recipe.test.kind == TestPart::Kind::official) {
    for (const int file : loaded.files) {
      source.official_test.push_back(scan.files[static_cast<std::size_t>(file)].part == Part::test);
    }
  }
  return source;
}

}  // namespace

std::vector<std::string> patients_in(const FolderScan& scan, const std::vector<int>& files, bool wanted) {
  const PatientGroups groups = wanted ? patients_of(scan) : known_patients_of(scan);
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

SourceImages source_images(const Recipe& recipe, const DataOptions& options) {
  if (!options.folder.empty()) return read_folder(recipe, options);
  check_limits(recipe, options);
  if (!options.arrays.x.empty()) return read_arrays(recipe, options);
  CURIE_CHECK(!options.by_patient, usage,
              "phantoms have no patients: a division by patient needs images (--data, or --data-x and --data-y)");
  return draw_phantoms(recipe, options);
}

}  // namespace curie
