#include "recipes/source.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "data/arrays.h"
#include "recipes/array_source.h"
#include "recipes/prepare.h"
#include "support/log_capture.h"
#include "support/put_arrays.h"
#include "support/quiet.h"
#include "support/temporary_folder.h"
#include "support/throws.h"
#include "tensor/log.h"

using namespace curie;
using curie::test::put_arrays;

namespace {

namespace fs = std::filesystem;

// A bitmap of size x size pixels in one colour.
std::string bitmap(int size, std::uint8_t red, std::uint8_t green, std::uint8_t blue) {
  const auto row = static_cast<std::size_t>(3 * size + 3) / 4 * 4;
  std::string file(54 + row * static_cast<std::size_t>(size), '\0');
  const auto put = [&](std::size_t at, std::size_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) file[at + static_cast<std::size_t>(i)] = static_cast<char>(value >> (8 * i));
  };
  file[0] = 'B';
  file[1] = 'M';
  put(2, file.size(), 4);
  put(10, 54, 4);
  put(14, 40, 4);
  put(18, static_cast<std::size_t>(size), 4);
  put(22, static_cast<std::size_t>(size), 4);
  put(26, 1, 2);
  put(28, 24, 2);
  for (std::size_t y = 0; y < static_cast<std::size_t>(size); ++y) {
    for (std::size_t x = 0; x < static_cast<std::size_t>(size); ++x) {
      put(54 + y * row + 3 * x, blue, 1);
      put(54 + y * row + 3 * x + 1, green, 1);
      put(54 + y * row + 3 * x + 2, red, 1);
    }
  }
  return file;
}

void put(const TemporaryFolder& folder, const std::string& name, const std::string& contents) {
  fs::create_directories((folder / name).parent_path());
  folder.put(name, contents);
}

// Kermany's layout: pneumonia of two kinds, told apart by the files' names; parts of its own.
void put_kermany(const TemporaryFolder& folder) {
  for (int i = 0; i < 6; ++i) {
    const std::string n = std::to_string(i);
    put(folder, "train/NORMAL/IM-000" + n + "-0001.bmp", bitmap(8, 10, 20, 30));
    put(folder, "train/PNEUMONIA/person" + n + "_bacteria_1.bmp", bitmap(8, 40, 50, 60));
    put(folder, "train/PNEUMONIA/person" + n + "_virus_1.bmp", bitmap(8, 70, 80, 90));
    if (i >= 2) continue;
    put(folder, "test/NORMAL/IM-001" + n + "-0001.bmp", bitmap(8, 11, 21, 31));
    put(folder, "test/PNEUMONIA/person1" + n + "_bacteria_1.bmp", bitmap(8, 41, 51, 61));
    put(folder, "test/PNEUMONIA/person1" + n + "_virus_1.bmp", bitmap(8, 71, 81, 91));
  }
}

// `count` images of the size, alternately of class 0 (dark) and 1 (bright).
LabelledImages alternating(int count, int size, int channels) {
  LabelledImages images;
  images.pixels = Tensor::zeros({count, size, size, channels}, DType::u8);
  images.class_names = {"NORMAL", "COVID"};
  const std::size_t each = images.sample_shape().elements();
  for (int i = 0; i < count; ++i) {
    images.labels.push_back(i % 2);
    std::fill_n(
        images.pixels.host<std::uint8_t>().begin() + static_cast<std::ptrdiff_t>(i) * static_cast<std::ptrdiff_t>(each),
        each, static_cast<std::uint8_t>(i % 2 == 0 ? 51 : 204));
  }
  return images;
}

}  // namespace

TEST_CASE(
    "pneumonia-cnn-70 reads Kermany's layout: three classes, blue first, the official test part tests and validates") {
  const TemporaryFolder folder;
  put_kermany(folder);
  const Recipe& recipe = find_recipe("pneumonia-cnn-70");
  DataOptions options;
  options.folder = folder.path();
  SourceImages source = source_images(recipe, options);
  REQUIRE(source.images.size() == 24);
  CHECK(source.images.class_counts() == std::vector<int>{8, 8, 8});
  CHECK(source.images.pixels.host<std::uint8_t>()[0] == 30);
  CHECK(source.images.pixels.host<std::uint8_t>()[2] == 10);
  CHECK(std::count(source.official_test.begin(), source.official_test.end(), true) == 6);
  const PreparedData data = prepare(recipe, source, options);
  CHECK(data.train.class_counts() == std::vector<int>{6, 6, 6});
  CHECK(data.test.class_counts() == std::vector<int>{2, 2, 2});
  CHECK(data.validation.sources == data.test.sources);
  for (const std::string& name : data.test.sources) CHECK(name.rfind("test/", 0) == 0);
}

