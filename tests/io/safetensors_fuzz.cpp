#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>

#include "io/safetensors.h"
#include "support/fuzz.h"
#include "support/temporary_folder.h"
#include "tensor/files.h"

namespace curie {
namespace {

// Reads damaged files. Whatever is in the file, either an Error(file) that names it or tensors that account for every
// byte may come out.
class Reader : public test::Ends {
 public:
  void read(const std::string& contents) {
    const std::filesystem::path path = folder_.put("damaged", contents);
    take(
        [&] {
          const SafetensorsFile file = read_safetensors(path);
          std::uint64_t checksum = 0;
          for (const NamedTensor& named : file.tensors) {
            CHECK(file.find(named.name) == &named.tensor);
            for (const std::byte byte : std::span(named.tensor.raw(), named.tensor.bytes()))
              checksum += std::to_integer<std::uint64_t>(byte);
          }
          CHECK(checksum <= 255 * 4 * contents.size());
        },
        path.c_str());
  }

 private:
  TemporaryFolder folder_;
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
    test::truncate_everywhere(contents, [&](const std::string& damaged) { reader.read(damaged); });
    CHECK(reader.whole == 0);
    CHECK(reader.refused == static_cast<int>(contents.size()));
  }
}

TEST_CASE("safetensors: every byte of the header replaced by every kind of byte") {
  const std::string contents = seed_file("safetensors_plain.safetensors");
  Reader reader;
  test::replace_everywhere(contents, header_end(contents), std::string_view("\0\xff\x80\"\\{}[],:019- eFtn", 20),
                           [&](const std::string& damaged) { reader.read(damaged); });
  CHECK(reader.whole > 0);
  CHECK(reader.refused > reader.whole);
}

TEST_CASE("safetensors: bytes changed, cut out, repeated and spliced at random") {
  const std::string seeds[] = {seed_file("safetensors_plain.safetensors"),
                               seed_file("safetensors_converted.safetensors")};
  test::Mutator mutator(20240229);
  Reader reader;
  constexpr int kCases = 14'000;
  for (int i = 0; i < kCases; ++i) {
    std::string contents = seeds[mutator.below(2)];
    const std::string& other = seeds[mutator.below(2)];
    const std::size_t end = header_end(contents);
    // Three in four cases damage the header only, and its length is made to agree.
    const bool mend = mutator.below(4) != 0;
    std::ptrdiff_t grown = 0;
    for (std::size_t edit = 0, edits = 1 + mutator.below(3); edit < edits; ++edit) {
      const auto header = static_cast<std::size_t>(static_cast<std::ptrdiff_t>(end) + grown);
      const std::size_t begin = mend ? kLengthBytes : 0, limit = mend ? header : contents.size();
      if (limit <= begin) break;
      grown += mutator.edit(contents, begin, limit, other);
    }
    if (mend) mend_length(contents, end, grown);
    reader.read(contents);
  }
  CHECK(reader.whole > 0);
  CHECK(reader.refused > kCases / 2);
}

}  // namespace
}  // namespace curie
