#include "recipes/array_source.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cstring>

#include "data/array_notes.h"
#include "data/arrays.h"
#include "data/patients.h"
#include "tensor/error.h"
#include "tensor/log.h"
#include "tensor/text.h"

namespace curie {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

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

// The options of `curie pack` that make such pixels.
std::string pack_options(const Preprocessing& wanted) {
  std::string text = wanted.width == wanted.height ? fmt::format("--size {}", wanted.width)
                                                   : fmt::format("--size {}x{}", wanted.width, wanted.height);
  if (wanted.channels == 1) text += " --grey";
  if (wanted.channel_order == ChannelOrder::bgr) text += " --bgr";
  return text + fmt::format(" --resample {}", name_of(wanted.resample));
}

// Class numbers as `classes` has them, of numbers that the notes' own names are behind.
void renumber(LabelledImages& images, const ArrayNotes& notes, const std::vector<std::string>& classes,
              const std::string& names) {
  std::vector<std::int32_t> renumbered;
  for (const std::string& name : notes.class_names) {
    const auto same = [&](const std::string& wanted) { return plain_name(wanted) == plain_name(name); };
    const auto found = std::find_if(classes.begin(), classes.end(), same);
    CURIE_CHECK(found != classes.end(), data, "{}: expected the classes {}, found {}", names, fmt::join(classes, ", "),
                fmt::join(notes.class_names, ", "));
    renumbered.push_back(static_cast<std::int32_t>(found - classes.begin()));
  }
  for (std::int32_t& label : images.labels) label = renumbered[static_cast<std::size_t>(label)];
  images.class_names = classes;
  log_info("{}: the arrays' classes are {}", names, fmt::join(notes.class_names, ", "));
}

// Patients by the rules for folders, of arrays whose notes list files but no patients.
std::vector<std::string> patients_by_name(const fs::path& folder, const std::vector<std::string>& files) {
  FolderScan scan;
  scan.root = folder;
  for (const std::string& file : files) {
    scan.files.push_back({file, 0, part_named(file.substr(0, file.find('/')))});
  }
  PatientGroups groups = patients_of(scan);
  if (groups.known == 0) groups.names.clear();
  return std::move(groups.names);
}

void take_notes(const ArrayNotes& notes, const std::string& names, const DataOptions::Arrays& arrays,
                ArrayImages& result) {
  LabelledImages& images = result.images;
  result.preprocessing = notes.preprocessing;
  if (notes.preprocessing) {
    const Shape told = notes.preprocessing->shape(), found = images.sample_shape();
    CURIE_CHECK(told == found, data,
                "{}: it tells of images of {}, {} holds images of {}: it belongs to other arrays; remove it, or pack "
                "again",
                names, to_string(told), arrays.x, to_string(found));
  }
  const ArrayNotes::Samples* samples = notes.samples_of(arrays.x);
  if (samples == nullptr && !notes.arrays.empty()) {
    log_warning("{}: it does not list {}; the names of its classes are used all the same", names, arrays.x);
  }
  if (samples == nullptr || samples->files.empty()) return;
  CURIE_CHECK(samples->files.size() == images.labels.size(), data,
              "{}: it lists {} files, {} holds {} images: it belongs to other arrays; remove it, or pack again", names,
              samples->files.size(), arrays.x, images.labels.size());
  images.sources = samples->files;
  result.named = true;
  result.patients =
      samples->patients.empty() ? patients_by_name(fs::path(names).parent_path(), samples->files) : samples->patients;
}

// The first so many samples of each class.
void limit_classes(ArrayImages& part, const std::map<std::string, int>& limits) {
  if (limits.empty()) return;
  LabelledImages& images = part.images;
  std::vector<int> chosen, taken(images.class_names.size(), 0);
  std::vector<std::string> patients;
  for (int i = 0; i < images.size(); ++i) {
    const auto label = static_cast<std::size_t>(images.labels[static_cast<std::size_t>(i)]);
    const auto limit = limits.find(images.class_names[label]);
    if (limit != limits.end() && taken[label]++ >= limit->second) continue;
    chosen.push_back(i);
    if (!part.patients.empty()) patients.push_back(part.patients[static_cast<std::size_t>(i)]);
  }
  images = images.select(chosen);
  part.patients = std::move(patients);
}

void check_test_arrays(const Recipe& recipe, const DataOptions& options) {
  const bool official = recipe.test.kind == TestPart::Kind::official;
  CURIE_CHECK(official || options.test_arrays.x.empty(), usage,
              "recipe {} takes its test part from the images themselves ({}): leave out --test-x and --test-y",
              recipe.name, to_string(recipe.test));
  CURIE_CHECK(
      !official || !options.test_arrays.x.empty(), usage,
      "recipe {} tests on the data set's own test part: name its arrays with --test-x and --test-y; `curie pack "
      "DIR --recipe {} --out OUT` writes OUT/X_Train.npy, Y_Train.npy, X_Test.npy and Y_Test.npy",
      recipe.name, recipe.name);
}

Tensor joined(const Tensor& first, const Tensor& second) {
  Tensor both = Tensor::zeros(first.shape().sample().with_batch(first.shape()[0] + second.shape()[0]), DType::u8);
  std::memcpy(both.raw(), first.raw(), first.bytes());
  std::memcpy(both.raw() + first.bytes(), second.raw(), second.bytes());
  return both;
}

// Appends the test part's samples to those of the training part.
void append(ArrayImages test, const DataOptions& options, ArrayImages& all) {
  CURIE_CHECK(!test.preprocessing || !all.preprocessing || *test.preprocessing == *all.preprocessing, data,
              "{} and {}: expected pixels that were made alike, found {} and {}; pack both at once", options.arrays.x,
              options.test_arrays.x, to_string(*all.preprocessing), to_string(*test.preprocessing));
  if (!all.preprocessing) all.preprocessing = test.preprocessing;
  all.named = all.named && test.named;
  if (all.patients.empty() || test.patients.empty()) {
    all.patients.clear();
  } else {
    all.patients.insert(all.patients.end(), test.patients.begin(), test.patients.end());
  }
  all.images.pixels = joined(all.images.pixels, test.images.pixels);
  all.images.labels.insert(all.images.labels.end(), test.images.labels.begin(), test.images.labels.end());
  all.images.sources.insert(all.images.sources.end(), test.images.sources.begin(), test.images.sources.end());
}

}  // namespace

