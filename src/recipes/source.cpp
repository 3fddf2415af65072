#include "recipes/source.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>

#include "data/arrays.h"
#include "data/folder.h"
#include "data/patients.h"
#include "data/phantom.h"
#include "tensor/log.h"
#include "tensor/parallel.h"
#include "tensor/text.h"

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
  check_limits(recipe, options);
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
  source.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return source;
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

// Fractions of white, as arrays that were divided by 255 beforehand hold them, back to bytes.
Tensor bytes_of(const Tensor& fractions, const std::string& name) {
  const std::span<const float> from = fractions.host<float>();
  const bool fit = std::all_of(from.begin(), from.end(), [](float v) { return v >= 0.0f && v <= 1.0f; });
  CURIE_CHECK(fit, data, "{}: expected values from 0 to 255, or from 0 to 1, found from {} to {}", name,
              *std::min_element(from.begin(), from.end()), *std::max_element(from.begin(), from.end()));
  Tensor bytes = Tensor::zeros(fractions.shape(), DType::u8);
  const std::span<std::uint8_t> to = bytes.host<std::uint8_t>();
  for (std::size_t i = 0; i < to.size(); ++i) to[i] = static_cast<std::uint8_t>(from[i] * 255.0f + 0.5f);
  return bytes;
}

std::string plain(const std::string& name) {
  std::string text = lower_case(name);
  std::replace(text.begin(), text.end(), '_', ' ');
  return text;
}

// Arrays whose class numbers a file beside them names, renumbered as `classes` has them.
LabelledImages load_named_arrays(const DataOptions::Arrays& arrays, const std::filesystem::path& names,
                                 const std::vector<std::string>& classes) {
  const std::vector<std::string> given = read_class_names(names);
  std::vector<std::int32_t> renumbered;
  for (const std::string& name : given) {
    const auto same = [&](const std::string& wanted) { return plain(wanted) == plain(name); };
    const auto found = std::find_if(classes.begin(), classes.end(), same);
    CURIE_CHECK(found != classes.end(), data, "{}: expected the classes {}, found {}", names.string(),
                fmt::join(classes, ", "), fmt::join(given, ", "));
    renumbered.push_back(static_cast<std::int32_t>(found - classes.begin()));
  }
  LabelledImages images = load_arrays(arrays.x, arrays.y, given);
  for (std::int32_t& label : images.labels) label = renumbered[static_cast<std::size_t>(label)];
  images.class_names = classes;
  log_info("{}: the arrays' classes are {}", names.string(), fmt::join(given, ", "));
  return images;
}

// The first so many samples of each class.
LabelledImages limit_classes(const LabelledImages& images, const std::map<std::string, int>& limits) {
  if (limits.empty()) return images;
  std::vector<int> chosen, taken(images.class_names.size(), 0);
  for (int i = 0; i < images.size(); ++i) {
    const auto label = static_cast<std::size_t>(images.labels[static_cast<std::size_t>(i)]);
    const auto limit = limits.find(images.class_names[label]);
    if (limit == limits.end() || taken[label]++ < limit->second) chosen.push_back(i);
  }
  return images.select(chosen);
}

SourceImages read_arrays(const Recipe& recipe, const DataOptions& options) {
  check_limits(recipe, options);
  const Clock::time_point start = Clock::now();
  SourceImages source;
  source.from_arrays = true;
  source.images =
      limit_classes(images_from_arrays(options.arrays, recipe.classes, recipe.preprocessing.shape()), options.limits);
  source.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return source;
}

}  // namespace

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

LabelledImages images_from_arrays(const DataOptions::Arrays& arrays, const std::vector<std::string>& classes,
                                  const Shape& wanted) {
  const std::filesystem::path names = std::filesystem::path(arrays.x).parent_path() / "classes.json";
  LabelledImages images = std::filesystem::exists(names) ? load_named_arrays(arrays, names, classes)
                                                         : load_arrays(arrays.x, arrays.y, classes);
  const Shape found = images.sample_shape();
  CURIE_CHECK(
      found == wanted, usage, "{}: the model takes images of {}, the array holds {}{}", arrays.x, to_string(wanted),
      to_string(found),
      found[0] == found[1] && found[-1] == wanted[-1] ? fmt::format("; train with --image-size {}", found[0]) : "");
  if (images.pixels.dtype() == DType::f32) images.pixels = bytes_of(images.pixels, arrays.x);
  return images;
}

SourceImages source_images(const Recipe& recipe, const DataOptions& options) {
  if (!options.folder.empty()) return read_folder(recipe, options);
  CURIE_CHECK(!options.by_patient, usage, "{} have no patients: a division by patient needs folders of images (--data)",
              options.arrays.x.empty() ? "phantoms" : "arrays");
  if (!options.arrays.x.empty()) return read_arrays(recipe, options);
  return draw_phantoms(recipe, options);
}

}  // namespace curie
