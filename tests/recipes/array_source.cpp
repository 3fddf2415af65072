// Arrays as `curie pack` describes them: files, patients, preprocessing, the data set's own test part.
#include "recipes/array_source.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "data/array_notes.h"
#include "recipes/data_digest.h"
#include "recipes/prepare.h"
#include "support/log_capture.h"
#include "support/put_arrays.h"
#include "support/quiet.h"
#include "support/temporary_folder.h"
#include "support/throws.h"

using namespace curie;
using curie::test::arrays_in;
using curie::test::LogCapture;
using curie::test::put_arrays;

namespace {

// `count` images of 12 x 12 x 3, classes in turn, each in a colour of its own.
LabelledImages coloured(int count, const std::vector<std::string>& classes) {
  LabelledImages images;
  images.pixels = Tensor::zeros({count, 12, 12, 3}, DType::u8);
  images.class_names = classes;
  const std::span<std::uint8_t> pixels = images.pixels.host<std::uint8_t>();
  const std::size_t each = images.sample_shape().elements();
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<std::uint8_t>(i / each);
  for (int i = 0; i < count; ++i) images.labels.push_back(i % static_cast<int>(classes.size()));
  return images;
}

struct Packed {
  TemporaryFolder folder;
  ArrayNotes notes;

  // Writes X{suffix}.npy and Y{suffix}.npy of so many images, two of a patient in a row.
  void add(const std::string& suffix, int count, const std::vector<std::string>& classes) {
    put_arrays(folder, coloured(count, classes), suffix);
    notes.class_names = classes;
    ArrayNotes::Samples& samples = notes.arrays["X" + suffix];
    for (int i = 0; i < count; ++i) {
      samples.files.push_back("file" + suffix + std::to_string(i) + ".png");
      samples.patients.push_back("patient" + std::to_string(i / 2));
    }
  }
  void save() { folder.put("classes.json", to_json(notes).dump()); }
  DataOptions options(const std::string& suffix = "") const {
    DataOptions options;
    options.arrays = arrays_in(folder, suffix);
    return options;
  }
};

Recipe small(const char* name) {
  Recipe recipe = find_recipe(name);
  recipe.preprocessing.width = recipe.preprocessing.height = 12;
  return recipe;
}

}  // namespace

TEST_CASE("what classes.json tells of the pixels is the truth, and a difference from the recipe is a warning") {
  const Recipe recipe = small("covid-vgg16-237");  // opencv_linear, RGB
  Packed packed;
  packed.add("", 20, recipe.classes);
  DataOptions options = packed.options();
  for (const auto& [resample, order, warns] : {std::tuple(Resample::opencv_linear, ChannelOrder::rgb, false),
                                               {Resample::bicubic, ChannelOrder::rgb, true},
                                               {Resample::opencv_linear, ChannelOrder::bgr, true}}) {
    Preprocessing made = recipe.preprocessing;
    made.resample = resample;
    made.channel_order = order;
    packed.notes.preprocessing = made;
    packed.save();
    LogCapture log;
    const SourceImages source = source_images(recipe, options);
    CHECK(source.preprocessing == made);
    CHECK((log.lines.find("pack with --size 12 --resample opencv_linear") != std::string::npos) == warns);
    CHECK((log.lines.find(to_string(made)) != std::string::npos) == warns);
    CHECK(source.notes.size() == (warns ? 1 : 0));
  }
  packed.notes.preprocessing->width = 13;
  packed.save();
  const Quiet quiet;
  CHECK_ERROR([&] { source_images(recipe, options); }, data, "belongs to other arrays");
  packed.notes.preprocessing.reset();
  packed.notes.arrays["X"].files.pop_back();
  packed.notes.arrays["X"].patients.pop_back();
  packed.save();
  CHECK_ERROR([&] { source_images(recipe, options); }, data, "lists 19 files");
}