TEST_CASE("a data set without a test part of its own cannot be divided as pneumonia-cnn-70 does") {
  const TemporaryFolder folder;
  for (int i = 0; i < 3; ++i) {
    put(folder, "NORMAL/" + std::to_string(i) + ".bmp", bitmap(8, 1, 2, 3));
    put(folder, "PNEUMONIA BACTERIA/" + std::to_string(i) + ".bmp", bitmap(8, 1, 2, 3));
    put(folder, "PNEUMONIA VIRUS/" + std::to_string(i) + ".bmp", bitmap(8, 1, 2, 3));
  }
  const Recipe& recipe = find_recipe("pneumonia-cnn-70");
  DataOptions options;
  options.folder = folder.path();
  SourceImages source = source_images(recipe, options);
  CHECK_ERROR([&] { prepare(recipe, source, options); }, data, "folders train and test");
  options.by_patient = true;
  CHECK_ERROR([&] { source_images(recipe, options); }, data, "metadata.csv");
}

TEST_CASE("divided by patient, no patient is on two sides, and the report is told when one is") {
  const Quiet quiet;
  const TemporaryFolder folder;
  std::string table = "file,patient\n";
  for (int i = 0; i < 40; ++i) {
    const std::string name = (i % 2 == 0 ? "Normal/" : "COVID/") + std::to_string(i) + ".bmp";
    put(folder, name, bitmap(8, static_cast<std::uint8_t>(i), 0, 0));
    table += name + ",p" + std::to_string(i / 4) + "\n";  // two images of each class for each of 10 patients
  }
  folder.put("metadata.csv", table);
  Recipe recipe = find_recipe("covid-basic-180");
  recipe.preprocessing.width = recipe.preprocessing.height = 16;
  recipe.test = TestPart::held_back(4);
  DataOptions options;
  options.folder = folder.path();
  SourceImages random = source_images(recipe, options);
  REQUIRE(random.patients.size() == 40);
  const PreparedData mixed = prepare(recipe, random, options);
  CHECK(mixed.test_patients.size() == 8);
  CHECK(mixed.test_of_known_patients > 0);

  options.by_patient = true;
  SourceImages source = source_images(recipe, options);
  const PreparedData data = prepare(recipe, source, options);
  CHECK(data.test_of_known_patients == 0);
  CHECK(data.test.size() == 8);  // 8 of 40 images: two of ten patients
  const auto patient = [](const std::string& source_name) {
    return std::stoi(source_name.substr(source_name.find('/') + 1)) / 4;
  };
  for (const LabelledImages* part : {&data.validation, &data.test}) {
    for (const std::string& name : part->sources) {
      for (const std::string& other : data.train.sources) CHECK(patient(name) != patient(other));
    }
  }
  CHECK(data.division.find("By patient") != std::string::npos);
}

TEST_CASE("what cannot be divided by patient is refused") {
  DataOptions options;
  options.by_patient = true;
  CHECK_ERROR([&] { source_images(find_recipe("covid-basic-180"), options); }, usage, "phantoms have no patients");
  const TemporaryFolder folder;
  put_kermany(folder);
  options.folder = folder.path();
  const Recipe& recipe = find_recipe("pneumonia-cnn-70");
  SourceImages source = source_images(recipe, options);
  CHECK_ERROR([&] { prepare(recipe, source, options); }, usage, "own test part");
}

TEST_CASE("covid-vgg16-237 reads arrays, of bytes or of fractions of 255") {
  const TemporaryFolder folder;
  Recipe recipe = find_recipe("covid-vgg16-237");
  recipe.preprocessing.width = recipe.preprocessing.height = 12;
  const LabelledImages images = alternating(30, 12, 3);
  DataOptions options;
  options.arrays = put_arrays(folder, images);
  SourceImages source = source_images(recipe, options);
  CHECK(source.from_arrays);
  CHECK(source.images.class_counts() == std::vector<int>{15, 15});
  CHECK(std::ranges::equal(source.images.pixels.host<std::uint8_t>(), images.pixels.host<std::uint8_t>()));

  Tensor fractions = Tensor::zeros(images.pixels.shape());
  for (std::size_t i = 0; i < fractions.shape().elements(); ++i) {
    fractions.host<float>()[i] = static_cast<float>(images.pixels.host<std::uint8_t>()[i]) / 255.0f;
  }
  write_npy(folder / "X.npy", NpyArray(fractions));
  options.limits = {{"COVID", 4}};
  source = source_images(recipe, options);
  CHECK(source.images.class_counts() == std::vector<int>{15, 4});
  CHECK(source.images.pixels.host<std::uint8_t>()[0] == 51);
  const PreparedData data = prepare(recipe, source, options);
  CHECK(data.train.size() == 13);  // floor(15 * .9)
  CHECK(data.validation.size() == 2);
  CHECK(data.test.size() == 4);
}

TEST_CASE("a classes.json beside the arrays says what their numbers mean") {
  const Quiet quiet;
  const TemporaryFolder folder;
  const LabelledImages images = alternating(5, 12, 3);  // 3 of number 0, 2 of number 1
  const DataOptions::Arrays arrays = put_arrays(folder, images);
  folder.put("classes.json", R"({"class_names": ["Covid", "normal"]})");
  const Preprocessing wanted{.width = 12, .height = 12, .channels = 3};
  const LabelledImages read = images_from_arrays(arrays, {"NORMAL", "COVID"}, wanted, "the model").images;
  CHECK(read.class_counts() == std::vector<int>{2, 3});
  CHECK(read.class_names == std::vector<std::string>{"NORMAL", "COVID"});
  folder.put("classes.json", R"({"class_names": ["COVID", "Lung_Opacity"]})");
  CHECK_ERROR([&] { images_from_arrays(arrays, {"NORMAL", "COVID"}, wanted, "the model"); }, data, "Lung_Opacity");
}

