#include "data/image.h"

#include <doctest/doctest.h>

#include <cstdlib>

#include "pictures.h"

namespace curie {
namespace {

std::vector<std::uint8_t> from_hex(const std::string& text) {
  std::vector<std::uint8_t> bytes;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    bytes.push_back(static_cast<std::uint8_t>(std::stoi(text.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

std::vector<std::string> golden_names() {
  std::vector<std::string> names;
  const nlohmann::json golden = read_golden("images.json");
  for (const auto& [name, expected] : golden.at("files").items()) names.push_back(name);
  return names;
}

Thrown decode_error(std::string_view contents) {
  return error_of([&] { decode_image(bytes_of(contents), "x-ray.png"); });
}

TEST_CASE("every kind of file decodes to Pillow's pixels") {
  const nlohmann::json golden = read_golden("images.json");
  const nlohmann::json& files = golden.at("files");
  REQUIRE(files.size() >= 20);
  for (const auto& file : files.items()) {
    const std::string& name = file.key();
    const nlohmann::json& expected = file.value();
    CAPTURE(name);
    const Image image = decode_image(bytes_of(golden_image(name)), name);
    CHECK(image.width == expected["width"].get<int>());
    CHECK(image.height == expected["height"].get<int>());
    REQUIRE(image.channels == expected["channels"].get<int>());
    const std::vector<std::uint8_t> pixels = from_hex(expected["pixels"]);
    REQUIRE(image.pixels.size() == pixels.size());
    const int swapped = expected.value("swapped_column", -1);
    int most = 0;
    for (std::size_t i = 0; i < pixels.size(); ++i) {
      const int column = static_cast<int>(i) / image.channels % image.width;
      if (column != swapped) most = std::max(most, std::abs(image.pixels[i] - pixels[i]));
    }
    CHECK(most <= expected["tolerance"].get<int>());
  }
}

TEST_CASE("a file cut at any length is an error that names it, never a picture") {
  for (const std::string& name : golden_names()) {
    const std::vector<std::byte> file = bytes_of(golden_image(name));
    for (std::size_t length = 0; length < file.size(); ++length) {
      CAPTURE(name);
      CAPTURE(length);
      const Thrown thrown = error_of([&] { decode_image(std::span(file).first(length), name); });
      REQUIRE(thrown.kind == ErrorKind::data);
      REQUIRE(thrown.message.starts_with(name + ": "));
    }
  }
}

// A damaged byte may change nothing that a decoder can see; it must not do worse than an error or wrong pixels.
TEST_CASE("a file with a damaged byte is an error or a picture of honest size") {
  int refused = 0;
  for (const std::string& name : golden_names()) {
    const std::vector<std::byte> whole = bytes_of(golden_image(name));
    for (std::size_t at = 0; at < whole.size(); ++at) {
      for (const int flip : {0x01, 0x80, 0xff}) {
        std::vector<std::byte> file = whole;
        file[at] ^= static_cast<std::byte>(flip);
        try {
          const Image image = decode_image(file, name);
          REQUIRE(image.pixels.size() == static_cast<std::size_t>(image.width) *
                                             static_cast<std::size_t>(image.height) *
                                             static_cast<std::size_t>(image.channels));
        } catch (const Error& error) {
          REQUIRE(error.kind() == ErrorKind::data);
          ++refused;
        }
      }
    }
  }
  CHECK(refused > 10'000);
}

TEST_CASE("the pixels of a PNG are protected by its checksums") {
  std::string file = golden_image("rgb8.png");
  const std::size_t at = file.find("IDAT") + 20;
  file[at] = static_cast<char>(file[at] ^ 1);
  CHECK(decode_error(file).says("x-ray.png: damaged PNG image: wrong checksum of the IDAT chunk"));
  file = golden_image("rgb8.png");
  CHECK_NOTHROW(decode_image(bytes_of(file + "trailing bytes"), "x-ray.png"));
}

TEST_CASE("what is not an image is called by its name") {
  const Thrown empty = decode_error("");
  CHECK(empty.kind == ErrorKind::data);
  CHECK(empty.says("x-ray.png: expected a PNG, JPEG or BMP image, the file is empty"));
  CHECK(decode_error("patient,view\n1,AP\n").says("found text that begins with \"patient,view\""));
  CHECK(decode_error("GIF89a\x01").says("found a GIF image"));
  CHECK(decode_error(std::string("II*\0\x08", 5)).says("found a TIFF image"));
  CHECK(decode_error(std::string(128, '\0') + "DICM").says("found a DICOM file"));
  CHECK(decode_error("version https://git-lfs.github.com/spec/v1\noid").says("git lfs pull"));
  CHECK(decode_error(std::string("\x7f"
                                 "ELF\x02\x01\x01\0",
                                 8))
            .says("begins with the bytes 7f 45 4c 46 02 01 01 00"));
  CHECK(decode_error("BM is also how a text can begin").says("found text"));
}

TEST_CASE("claims of giant extents are refused before memory is taken") {
  Image tiny = noise_image(1, 1, 1, 1);
  std::string file = bmp_file(tiny);
  for (const std::size_t at : {18u, 22u}) {
    file[at] = '\0';
    file[at + 2] = '\x01';  // 65536
  }
  CHECK(decode_error(file).says("truncated BMP image"));
  file[28] = '\0';  // no bits at all, so that no byte is missing
  CHECK(decode_error(file).says("expected at most 100000000 pixels, the BMP image says 65536 x 65536"));
}

TEST_CASE("JPEG kinds that no decoder here reads are said to be unsupported") {
  std::string file = golden_image("grey.jpg");
  const std::size_t frame = file.find("\xff\xc0");
  REQUIRE(frame != std::string::npos);
  std::string arithmetic = file;
  arithmetic[frame + 1] = '\xc9';
  CHECK(decode_error(arithmetic).says("lossless, hierarchical or arithmetic-coded"));
  std::string deep = file;
  deep[frame + 4] = '\x0c';
  CHECK(decode_error(deep).says("expected a JPEG of 8 bits a sample, found 12 bits"));
}

TEST_CASE("a BMP may be stored from the top down") {
  const Image image = noise_image(5, 4, 3, 8);
  std::string file = bmp_file(image);
  const Image upright = decode_image(bytes_of(file), "a.bmp");
  CHECK(upright.pixels == image.pixels);
  for (std::size_t i = 0; i < 4; ++i) file[22 + i] = i == 0 ? '\xfc' : '\xff';  // height -4
  const Image turned = decode_image(bytes_of(file), "a.bmp");
  CHECK(turned.height == 4);
  CHECK(std::equal(image.pixels.begin(), image.pixels.begin() + 15, turned.pixels.end() - 15));
}

}  // namespace
}  // namespace curie