TEST_CASE("arrays are divided by patient where classes.json tells patients") {
  const Quiet quiet;
  const Recipe recipe = small("covid-vgg16-237");
  Packed packed;
  packed.add("", 40, recipe.classes);
  packed.save();
  DataOptions options = packed.options();
  SourceImages source = source_images(recipe, options);
  CHECK(source.images.sources[3] == "file3.png");
  CHECK(prepare(recipe, source, options).test_of_known_patients > 0);
  options.by_patient = true;
  source = source_images(recipe, options);
  const PreparedData data = prepare(recipe, source, options);
  CHECK(data.test_of_known_patients == 0);
  CHECK(data.test.size() == 8);  // a fifth of 20 patients, two images each
  options.limits = {{"COVID", 3}};
  source = source_images(recipe, options);
  CHECK(source.images.class_counts() == std::vector<int>{20, 3});
  CHECK(source.patients.size() == 23);
  CHECK(source.patients[5] == "patient2");
  CHECK(source.patients[6] == "patient3");  // file 6; file 7 would be the fourth of COVID
  CHECK(source.patients[7] == "patient4");
  options.limits.clear();

  packed.notes.arrays["X"].patients.clear();  // as an older pack wrote it
  packed.save();
  CHECK_ERROR([&] { source_images(recipe, options); }, data, "classes.json beside the arrays");
  for (std::size_t i = 0; i < 40; ++i) {
    packed.notes.arrays["X"].files[i] = "train/PNEUMONIA/person" + std::to_string(i / 4) + "_virus_1.jpeg";
  }
  packed.save();
  CHECK(source_images(recipe, options).patients[5] == "train/person1");
  std::filesystem::remove(packed.folder / "classes.json");
  CHECK_ERROR([&] { source_images(recipe, options); }, data, "classes.json beside the arrays");
}

TEST_CASE("pneumonia-cnn-70 takes the data set's own test part from a second pair of arrays") {
  const Quiet quiet;
  const Recipe recipe = small("pneumonia-cnn-70");
  Packed packed;
  packed.add("_Train", 12, recipe.classes);
  packed.add("_Test", 6, recipe.classes);
  packed.notes.preprocessing = recipe.preprocessing;
  packed.save();
  DataOptions options = packed.options("_Train");
  CHECK_ERROR([&] { source_images(recipe, options); }, usage, "--test-x and --test-y");
  options.test_arrays = arrays_in(packed.folder, "_Test");
  SourceImages source = source_images(recipe, options);
  CHECK(source.images.size() == 18);
  CHECK(source.images.pixels.host<std::uint8_t>()[13 * source.images.sample_shape().elements()] == 1);
  const PreparedData data = prepare(recipe, source, options);
  CHECK(data.train.size() == 12);
  CHECK(data.test.size() == 6);
  CHECK(data.test.sources[5] == "file_Test5.png");
  options.limits = {{"NORMAL", 1}};  // of each part
  CHECK(source_images(recipe, options).images.class_counts() == std::vector<int>{2, 6, 6});
  CHECK_ERROR([&] { source_images(small("covid-vgg16-237"), options); }, usage, "leave out --test-x and --test-y");
}

TEST_CASE("the digest of a data set tells what changed, and not by which path arrays are read") {
  const Quiet quiet;
  Packed packed;
  packed.add("", 10, {"NORMAL", "COVID"});
  const Recipe recipe = small("covid-vgg16-237");
  DataOptions options = packed.options();
  const SourceImages source = source_images(recipe, options);
  CHECK_FALSE(source.named);
  const std::string digest = data_digest(source);
  SourceImages moved = source_images(recipe, options);
  for (std::string& name : moved.images.sources) name = "elsewhere/" + name;
  CHECK(data_digest(moved) == digest);

  const std::filesystem::path config = packed.folder / "config.json";
  packed.folder.put("config.json", nlohmann::json{{"data_digest", digest}}.dump());
  check_same_data(config, digest);
  const auto refused = [&](const char* why, auto&& change) {
    SourceImages other = source_images(recipe, options);
    change(other);
    CHECK_ERROR([&] { check_same_data(config, data_digest(other)); }, data, why);
  };
  refused("(images have other pixels)", [](SourceImages& s) { s.images.pixels.host<std::uint8_t>()[4319] ^= 1; });
  refused("(images have other classes)", [](SourceImages& s) { std::swap(s.images.labels[0], s.images.labels[1]); });
  refused("(10 images then, 9 now)", [](SourceImages& s) {
    s.images = s.images.select(std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8});
  });
  refused("(files were added, removed or renamed)", [](SourceImages& s) { s.named = true; });
  packed.folder.put("config.json", R"({"data_digest": "0123456789abcdef"})");  // an earlier version's
  check_same_data(config, digest);
}
