#include "report/png.h"

#include <doctest/doctest.h>

#include <array>
#include <string_view>
#include <vector>

#include "data/image.h"
#include "tensor/error.h"
#include "tensor/random.h"

namespace curie {
namespace {

std::vector<std::byte> decoded(std::string_view text) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::vector<std::byte> bytes;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char character : text.substr(0, text.find('='))) {
    bits = bits << 6 | static_cast<std::uint32_t>(kDigits.find(character));
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes.push_back(static_cast<std::byte>(bits >> count & 0xFF));
  }
  return bytes;
}

std::string base64_of(std::string_view text) {
  return base64({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

TEST_CASE("base64: the vectors of RFC 4648") {
  CHECK(base64_of("") == "");
  CHECK(base64_of("f") == "Zg==");
  CHECK(base64_of("fo") == "Zm8=");
  CHECK(base64_of("foo") == "Zm9v");
  CHECK(base64_of("foob") == "Zm9vYg==");
  CHECK(base64_of("fooba") == "Zm9vYmE=");
  CHECK(base64_of("foobar") == "Zm9vYmFy");
  CHECK(base64_of("\xFB\xFF\xBF") == "+/+/");
}

TEST_CASE("a picture decodes to the same pixels") {
  constexpr std::string_view kStart = "data:image/png;base64,";
  const RandomStream noise{.seed = 1};
  for (const auto& size : {std::array{1, 1, 1}, {64, 64, 1}, {5, 3, 3}, {1, 9, 3}, {17, 1, 1}}) {
    const int width = size[0], height = size[1], channels = size[2];
    CAPTURE(width);
    CAPTURE(height);
    std::vector<std::uint8_t> pixels(static_cast<std::size_t>(width * height * channels));
    for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<std::uint8_t>(noise.bits(i) & 0xFF);
    const std::string uri = png_data_uri(pixels, width, height, channels);
    REQUIRE(uri.substr(0, kStart.size()) == kStart);
    const Image image = decode_image(decoded(std::string_view(uri).substr(kStart.size())), "picture");
    CHECK(image.width == width);
    CHECK(image.height == height);
    CHECK(image.channels == channels);
    CHECK(image.pixels == pixels);
  }
}

TEST_CASE("a picture's size must match its pixels") {
  const std::vector<std::uint8_t> pixels(12);
  CHECK_THROWS_AS(png_data_uri(pixels, 4, 4, 1), Error);
  CHECK_THROWS_AS(png_data_uri(pixels, 3, 2, 2), Error);
  CHECK_THROWS_AS(png_data_uri({}, 0, 0, 1), Error);
  CHECK_THROWS_AS(png_data_uri(pixels, -4, -3, 1), Error);
}

}  // namespace
}  // namespace curie
