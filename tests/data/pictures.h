// Synthetic pictures and folders of them, and the golden files of scripts/goldens/images.py.
#pragma once

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/image.h"
#include "tensor/error.h"
#include "tensor/files.h"
#include "tensor/log.h"

namespace curie {

inline nlohmann::json read_golden(const std::string& name) {
  return nlohmann::json::parse(read_text(std::filesystem::path(CURIE_TEST_DATA) / name));
}

// The pictures of scripts/goldens/images.py: a linear congruential generator's top byte, or its top bit.
inline Image noise_image(int width, int height, int channels, std::uint32_t seed, bool binary = false) {
  Image image{width, height, channels, {}};
  image.pixels.resize(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) *
                      static_cast<std::size_t>(channels));
  for (std::uint8_t& pixel : image.pixels) {
    seed = seed * 1664525u + 1013904223u;
    const auto value = static_cast<std::uint8_t>(seed >> 24);
    pixel = !binary ? value : value > 127 ? 255 : 0;
  }
  return image;
}

// The pictures of scripts/goldens/augmentation.py: noise, averaged over 2 x 2 neighbours round the edges.
inline Image soft_image(int height, int width, int channels, std::uint32_t seed) {
  const Image noise = noise_image(width, height, channels, seed);
  Image soft = noise;
  const auto at = [&](int y, int x, int c) {
    const int row = (y + height) % height, column = (x + width) % width;
    return static_cast<int>(noise.pixels[static_cast<std::size_t>((row * width + column) * channels + c)]);
  };
  std::size_t place = 0;
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < channels; ++c) {
        const int sum = at(y, x, c) + at(y - 1, x, c) + at(y, x - 1, c) + at(y - 1, x - 1, c);
        soft.pixels[place++] = static_cast<std::uint8_t>(sum / 4);
      }
    }
  }
  return soft;
}

inline std::vector<std::byte> bytes_of(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

inline std::string golden_image(const std::string& name) {
  return read_text(std::filesystem::path(CURIE_TEST_DATA) / "images" / name);
}

// An uncompressed BMP of a grey or RGB image: the simplest file to make.
inline std::string bmp_file(const Image& image) {
  const auto width = static_cast<std::size_t>(image.width);
  const auto height = static_cast<std::size_t>(image.height);
  const std::size_t row = (3 * width + 3) / 4 * 4;
  std::string file(54 + row * height, '\0');
  const auto put = [&](std::size_t at, std::size_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) file[at + static_cast<std::size_t>(i)] = static_cast<char>(value >> (8 * i));
  };
  file[0] = 'B';
  file[1] = 'M';
  put(2, file.size(), 4);
  put(10, 54, 4);
  put(14, 40, 4);
  put(18, width, 4);
  put(22, height, 4);
  put(26, 1, 2);
  put(28, 24, 2);
  for (std::size_t y = 0; y < height; ++y) {
    for (std::size_t x = 0; x < width; ++x) {
      for (std::size_t c = 0; c < 3; ++c) {  // blue first, the last row first
        const std::size_t from = image.channels == 1 ? y * width + x : (y * width + x) * 3 + (2 - c);
        file[54 + (height - 1 - y) * row + 3 * x + c] = static_cast<char>(image.pixels[from]);
      }
    }
  }
  return file;
}

inline void put_file(const std::filesystem::path& path, std::string_view contents) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream file(path, std::ios::binary);
  file.write(contents.data(), static_cast<std::streamsize>(contents.size()));
  REQUIRE(file.good());
}

// Gathers what is logged while it lives.
class LogCapture {
 public:
  LogCapture() {
    previous_ = set_log_sink([this](LogLevel level, std::string_view text) { lines.emplace_back(level, text); });
  }
  ~LogCapture() { set_log_sink(previous_); }
  LogCapture(const LogCapture&) = delete;
  LogCapture& operator=(const LogCapture&) = delete;

  std::vector<std::pair<LogLevel, std::string>> lines;

 private:
  LogSink previous_;
};

// The kind and message of the Error that `action` throws.
struct Thrown {
  ErrorKind kind = ErrorKind::internal;
  std::string message;

  bool says(std::string_view text) const { return message.find(text) != std::string::npos; }
};

template <typename Action>
Thrown error_of(Action&& action) {
  try {
    action();
  } catch (const Error& error) {
    return {error.kind(), error.what()};
  }
  FAIL("expected an Error");
  return {};
}

}  // namespace curie