ArrayImages images_from_arrays(const DataOptions::Arrays& arrays, const std::vector<std::string>& classes,
                               const Preprocessing& wanted, std::string_view whose) {
  const fs::path names = fs::path(arrays.x).parent_path() / kArrayNotesFile;
  ArrayImages result;
  LabelledImages& images = result.images;
  if (fs::exists(names)) {
    const ArrayNotes notes = read_array_notes(names);
    images = load_arrays(arrays.x, arrays.y, notes.class_names);
    renumber(images, notes, classes, names.string());
    take_notes(notes, names.string(), arrays, result);
  } else {
    images = load_arrays(arrays.x, arrays.y, classes);
  }
  const Shape found = images.sample_shape(), shape = wanted.shape();
  const bool other_size = found[0] == found[1] && found[-1] == shape[-1];
  CURIE_CHECK(found == shape, usage, "{}: {} takes images of {}, the array holds {}; {}pack with {}", arrays.x, whose,
              to_string(shape), to_string(found),
              other_size ? fmt::format("train with --image-size {}, or ", found[0]) : "", pack_options(wanted));
  if (images.pixels.dtype() == DType::f32) images.pixels = bytes_of(images.pixels, arrays.x);
  if (!result.preprocessing) {
    log_info("{}: nothing tells how its pixels were made; taken for {}, as {} takes them", arrays.x, to_string(wanted),
             whose);
  } else if (*result.preprocessing != wanted) {
    log_warning("{}: its pixels were made as {}, but {} takes {}; for such pixels, pack with {}", arrays.x,
                to_string(*result.preprocessing), whose, to_string(wanted), pack_options(wanted));
  }
  return result;
}

SourceImages read_arrays(const Recipe& recipe, const DataOptions& options) {
  check_test_arrays(recipe, options);
  const Clock::time_point start = Clock::now();
  const auto read = [&](const DataOptions::Arrays& arrays) {
    ArrayImages part =
        images_from_arrays(arrays, recipe.classes, recipe.preprocessing, fmt::format("recipe {}", recipe.name));
    limit_classes(part, options.limits);
    return part;
  };
  ArrayImages all = read(options.arrays);
  SourceImages source;
  if (!options.test_arrays.x.empty()) {
    source.official_test.assign(all.images.labels.size(), false);
    append(read(options.test_arrays), options, all);
    source.official_test.resize(all.images.labels.size(), true);
  }
  CURIE_CHECK(!options.by_patient || !all.patients.empty(), data,
              "{}: expected to know patients, to keep their images together: a {} beside the arrays, as `curie pack` "
              "writes it, that lists the patients, or files whose names tell them",
              options.arrays.x, kArrayNotesFile);
  source.from_arrays = true;
  source.named = all.named;
  source.place = options.arrays.x;
  source.images = std::move(all.images);
  source.patients = std::move(all.patients);
  source.preprocessing = all.preprocessing;
  if (all.preprocessing && *all.preprocessing != recipe.preprocessing) {
    source.notes.push_back({"Other pixels than the recipe's",
                            fmt::format("The arrays' pixels were made as {}, the recipe makes {}. The run's "
                                        "configuration and its model say what the arrays hold.",
                                        to_string(*all.preprocessing), to_string(recipe.preprocessing))});
  }
  source.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return source;
}

}  // namespace curie
