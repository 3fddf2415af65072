#include "io/event_file.h"

#include <unistd.h>

#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STB_IMAGE_WRITE_STATIC
#define STBI_WRITE_NO_STDIO
#include <stb_image_write.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <memory>
#include <vector>

#include "tensor/error.h"

namespace curie {
namespace {

constexpr std::array<std::uint32_t, 256> make_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0u);
    table[byte] = crc;
  }
  return table;
}

template <typename T>
std::string little_endian(T value) {
  static_assert(std::endian::native == std::endian::little);
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

// TFRecord masks its checksums, so that the checksum of data that hold checksums stays sound.
std::string masked_checksum(std::string_view bytes) {
  const std::uint32_t crc = crc32c(bytes);
  return little_endian<std::uint32_t>((crc >> 15 | crc << 17) + 0xa282ead8u);
}

// The wire format of protocol buffers: a key is the field's number and how its value is laid out.
enum class Wire : std::uint32_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

std::string varint(std::uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
  return bytes + static_cast<char>(value);
}

std::string key(std::uint32_t field, Wire wire) { return varint(field << 3 | static_cast<std::uint32_t>(wire)); }
std::string number(std::uint32_t field, std::int64_t value) {
  return key(field, Wire::varint) + varint(static_cast<std::uint64_t>(value));
}
std::string real(std::uint32_t field, double value) { return key(field, Wire::fixed64) + little_endian(value); }
std::string bytes_of(std::uint32_t field, std::string_view value) {
  return key(field, Wire::bytes) + varint(value.size()) + std::string(value);
}
std::string packed(std::uint32_t field, const std::vector<double>& values) {
  std::string bytes;
  for (const double value : values) bytes += little_endian(value);
  return bytes_of(field, bytes);
}

std::string event_header(std::int64_t step) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return real(1, std::chrono::duration<double>(now).count()) + number(2, step);
}

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  static constexpr std::array<std::uint32_t, 256> kTable = make_table();
  std::uint32_t crc = ~0u;
  for (const char byte : bytes) crc = crc >> 8 ^ kTable[(crc ^ static_cast<unsigned char>(byte)) & 0xff];
  return ~crc;
}

EventFile::EventFile(const std::filesystem::path& folder, std::int64_t first_step) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  CURIE_CHECK(!error, file, "TensorBoard: cannot make the folder {}: {}", folder.string(), error.message());
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now).count();
  // TensorBoard reads a folder's files in the order of their names.
  for (int number = 0; path_.empty() || std::filesystem::exists(path_); ++number) {
    path_ = folder / fmt::format("events.out.tfevents.{:010}.curie.{}.{:03}.v2", seconds, getpid(), number);
  }
  append(event_header(0) + bytes_of(3, "brain.Event:2"));
  constexpr std::int64_t kSessionStart = 1;
  append(event_header(first_step) + bytes_of(7, number(1, kSessionStart)));
}

void EventFile::append(const std::string& event) {
  const std::string length = little_endian<std::uint64_t>(event.size());
  const std::string record = length + masked_checksum(length) + event + masked_checksum(event);
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path_.c_str(), "ab"), &std::fclose);
  const bool written =
      file && std::fwrite(record.data(), 1, record.size(), file.get()) == record.size() && std::fflush(file.get()) == 0;
  CURIE_CHECK(written, file, "TensorBoard: cannot write to {}: {}", path_.string(), std::strerror(errno));
}

void EventFile::summary(const std::string& tag, std::int64_t step, const std::string& value) {
  append(event_header(step) + bytes_of(5, bytes_of(1, bytes_of(1, tag) + value)));
}

void EventFile::scalar(const std::string& tag, std::int64_t step, double value) {
  summary(tag, step, key(2, Wire::fixed32) + little_endian(static_cast<float>(value)));
}

void EventFile::histogram(const std::string& tag, std::int64_t step, std::span<const float> values) {
  std::vector<double> finite;
  for (const float value : values) {
    if (std::isfinite(value)) finite.push_back(static_cast<double>(value));
  }
  if (finite.empty()) return;
  const auto [low, high] = std::minmax_element(finite.begin(), finite.end());
  const double smallest = *low, largest = *high;
  const int buckets = largest > smallest ? 30 : 1;
  const double width = (largest - smallest) / buckets;
  std::vector<double> limits, counts(static_cast<std::size_t>(buckets), 0.0);
  for (int i = 1; i <= buckets; ++i) limits.push_back(i == buckets ? largest : smallest + i * width);
  double sum = 0.0, squares = 0.0;
  for (const double value : finite) {
    const int bucket = buckets > 1 ? std::min(static_cast<int>((value - smallest) / width), buckets - 1) : 0;
    counts[static_cast<std::size_t>(bucket)] += 1.0;
    sum += value;
    squares += value * value;
  }
  summary(tag, step,
          bytes_of(5, real(1, smallest) + real(2, largest) + real(3, static_cast<double>(finite.size())) +
                          real(4, sum) + real(5, squares) + packed(6, limits) + packed(7, counts)));
}

void EventFile::image(const std::string& tag, std::int64_t step, std::span<const std::uint8_t> pixels, int width,
                      int height, int channels) {
  const std::size_t expected =
      static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * static_cast<std::size_t>(channels);
  CURIE_CHECK((channels == 1 || channels == 3) && pixels.size() == expected, usage,
              "TensorBoard: expected an image of 1 or 3 channels, got {} x {} of {}, {} values", width, height,
              channels, pixels.size());
  std::string png;
  const auto add = [](void* context, void* data, int size) {
    static_cast<std::string*>(context)->append(static_cast<const char*>(data), static_cast<std::size_t>(size));
  };
  const int written = stbi_write_png_to_func(add, &png, width, height, channels, pixels.data(), width * channels);
  CURIE_CHECK(written != 0, out_of_memory, "TensorBoard: no memory for a PNG of {} x {} pixels", width, height);
  summary(tag, step, bytes_of(4, number(1, height) + number(2, width) + number(3, channels) + bytes_of(4, png)));
}

}  // namespace curie
