#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "data/npz.h"
#include "pictures.h"
#include "support/fuzz.h"
#include "support/temporary_folder.h"

namespace curie {
namespace {

namespace fs = std::filesystem;

// Reads damaged files, which end in arrays that account for their bytes or in an error that names the file.
class Reader : public test::Ends {
 public:
  void read_npy_file(const std::string& contents) {
    const fs::path path = folder_.put("damaged.npy", contents);
    take([&] { check(read_npy(path), contents.size()); }, path.c_str());
  }
  void read_npz_file(const std::string& contents) {
    const fs::path path = folder_.put("damaged.npz", contents);
    take(
        [&] {
          NpzFile file(path);
          for (const std::string& name : file.names()) check(file.read(name), contents.size() * 1100);
        },
        path.c_str());
  }

 private:
  static void check(const NpyArray& array, std::size_t most) {
    CHECK(array.bytes().size() <= most);
    CHECK(array.bytes().size() == array.shape().elements() * size_of(array.type()));
    std::size_t sum = 0;  // every byte can be read
    for (const std::byte byte : array.bytes()) sum += std::to_integer<std::size_t>(byte);
    CHECK(sum <= 255 * array.bytes().size());
  }

  TemporaryFolder folder_;
};

std::string seed_file(const std::string& name) { return read_text(fs::path(CURIE_TEST_DATA) / "npy" / name); }

TEST_CASE("npy and npz: truncated at every length") {
  Reader reader;
  std::size_t files = 0;
  for (const char* name : {"u8.npy", "f32.npy", "version2.npy", "i64.npy"}) {
    const std::string contents = seed_file(name);
    test::truncate_everywhere(contents, [&](const std::string& damaged) { reader.read_npy_file(damaged); });
    files += contents.size();
  }
  for (const char* name : {"stored.npz", "deflated.npz"}) {
    const std::string contents = seed_file(name);
    test::truncate_everywhere(contents, [&](const std::string& damaged) { reader.read_npz_file(damaged); });
    files += contents.size();
  }
  CHECK(reader.whole == 0);
  CHECK(reader.refused == static_cast<int>(files));
}

TEST_CASE("npy: every byte before the values replaced by every kind of byte") {
  constexpr char kBytes[] = "\0\1\x02\xff\x80'\"\\{}[](),:<>|=019-LTFu48 \n";
  Reader reader;
  for (const char* name : {"u8.npy", "version2.npy"}) {
    test::replace_everywhere(seed_file(name), 128, std::string_view(kBytes, sizeof kBytes - 1),
                             [&](const std::string& damaged) { reader.read_npy_file(damaged); });
  }
  CHECK(reader.whole > 0);
  CHECK(reader.refused > reader.whole);
}

TEST_CASE("npz: every byte replaced by some others") {
  Reader reader;
  for (const char* name : {"stored.npz", "deflated.npz"}) {
    const std::string contents = seed_file(name);
    test::replace_everywhere(contents, contents.size(), std::string_view("\0\1\x08\x7f\x80\xff", 6),
                             [&](const std::string& damaged) { reader.read_npz_file(damaged); });
  }
  CHECK(reader.whole > 0);
  CHECK(reader.refused > reader.whole);
}

TEST_CASE("npy and npz: bytes changed, cut out and repeated at random") {
  const std::string seeds[] = {seed_file("u8.npy"), seed_file("f64.npy"), seed_file("stored.npz"),
                               seed_file("deflated.npz")};
  test::Mutator mutator(20240301);
  Reader reader;
  constexpr int kCases = 6'000;
  for (int i = 0; i < kCases; ++i) {
    const std::size_t seed = mutator.below(4);
    const std::string damaged = mutator.damage(seeds[seed]);
    seed < 2 ? reader.read_npy_file(damaged) : reader.read_npz_file(damaged);
  }
  CHECK(reader.whole > 0);
  CHECK(reader.refused > kCases / 2);
}

}  // namespace
}  // namespace curie