TEST_CASE("arrays that do not fit are refused in words") {
  const TemporaryFolder folder;
  const Recipe& recipe = find_recipe("covid-vgg16-237");
  DataOptions options;
  LabelledImages images = alternating(6, 12, 3);
  options.arrays = put_arrays(folder, images);
  CHECK_ERROR([&] { source_images(recipe, options); }, usage, "--image-size 12");
  images.labels[3] = 2;  // two classes
  write_npy(folder / "Y.npy", y_array(images));
  CHECK_ERROR([&] { source_images(recipe, options); }, data, "2");
  options.limits = {{"Covid", 3}};
  CHECK_ERROR([&] { source_images(recipe, options); }, usage, "NORMAL, COVID");
  options.limits = {};
  options.arrays.x = (folder / "nowhere.npy").string();
  CHECK_ERROR([&] { source_images(recipe, options); }, file, "nowhere.npy");
}

TEST_CASE("a class that one part lacks is an error that names class and part") {
  const Recipe& recipe = find_recipe("covid-vgg16-237");
  LabelledImages images = alternating(40, 8, 3);
  for (std::size_t i = 1; i < 40; ++i) images.labels[i] = 0;
  images.labels[0] = 1;
  DataOptions options;
  CHECK_ERROR([&] { prepare(recipe, std::move(images), options); }, data, "has no image of class \"COVID\"");
}

TEST_CASE("a class that the data set's own test part lacks is not blamed on the seed") {
  const Quiet quiet;
  const TemporaryFolder folder;
  put_kermany(folder);
  for (const char* file : {"person10_virus_1.bmp", "person11_virus_1.bmp"}) {
    fs::remove(folder / "test/PNEUMONIA" / file);
  }
  const Recipe& recipe = find_recipe("pneumonia-cnn-70");
  DataOptions options;
  options.folder = folder.path();
  SourceImages source = source_images(recipe, options);
  const std::string message = curie::test::error_message([&] { prepare(recipe, source, options); });
  CHECK(message.find("has no image of class \"PNEUMONIA VIRUS\": it is the data set's own part") != std::string::npos);
  CHECK(message.find("--split-seed") == std::string::npos);
}

TEST_CASE("too few images of a class for the recipe name class, number and place") {
  const Quiet quiet;
  const TemporaryFolder folder;
  Recipe recipe = find_recipe("covid-cnn-64");
  recipe.preprocessing.width = recipe.preprocessing.height = 12;
  DataOptions options;
  const auto refused = [&](int of_covid, const char* why) {
    LabelledImages images = alternating(60, 12, 1);
    for (int i = 0; i < 60; ++i) images.labels[static_cast<std::size_t>(i)] = i < of_covid ? 1 : 0;
    options.arrays = put_arrays(folder, images);
    SourceImages source = source_images(recipe, options);
    const std::string message = curie::test::error_message([&] { prepare(recipe, source, options); });
    CHECK_MESSAGE(message.find(why) != std::string::npos, message);
  };
  refused(0, "X.npy: expected images of each class (Normal, COVID), found none of \"COVID\" among 60");
  refused(1, "X.npy: expected at least 2 images of each class, to divide it in its proportion, found 1 of \"COVID\"");
  refused(5, "SMOTE: expected at least 6 images of each class in the training part, found 4 of \"COVID\"");
}

TEST_CASE("files that no class claims, and a validation part that joins training, are told") {
  const TemporaryFolder folder;
  put_kermany(folder);
  put(folder, "train/PNEUMONIA/strange_name.bmp", bitmap(8, 1, 2, 3));
  put(folder, "val/NORMAL/IM-0099-0001.bmp", bitmap(8, 12, 22, 32));
  DataOptions options;
  options.folder = folder.path();
  curie::test::LogCapture log;
  const SourceImages source = source_images(find_recipe("pneumonia-cnn-70"), options);
  CHECK(source.images.size() == 25);
  const std::string left_out =
      "1 image files belong to none of the classes NORMAL, PNEUMONIA BACTERIA, PNEUMONIA VIRUS by their place and name "
      "and are left out, the first: train/PNEUMONIA/strange_name.bmp";
  const std::string joins = "The 1 images of the data set's own validation part join the training part.";
  CHECK_MESSAGE(log.lines.find(left_out) != std::string::npos, log.lines);
  CHECK_MESSAGE(log.lines.find(joins) != std::string::npos, log.lines);
  REQUIRE(source.notes.size() == 2);
  CHECK(source.notes[0].text == left_out + ".");
  CHECK(source.notes[1].text == joins);
}
