// curie pack as a user runs it.
#include <doctest/doctest.h>

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
  refused({"pack", "nowhere", "--out", "o"}, 1, "it does not exist");
  put_file(folder / "file", "x");
  refused({"pack", "set", "--out", "file/o", "--size", "4"}, 1, "file");
}
