// curie pack as a user runs it.
#include <doctest/doctest.h>

#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "data/pictures.h"
#include "program.h"

using namespace curie;
using namespace curie::test;

namespace {

namespace fs = std::filesystem;

void put_images(const fs::path& folder, int count, std::uint32_t seed) {
  for (int i = 0; i < count; ++i) {
    const std::uint32_t number = seed + static_cast<std::uint32_t>(i);
    put_file(folder / (std::to_string(i) + ".bmp"), bmp_file(noise_image(8, 6, 3, number)));
  }
}

// The last `count` bytes.
std::string tail(const fs::path& path, std::size_t count) {
  const std::string text = read_text(path);
  REQUIRE(text.size() > count);
  return text.substr(text.size() - count);
}

}  // namespace

TEST_CASE("pack writes X, Y and the names of the classes") {
  const TemporaryFolder folder;
  put_images(folder / "set/NORMAL", 2, 1);
  put_images(folder / "set/COVID", 1, 7);
  const Result result = run_curie(folder, {"pack", "set", "--size", "8x6", "--out", "arrays"});
  CHECK(result.status == 0);
  CHECK(contains(result.out, "X.npy  uint8 (3, 6, 8, 3)"));
  CHECK(contains(result.out, "Y.npy  int64 (3, 1)"));
  CHECK(contains(result.out, "0 = COVID, 1 = NORMAL"));
  const Image covid = noise_image(8, 6, 3, 7), normal = noise_image(8, 6, 3, 2);  // unchanged, since the sizes agree
  const std::string pixels = tail(folder / "arrays/X.npy", 3 * 144);
  CHECK(pixels.substr(0, 144) == std::string(covid.pixels.begin(), covid.pixels.end()));
  CHECK(pixels.substr(288) == std::string(normal.pixels.begin(), normal.pixels.end()));
  CHECK(tail(folder / "arrays/Y.npy", 24) == std::string("\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0", 24));
  const auto json = nlohmann::json::parse(read_text(folder / "arrays/classes.json"));
  CHECK(json["class_names"] == nlohmann::json({"COVID", "NORMAL"}));
  CHECK(json["arrays"]["X"]["counts"] == nlohmann::json({1, 2}));
  CHECK(json["arrays"]["X"]["files"][2] == "NORMAL/1.bmp");
  CHECK(json["preprocessing"]["height"] == 6);
}

TEST_CASE("pack keeps the parts of a data set apart, in one archive if wanted") {
  const TemporaryFolder folder;
  for (const char* place : {"set/train/a", "set/train/b", "set/test/a", "set/test/b"}) put_images(folder / place, 2, 1);
  const Result result = run_curie(folder, {"pack", "set", "--train-test", "--npz", "--grey", "--class", "b", "--class",
                                           "a", "--limit", "a=1", "--size", "4", "--out", "arrays"});
  CHECK(result.status == 0);
  CHECK(contains(result.out, "arrays.npz:X_Train  uint8 (3, 4, 4, 1)"));
  CHECK(contains(result.out, "arrays.npz:Y_Test  int64 (3, 1)"));
  CHECK(contains(result.out, "0 = b, 1 = a"));
  CHECK(fs::exists(folder / "arrays/arrays.npz"));
  CHECK_FALSE(fs::exists(folder / "arrays/X_Train.npy"));
}

