#include "data/resize.h"

#include <doctest/doctest.h>

#include "data/crc32.h"
#include "data/grey.h"
#include "pictures.h"

namespace curie {
namespace {

std::uint32_t sum_of(const Image& image, std::uint32_t before = 0) {
  return crc32(std::as_bytes(std::span(image.pixels)), before);
}

TEST_CASE("crc32 gives the sum of the standard's check string, whole and in pieces") {
  const std::string check = "123456789";
  CHECK(crc32(bytes_of(check)) == 0xCBF43926u);
  CHECK(crc32({}) == 0u);
  for (std::size_t cut = 0; cut <= check.size(); ++cut) {
    CHECK(crc32(bytes_of(check.substr(cut)), crc32(bytes_of(check.substr(0, cut)))) == 0xCBF43926u);
  }
}

void check_cases(const nlohmann::json& golden) {
  REQUIRE(golden.at("cases").size() >= 200);
  for (const nlohmann::json& test : golden.at("cases")) {
    CAPTURE(test.dump());
    const Image image =
        noise_image(test["in"][0], test["in"][1], test["channels"], test["seed"], test["kind"] == "binary");
    const Image result =
        resize(image, test["out"][0], test["out"][1], resample_from_name(test["filter"].get<std::string>()));
    CHECK(result.width == test["out"][0].get<int>());
    CHECK(result.height == test["out"][1].get<int>());
    CHECK(sum_of(result) == test["crc"].get<std::uint32_t>());
  }
}

TEST_CASE("resize agrees with Pillow bit for bit: sizes, filters, channels, extremes") {
  check_cases(read_golden("resize.json"));
}

TEST_CASE("resize agrees with OpenCV bit for bit: sizes, filters, channels, halves") {
  check_cases(read_golden("resize_opencv.json"));
}

TEST_CASE("resize agrees with OpenCV for every pair of widths and of heights up to 64") {
  const nlohmann::json golden = read_golden("resize_opencv.json");
  REQUIRE(golden.at("grids").size() == 2);
  for (const nlohmann::json& test : golden.at("grids")) {
    const Resample filter = resample_from_name(test["filter"].get<std::string>());
    for (int width = 1; width <= 64; ++width) {
      CAPTURE(name_of(filter));
      CAPTURE(width);
      const Image image = noise_image(width, 65 - width, 1, static_cast<std::uint32_t>(width));
      std::uint32_t sum = 0;
      for (int out = 1; out <= 64; ++out) sum = sum_of(resize(image, out, 65 - out, filter), sum);
      CHECK(sum == test["crcs"][static_cast<std::size_t>(width - 1)].get<std::uint32_t>());
    }
  }
}

TEST_CASE("a shrink to exactly half is a mean of four in opencv_linear, in both directions only") {
  const Image image{4, 2, 1, {0, 1, 10, 20, 1, 1, 30, 41}};
  CHECK(resize(image, 2, 1, Resample::opencv_linear).pixels == std::vector<std::uint8_t>{1, 25});  // .75, 25.25
  const Image row{4, 1, 1, {0, 100, 10, 20}};
  CHECK(resize(row, 2, 1, Resample::opencv_linear).pixels == std::vector<std::uint8_t>{50, 15});
}

TEST_CASE("resize agrees with Pillow for every pair of widths up to 64") {
  const nlohmann::json golden = read_golden("resize.json");
  for (const nlohmann::json& test : golden.at("widths")) {
    const Resample filter = resample_from_name(test["filter"].get<std::string>());
    for (int width = 1; width <= 64; ++width) {
      CAPTURE(name_of(filter));
      CAPTURE(width);
      const Image image = noise_image(width, 2, 1, static_cast<std::uint32_t>(width));
      std::uint32_t sum = 0;
      for (int out = 1; out <= 64; ++out) sum = sum_of(resize(image, out, 2, filter), sum);
      CHECK(sum == test["crcs"][static_cast<std::size_t>(width - 1)].get<std::uint32_t>());
    }
  }
}

TEST_CASE("a small resize, readable") {
  const nlohmann::json golden = read_golden("resize.json").at("small");
  const Image image = noise_image(7, 5, 1, golden["seed"]);
  for (const Resample filter : {Resample::nearest, Resample::bilinear, Resample::bicubic}) {
    const auto expected = golden["pixels"][std::string(name_of(filter))].get<std::vector<std::uint8_t>>();
    CHECK(resize(image, 4, 3, filter).pixels == expected);
  }
}

TEST_CASE("grey agrees with Pillow, alone and before a resize") {
  const nlohmann::json golden = read_golden("resize.json").at("grey");
  const Image grey = to_grey(noise_image(golden["width"], golden["height"], 3, golden["seed"]));
  CHECK(grey.channels == 1);
  CHECK(sum_of(grey) == golden["crc"].get<std::uint32_t>());
  CHECK(sum_of(resize(grey, 64, 64, Resample::bicubic)) == golden["resized_crc"].get<std::uint32_t>());
  for (int value = 0; value < 256; ++value) CHECK(grey_of(value, value, value) == value);
}

TEST_CASE("a resizer serves many images, and any number of channels") {
  for (const Resample filter : kResamples) {
    Resizer resizer(40, 30, 16, 20, filter);
    std::vector<std::uint8_t> result(16 * 20 * 5);
    for (const int channels : {1, 3, 5, 2, 1}) {
      const Image image = noise_image(40, 30, channels, 3);
      resizer.run(image.pixels.data(), channels, result.data());
      const auto step = static_cast<std::size_t>(channels);
      for (std::size_t c = 0; c < step; ++c) {  // channels do not mix: each is resized as if alone
        Image plane{40, 30, 1, {}};
        for (std::size_t i = c; i < image.pixels.size(); i += step) plane.pixels.push_back(image.pixels[i]);
        const Image alone = resize(plane, 16, 20, filter);
        for (std::size_t i = 0; i < alone.pixels.size(); ++i) REQUIRE(result[i * step + c] == alone.pixels[i]);
      }
    }
  }
}

TEST_CASE("a flat picture stays flat, whatever the filter and the size") {
  for (const Resample filter : kResamples) {
    for (const int value : {0, 1, 128, 255}) {
      Image image{31, 17, 1, std::vector<std::uint8_t>(31 * 17, static_cast<std::uint8_t>(value))};
      for (const int size : {1, 2, 13, 64}) {
        const Image result = resize(image, size, size, filter);
        CHECK(result.pixels == std::vector<std::uint8_t>(result.pixels.size(), static_cast<std::uint8_t>(value)));
      }
    }
  }
}

TEST_CASE("what cannot be resized is refused in words") {
  CHECK(error_of([] { Resizer(0, 3, 4, 4, Resample::bicubic); }).says("at least 1, got 0 x 3 to 4 x 4"));
  CHECK(error_of([] { resize(noise_image(3, 3, 1, 1), 4, 0, Resample::nearest); }).says("got 3 x 3 to 4 x 0"));
  const Thrown thrown = error_of([] { resample_from_name("lanczos"); });
  CHECK(thrown.kind == ErrorKind::usage);
  CHECK(thrown.says("nearest, bilinear, bicubic, opencv_nearest, opencv_linear, got \"lanczos\""));
}

}  // namespace
}  // namespace curie
