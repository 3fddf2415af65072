#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <random>
#include <string>

#include "io/safetensors.h"
#include "support/temporary_folder.h"
#include "tensor/files.h"

namespace curie {
namespace {

// Reads damaged files and counts how they end. Whatever is in the file, either an Error(file) that names it or tensors
// that account for every byte may come out.
class Reader {
 public:
  void read(const std::string& contents) {
    const std::filesystem::path path = folder_.put("damaged", contents);
    try {
      const SafetensorsFile file = read_safetensors(path);
      std::uint64_t checksum = 0;
      for (const NamedTensor& named : file.tensors) {
        CHECK(file.find(named.name) == &named.tensor);
        for (const std::byte byte : std::span(named.tensor.raw(), named.tensor.bytes()))
          checksum += std::to_integer<std::uint64_t>(byte);
      }
      CHECK(checksum <= 255 * 4 * contents.size());
      ++whole_;
    } catch (const Error& error) {
      const bool clear = error.kind() == ErrorKind::file && std::string_view(error.what()).starts_with(path.c_str());
      CHECK_MESSAGE(clear, error.what());
      ++refused_;
    }
  }

  int whole() const { return whole_; }
  int refused() const { return refused_; }

 private:
  TemporaryFolder folder_;
  int whole_ = 0, refused_ = 0;
};

constexpr std::size_t kLengthBytes = 8;

std::string seed_file(const char* name) { return read_text(std::filesystem::path(CURIE_TEST_DATA) / name); }

std::size_t header_end(const std::string& contents) {
  std::uint64_t length = 0;
  std::copy_n(contents.data(), kLengthBytes, reinterpret_cast<char*>(&length));
  return kLengthBytes + length;
}

// Makes the length agree with a header that was edited by `grown` bytes, so that the edit reaches the JSON parser.
void mend_length(std::string& contents, std::size_t old_end, std::ptrdiff_t grown) {
  const std::uint64_t length = static_cast<std::uint64_t>(static_cast<std::ptrdiff_t>(old_end - kLengthBytes) + grown);
  std::copy_n(reinterpret_cast<const char*>(&length), kLengthBytes, contents.data());
}

TEST_CASE("safetensors: truncated at every length") {
  for (const char* name : {"safetensors_plain.safetensors", "safetensors_converted.safetensors"}) {
    const std::string contents = seed_file(name);
    Reader reader;
    for (std::size_t length = 0; length < contents.size(); ++length) reader.read(contents.substr(0, length));
    CHECK(reader.whole() == 0);
    CHECK(reader.refused() == static_cast<int>(contents.size()));
  }
}

TEST_CASE("safetensors: every byte of the header replaced by every kind of byte") {
  const std::string contents = seed_file("safetensors_plain.safetensors");
  Reader reader;
  for (std::size_t place = 0; place < header_end(contents); ++place) {
    for (const char value : std::string("\0\xff\x80\"\\{}[],:019- eFtn", 20)) {
      std::string damaged = contents;
      damaged[place] = value;
      reader.read(damaged);
    }
  }
  CHECK(reader.whole() > 0);
  CHECK(reader.refused() > reader.whole());
}

TEST_CASE("safetensors: bytes changed, cut out, repeated and spliced at random") {
  const std::string seeds[] = {seed_file("safetensors_plain.safetensors"),
                               seed_file("safetensors_converted.safetensors")};
  std::mt19937 random(20240229);
  const auto below = [&](std::size_t limit) { return limit == 0 ? 0 : random() % limit; };
  Reader reader;
  constexpr int kCases = 14'000;
  for (int i = 0; i < kCases; ++i) {
    std::string contents = seeds[below(2)];
    const std::string& other = seeds[below(2)];
    const std::size_t end = header_end(contents);
    const bool mend = below(4) != 0;
    std::ptrdiff_t grown = 0;
    for (std::size_t edit = 0, edits = 1 + below(3); edit < edits; ++edit) {
      const std::size_t current_end = static_cast<std::size_t>(static_cast<std::ptrdiff_t>(end) + grown);
      const std::size_t place = mend ? kLengthBytes + below(current_end - kLengthBytes) : below(contents.size());
      const std::size_t count = std::min(1 + below(40), (mend ? current_end : contents.size()) - place);
      const std::size_t from = below(other.size());
      const std::string piece = other.substr(from, 1 + below(60));
      switch (below(5)) {
        case 0:
          contents[place] = static_cast<char>(random());
          break;
        case 1:
          contents[place] = static_cast<char>('0' + below(10));
          break;
        case 2:
          contents.erase(place, count);
          grown -= static_cast<std::ptrdiff_t>(count);
          break;
        case 3:
          contents.insert(place, contents.substr(place, count));
          grown += static_cast<std::ptrdiff_t>(count);
          break;
        default:
          contents.insert(place, piece);
          grown += static_cast<std::ptrdiff_t>(piece.size());
      }
      if (!mend) grown = 0;
      if (contents.size() <= kLengthBytes || (mend && static_cast<std::ptrdiff_t>(end) + grown <= 9)) break;
    }
    if (mend) mend_length(contents, end, grown);
    reader.read(contents);
  }
  CHECK(reader.whole() > 0);
  CHECK(reader.refused() > kCases / 2);
}

}  // namespace
}  // namespace curie