namespace {

// The bytes of all weights of a run's model, without what it tells of its origin.
std::string weights_of(const fs::path& run) {
  const std::string file = read_text(run / "model.safetensors");
  std::uint64_t header = 0;
  std::memcpy(&header, file.data(), sizeof header);
  return file.substr(sizeof header + header);
}

// Trains the recipe on the folder `set` and on the arrays that `pack --recipe` makes of it, and compares.
void check_same_training(const TemporaryFolder& folder, const std::string& recipe, const std::string& size,
                         const std::vector<std::string>& arrays, const std::vector<std::string>& more = {}) {
  CAPTURE(recipe);
  const Result packed =
      run_curie(folder, {"pack", "set", "--recipe", recipe, "--size", size, "--out", "packed", "--force"});
  REQUIRE_MESSAGE(packed.status == 0, packed.err);
  const auto train = [&](const char* out, const std::vector<std::string>& data) {
    std::vector<std::string> words = {"train", "--recipe", recipe, "--image-size", size, "--epochs",
                                      "2",     "--out",    out,    "--seed",       "3",  "--threads",
                                      "2",     "--device", "cpu",  "--batch-size", "8",  "--no-cache"};
    words.insert(words.end(), data.begin(), data.end());
    words.insert(words.end(), more.begin(), more.end());
    const Result result = run_curie(folder, words);
    REQUIRE_MESSAGE(result.status == 0, result.err);
    return result;
  };
  const std::string by_folder = recipe + "-folder", by_arrays = recipe + "-arrays";
  train(by_folder.c_str(), {"--data", "set"});
  const Result trained = train(by_arrays.c_str(), arrays);
  CHECK_FALSE(contains(trained.err, "warning: "));
  CHECK(weights_of(folder / by_folder) == weights_of(folder / by_arrays));
  CHECK(read_text(folder / by_folder / "history.csv") == read_text(folder / by_arrays / "history.csv"));
  const auto config = [&](const std::string& run) {
    return nlohmann::json::parse(read_text(folder / run / "config.json"));
  };
  CHECK(config(by_folder)["data_digest"] == config(by_arrays)["data_digest"]);
  CHECK(config(by_folder)["preprocessing"] == config(by_arrays)["preprocessing"]);
  // A path that was typed relative is found again from elsewhere, and the run goes on.
  const Result resumed = run_curie(folder, {"train", "--resume", by_arrays, "--epochs", "3"});
  CHECK_MESSAGE(resumed.status == 0, resumed.err);
}

}  // namespace

TEST_CASE("arrays that pack makes for a recipe train the same model as the folders, to the bit") {
  const TemporaryFolder folder;
  put_images(folder / "set/Normal", 40, 1);
  put_images(folder / "set/COVID", 16, 50);
  std::string table = "file,patient\n";
  for (int i = 0; i < 40; ++i) table += "Normal/" + std::to_string(i) + ".bmp,n" + std::to_string(i / 2) + "\n";
  for (int i = 0; i < 16; ++i) table += "COVID/" + std::to_string(i) + ".bmp,c" + std::to_string(i / 2) + "\n";
  folder.put("set/metadata.csv", table);
  const std::vector<std::string> arrays = {"--data-x", "packed/X.npy", "--data-y", "packed/Y.npy"};
  check_same_training(folder, "covid-cnn-64", "24", arrays);
  const std::string packed = read_text(folder / "packed/classes.json");
  CHECK(contains(packed, "\"bicubic\""));
  CHECK(contains(packed, "\"patient c7\""));
  fs::remove_all(folder / "covid-cnn-64-folder");
  fs::remove_all(folder / "covid-cnn-64-arrays");
  check_same_training(folder, "covid-cnn-64", "24", arrays, {"--split-by", "patient", "--split-seed", "2"});
}

TEST_CASE("so do the arrays of a data set with a test part of its own") {
  const TemporaryFolder folder;
  for (const char* part : {"train", "val", "test"}) {
    const fs::path place = folder / "set" / part;
    const auto seed = static_cast<std::uint32_t>(part[0]);
    put_images(place / "NORMAL", 8, seed);
    put_images(place / "PNEUMONIA BACTERIA", 8, seed + 20);
    put_images(place / "PNEUMONIA VIRUS", 8, seed + 40);
  }
  check_same_training(folder, "pneumonia-cnn-70", "24",
                      {"--data-x", "packed/X_Train.npy", "--data-y", "packed/Y_Train.npy", "--test-x",
                       "packed/X_Test.npy", "--test-y", "packed/Y_Test.npy"});
  CHECK_FALSE(fs::exists(folder / "packed/X_Validation.npy"));  // joins training, as in a run from folders
  const Result trained = run_curie(folder, {"train", "--recipe", "pneumonia-cnn-70", "--data", "set", "--image-size",
                                            "24", "--epochs", "1", "--out", "again"});
  CHECK_MESSAGE(contains(trained.err, "The 24 images of the data set's own validation part join"), trained.err);
  const Result lacking = run_curie(folder, {"train", "--recipe", "pneumonia-cnn-70", "--data-x", "packed/X_Train.npy",
                                            "--data-y", "packed/Y_Train.npy", "--image-size", "24", "--out", "new"});
  CHECK(lacking.status == 2);
  CHECK_MESSAGE(contains(lacking.err, "name its arrays with --test-x and --test-y"), lacking.err);
  CHECK_FALSE(fs::exists(folder / "new"));
}

