#include "data/arrays.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "data/npz.h"
#include "pictures.h"
#include "support/temporary_folder.h"

namespace curie {
namespace {

template <typename T>
NpyArray array(const Shape& shape, const std::vector<T>& values) {
  return {shape, std::span<const T>(values)};
}

const NpyArray kBytes = array<std::uint8_t>({3, 2, 1, 1}, {0, 1, 2, 3, 254, 255});
const NpyArray kClasses = array<std::int64_t>({3, 1}, {1, 0, 1});
using Names = std::vector<std::string>;

TEST_CASE("bytes and class numbers become labelled images") {
  const LabelledImages images = labelled_images(kBytes, kClasses, {"COVID", "NORMAL"}, "X.npy");
  CHECK(images.pixels.shape() == Shape{3, 2, 1, 1});
  CHECK(images.pixels.dtype() == DType::u8);
  CHECK(std::ranges::equal(images.pixels.host<std::uint8_t>(), kBytes.values<std::uint8_t>()));
  CHECK(images.labels == std::vector<std::int32_t>{1, 0, 1});
  CHECK(images.class_names == Names{"COVID", "NORMAL"});
  CHECK(images.sources == Names{"X.npy #0", "X.npy #1", "X.npy #2"});
}

TEST_CASE("labels in every form that is in use") {
  const std::vector<std::int32_t> expected = {1, 0, 1};
  CHECK(labelled_images(kBytes, array<std::int32_t>({3}, {1, 0, 1}), {}).labels == expected);
  CHECK(labelled_images(kBytes, array<std::uint8_t>({3, 1}, {1, 0, 1}), {}).labels == expected);
  CHECK(labelled_images(kBytes, array<double>({3}, {1, 0, 1}), {}).labels == expected);
  const NpyArray rows = array<float>({3, 3}, {0, 1, 0, 1, 0, 0, 0, 1, 0});
  CHECK(labelled_images(kBytes, rows, {}).labels == expected);
  CHECK(labelled_images(kBytes, rows, {}).class_names == Names{"0", "1", "2"});
  CHECK(labelled_images(kBytes, array<std::int64_t>({3}, {0, 0, 0}), {}).class_names == Names{"0", "1"});
}

TEST_CASE("images without channels are grey; whole floats are bytes, others stay floats") {
  const LabelledImages grey = labelled_images(array<float>({3, 1, 2}, {0, 1, 2, 3, 254, 255}), kClasses, {});
  CHECK(grey.pixels.dtype() == DType::u8);
  CHECK(grey.pixels.shape() == Shape{3, 1, 2, 1});
  CHECK(std::ranges::equal(grey.pixels.host<std::uint8_t>(), kBytes.values<std::uint8_t>()));
  const LabelledImages scaled = labelled_images(array<double>({3, 1, 1, 1}, {0, .5, 1}), kClasses, {});
  CHECK(scaled.pixels.dtype() == DType::f32);
  CHECK(scaled.pixels.host<float>()[1] == .5f);
  CHECK(labelled_images(array<float>({3, 1, 1}, {0, 1, 256}), kClasses, {}).pixels.dtype() == DType::f32);
}

TEST_CASE("arrays that do not belong together are refused") {
  const auto refused = [](const NpyArray& x, const NpyArray& y, const Names& names, const char* why) {
    const Thrown thrown = error_of([&] { labelled_images(x, y, names, "X.npy"); });
    CHECK(thrown.kind == ErrorKind::data);
    CHECK_MESSAGE(thrown.says(why), thrown.message);
  };
  refused(array<std::uint8_t>({3, 2}, std::vector<std::uint8_t>(6)), kClasses, {}, "channels, got (3, 2)");
  refused(array<std::uint8_t>({3, 1, 1, 2}, std::vector<std::uint8_t>(6)), kClasses, {}, "1 or 3 channels, got");
  refused(array<std::int64_t>({3, 1, 1}, {1, 2, 3}), kClasses, {}, "got int64; convert them");
  refused(NpyArray(NpyType::u8, {0, 2, 2, 1}), NpyArray(NpyType::i64, {0}), {}, "at least one image");
  refused(kBytes, array<std::int64_t>({2}, {0, 1}), {}, "for each of 3 images, got 2 labels");
  refused(kBytes, array<std::int64_t>({3}, {0, 1, 2}), {"a", "b"}, "from 0 to 1, got 2 for image 2");
  refused(kBytes, array<std::int64_t>({3}, {0, -1, 1}), {}, "got -1 for image 1");
  refused(kBytes, array<std::int64_t>({3}, {0, 1, 1LL << 60}), {}, "class numbers below 100000");
  refused(kBytes, array<float>({3}, {0, .5f, 1}), {}, "expected whole numbers, got 0.5");
  refused(kBytes, array<float>({3}, {0, NAN, 1}), {}, "expected whole numbers");
  refused(kBytes, array<float>({3, 2}, {1, 0, 1, 1, 0, 1}), {}, "row 1 is not");
  refused(kBytes, array<float>({3, 1, 1}, {1, 0, 1}), {}, "one-hot (n, classes), got (3, 1, 1)");
  refused(array<float>({3, 1, 1}, {1, INFINITY, 1}), kClasses, {}, "finite numbers, found inf");
}

TEST_CASE("images survive the way through files, .npy and .npz") {
  const TemporaryFolder folder;
  const LabelledImages images = labelled_images(kBytes, kClasses, {"COVID", "NORMAL"});
  const std::string x = folder / "X.npy", y = folder / "Y.npy", both = folder / "data.npz", one = folder / "one.npz";
  write_npy(x, x_array(images));
  write_npy(y, y_array(images));
  write_npz(both, {{"X", x_array(images)}, {"Y", y_array(images)}});
  write_npz(one, {{"X", x_array(images)}});
  for (const auto& [from_x, from_y] : {std::pair(x, y), {both + ":X", both + ":Y"}, {one, y}}) {
    const LabelledImages again = load_arrays(from_x, from_y, images.class_names);
    CHECK(again.labels == images.labels);
    CHECK(std::ranges::equal(again.pixels.host<std::uint8_t>(), images.pixels.host<std::uint8_t>()));
    CHECK(again.sources[2] == from_x + " #2");
  }
  CHECK(error_of([&] { read_array(both); }).says("it holds 2 arrays (X, Y); name one, as in " + both + ":X"));
  CHECK(error_of([&] { read_array(both + ":Z"); }).says("there is no array \"Z\""));
  CHECK(error_of([&] { load_arrays(folder / "none.npy", y, {}); }).kind == ErrorKind::file);
}

}  // namespace
}  // namespace curie
