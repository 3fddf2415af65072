#include "report/picture.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "support/throws.h"

namespace curie {
namespace {

Picture grey(int width, int height, std::vector<std::uint8_t> pixels) { return {width, height, 1, std::move(pixels)}; }

TEST_CASE("colours are Matplotlib's") {
  // matplotlib.colormaps[name](value), in 255ths; straight lines between 33 anchors keep within 5.
  struct Known {
    ColorMap map;
    double value;
    std::array<int, 3> color;
  };
  const Known known[] = {{ColorMap::viridis, 0.0, {68, 1, 84}},     {ColorMap::viridis, 0.1, {72, 36, 117}},
                         {ColorMap::viridis, 0.37, {45, 113, 142}}, {ColorMap::viridis, 0.83, {142, 214, 69}},
                         {ColorMap::inferno, 0.37, {135, 33, 107}}, {ColorMap::inferno, 0.83, {252, 180, 24}},
                         {ColorMap::balance, 0.1, {32, 101, 171}},  {ColorMap::balance, 0.5, {247, 246, 246}},
                         {ColorMap::balance, 0.83, {203, 73, 66}}};
  for (const Known& one : known) {
    CAPTURE(one.value);
    const Rgb color = color_of(one.map, one.value);
    for (std::size_t i = 0; i < 3; ++i) CHECK(std::abs(color[i] - one.color[i]) <= 5);
  }
  for (const ColorMap map : {ColorMap::viridis, ColorMap::inferno, ColorMap::balance}) {
    CHECK(color_of(map, -3) == color_of(map, 0));
    CHECK(color_of(map, 7) == color_of(map, 1));
    CHECK(color_of(map, std::numeric_limits<double>::quiet_NaN()) == color_of(map, 0));
  }
}

TEST_CASE("growing is bilinear, shrinking is the mean of what is covered") {
  CHECK(resized(grey(2, 1, {0, 100}), 4, 1).pixels == std::vector<std::uint8_t>{0, 25, 75, 100});
  CHECK(resized(grey(1, 1, {9}), 3, 2).pixels == std::vector<std::uint8_t>(6, 9));
  CHECK(resized(grey(4, 2, {0, 10, 20, 30, 40, 50, 60, 70}), 2, 1).pixels == std::vector<std::uint8_t>{25, 45});
  // Three cells into two: 1.5 cells each.
  CHECK(resized(grey(3, 1, {0, 30, 90}), 2, 1).pixels == std::vector<std::uint8_t>{10, 70});
  const Picture color = resized({2, 1, 3, {0, 10, 20, 100, 110, 120}}, 1, 1);
  CHECK(color.pixels == std::vector<std::uint8_t>{50, 60, 70});
  CHECK(resized(HeatMap{2, 1, {-1, 1}}, 4, 1).values == std::vector<float>{-1, -.5f, .5f, 1});
}

TEST_CASE("magnifying repeats, at_most keeps the proportion and never enlarges") {
  CHECK(magnified(grey(2, 1, {1, 2}), 2).pixels == std::vector<std::uint8_t>{1, 1, 2, 2, 1, 1, 2, 2});
  const Picture small = at_most(grey(100, 50, std::vector<std::uint8_t>(5000, 7)), 64);
  CHECK(small.width == 64);
  CHECK(small.height == 32);
  CHECK(at_most(grey(3, 2, std::vector<std::uint8_t>(6, 7)), 64).width == 3);
  CHECK(at_most(grey(500, 1, std::vector<std::uint8_t>(500, 7)), 10).height == 1);
}

TEST_CASE("an RGB picture without colour becomes grey, another stays") {
  CHECK(without_idle_color({2, 1, 3, {5, 5, 5, 9, 9, 9}}).pixels == std::vector<std::uint8_t>{5, 9});
  CHECK(without_idle_color({2, 1, 3, {5, 5, 5, 9, 9, 8}}).channels == 3);
}

TEST_CASE("an overlay leaves cold places as they are and colours hot ones") {
  const Picture image = grey(2, 1, {100, 100});
  const Picture result = overlaid(image, HeatMap{2, 1, {0, 1}}, ColorMap::inferno);
  CHECK(std::vector<std::uint8_t>(result.pixels.begin(), result.pixels.begin() + 3) ==
        std::vector<std::uint8_t>(3, 100));
  const Rgb hot = color_of(ColorMap::inferno, 1);
  for (std::size_t i = 0; i < 3; ++i) CHECK(result.pixels[3 + i] == std::lround(100 + 0.75 * (hot[i] - 100)));
  // A NaN is cold.
  const Picture unknown = overlaid(image, HeatMap{1, 1, {std::nanf("")}});
  CHECK(unknown.pixels == std::vector<std::uint8_t>(6, 100));
}

TEST_CASE("values take the map's colours between the limits") {
  const Picture picture = colored(HeatMap{3, 1, {-2, 0, 2}}, ColorMap::balance, -2, 2);
  for (std::size_t i = 0; i < 3; ++i) {
    const Rgb color = color_of(ColorMap::balance, 0.5 * static_cast<double>(i));
    CHECK(std::equal(color.begin(), color.end(), picture.pixels.begin() + static_cast<std::ptrdiff_t>(3 * i)));
  }
  CHECK(colored(HeatMap{1, 1, {5}}, ColorMap::viridis, 5, 5).pixels.size() == 3);
}

TEST_CASE("tiles stand row by row with gaps between them") {
  const std::vector<Picture> three{grey(1, 1, {1}), grey(1, 1, {2}), {1, 1, 3, {3, 4, 5}}};
  const Picture sheet = tiled(three, 2, 1, 9);
  CHECK(sheet.width == 3);
  CHECK(sheet.height == 3);
  CHECK(sheet.channels == 3);
  CHECK(sheet.pixels ==
        std::vector<std::uint8_t>{1, 1, 1, 9, 9, 9, 2, 2, 2, 9, 9, 9, 9, 9, 9, 9, 9, 9, 3, 4, 5, 9, 9, 9, 9, 9, 9});
  CHECK(tiled(std::span(three).first(1), 5, 3, 0).pixels == std::vector<std::uint8_t>{1});
}

TEST_CASE("pictures that contradict themselves are refused") {
  CHECK_ERROR([] { resized(grey(2, 2, {1}), 1, 1); }, usage, "2 x 2");
  CHECK_ERROR([] { resized(grey(1, 1, {1}), 0, 1); }, usage, "at least 1 x 1");
  CHECK_ERROR([] { resized(HeatMap{2, 1, {1}}, 1, 1); }, usage, "2 x 1 values, got 1");
  CHECK_ERROR([] { magnified(grey(1, 1, {1}), 0); }, usage, "magnification");
  CHECK_ERROR([] { tiled({}, 1, 0, 0); }, usage, "tiles");
  const std::vector<Picture> unequal{grey(1, 1, {1}), grey(2, 1, {1, 2})};
  CHECK_ERROR([&] { tiled(unequal, 2, 0, 0); }, usage, "1 x 1, got 2 x 1");
}

}  // namespace
}  // namespace curie