TEST_CASE("a model of arrays that were packed otherwise says how, and the run warns") {
  const TemporaryFolder folder;
  put_images(folder / "set/Normal", 20, 1);
  put_images(folder / "set/COVID", 20, 50);
  folder.put("set/COVID/notes.txt", "no image");
  REQUIRE(
      run_curie(folder, {"pack", "set", "--size", "24", "--grey", "--resample", "nearest", "--out", "packed"}).status ==
      0);
  const Result trained = run_curie(folder, {"train", "--image-size", "24", "--data-x", "packed/X.npy", "--data-y",
                                            "packed/Y.npy", "--epochs", "1", "--out", "run", "--quiet"});
  REQUIRE_MESSAGE(trained.status == 0, trained.err);
  CHECK(contains(trained.err, "its pixels were made as 24 x 24 grey, nearest"));
  CHECK(contains(trained.err, "recipe covid-cnn-64 takes 24 x 24 grey, bicubic"));
  CHECK(contains(trained.err, "--size 24 --grey --resample bicubic"));
  CHECK(contains(run_curie(folder, {"summary", "run"}).out, "24 x 24 grey, nearest"));
}

TEST_CASE("pack writes over nothing without --force, and says so before it decodes") {
  const TemporaryFolder folder;
  put_images(folder / "set/a", 1, 1);
  put_images(folder / "set/b", 1, 1);
  put_file(folder / "out/classes.json", "mine");
  put_file(folder / "other/Y.npy", "mine");
  for (const char* out : {"out", "other"}) {
    const Result refused = run_curie(folder, {"pack", "set", "--size", "4", "--out", out});
    CHECK(refused.status == 2);
    CHECK_MESSAGE(contains(refused.err, "is there already; --force writes over it"), refused.err);
    CHECK_FALSE(fs::exists(folder / out / "X.npy"));
  }
  CHECK(read_text(folder / "out/classes.json") == "mine");
  CHECK(run_curie(folder, {"pack", "set", "--size", "4", "--out", "out", "--force"}).status == 0);
  CHECK(read_text(folder / "out/classes.json") != "mine");
}

TEST_CASE("pack refuses what it cannot do, in words") {
  const TemporaryFolder folder;
  put_images(folder / "set/a", 1, 1);
  put_images(folder / "set/b", 1, 1);
  const auto refused = [&](std::vector<std::string> words, int status, const char* why) {
    const Result result = run_curie(folder, words);
    CHECK(result.status == status);
    CHECK(result.out.empty());
    CHECK_MESSAGE(contains(result.err, why), result.err);
  };
  refused({"pack", "set"}, 2, "--out is required");
  refused({"pack", "set", "--out", "o", "--size", "big"}, 2, "--size: expected a number of pixels");
  refused({"pack", "set", "--out", "o", "--size", "0"}, 2, "width and height from 1");
  refused({"pack", "set", "--out", "o", "--grey", "--bgr"}, 2, "--bgr: grey images have no order");
  refused({"pack", "set", "--out", "o", "--resample", "lanczos"}, 2, "expected nearest, bilinear");
  refused({"pack", "set", "--out", "o", "--class", "a", "--class", "c"}, 1, "expected a folder of class \"c\"");
  refused({"pack", "set", "--out", "o", "--recipe", "covid-cnn-46"}, 2, "did you mean \"covid-cnn-64\"");
  refused({"pack", "set", "--out", "o", "--recipe", "covid-cnn-64", "--bgr"}, 2, "excludes");
  refused({"pack", "set", "--out", "o", "--limit", "a=1", "--limit", "a=2"}, 2, "expected each class once");
  refused({"pack", "set", "--out", "o", "--threads", "-1"}, 2, "--threads: expected a whole number from 0");
  refused({"pack", "nowhere", "--out", "o"}, 1, "it does not exist");
  put_file(folder / "file", "x");
  refused({"pack", "set", "--out", "file/o", "--size", "4"}, 1, "file");
}
