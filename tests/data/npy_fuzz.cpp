#include <doctest/doctest.h>

#include <random>
#include <string>

#include "data/npz.h"
#include "pictures.h"
#include "support/temporary_folder.h"

namespace curie {
namespace {

namespace fs = std::filesystem;

// Reads damaged files and counts how they end: in arrays that account for their bytes, or in an Error(file) that names
// the file.
class Reader {
 public:
  void read_npy_file(const std::string& contents) {
    const fs::path path = folder_.put("damaged.npy", contents);
    count(path, [&] { check(read_npy(path), contents.size()); });
  }
  void read_npz_file(const std::string& contents) {
    const fs::path path = folder_.put("damaged.npz", contents);
    count(path, [&] {
      NpzFile file(path);
      for (const std::string& name : file.names()) check(file.read(name), contents.size() * 1100);
    });
  }

  int whole() const { return whole_; }
  int refused() const { return refused_; }

 private:
  static void check(const NpyArray& array, std::size_t most) {
    CHECK(array.bytes().size() <= most);
    CHECK(array.bytes().size() == array.shape().elements() * size_of(array.type()));
    std::size_t sum = 0;  // every byte can be read
    for (const std::byte byte : array.bytes()) sum += std::to_integer<std::size_t>(byte);
    CHECK(sum <= 255 * array.bytes().size());
  }

  template <typename Action>
  void count(const fs::path& path, Action&& action) {
    try {
      action();
      ++whole_;
    } catch (const Error& error) {
      const bool clear = error.kind() == ErrorKind::file && std::string_view(error.what()).starts_with(path.c_str());
      CHECK_MESSAGE(clear, error.what());
      ++refused_;
    }
  }

  TemporaryFolder folder_;
  int whole_ = 0, refused_ = 0;
};

std::string seed_file(const std::string& name) { return read_text(fs::path(CURIE_TEST_DATA) / "npy" / name); }

TEST_CASE("npy and npz: truncated at every length") {
  Reader reader;
  std::size_t files = 0;
  for (const char* name : {"u8.npy", "f32.npy", "version2.npy", "i64.npy"}) {
    const std::string contents = seed_file(name);
    for (std::size_t length = 0; length < contents.size(); ++length) reader.read_npy_file(contents.substr(0, length));
    files += contents.size();
  }
  for (const char* name : {"stored.npz", "deflated.npz"}) {
    const std::string contents = seed_file(name);
    for (std::size_t length = 0; length < contents.size(); ++length) reader.read_npz_file(contents.substr(0, length));
    files += contents.size();
  }
  CHECK(reader.whole() == 0);
  CHECK(reader.refused() == static_cast<int>(files));
}

TEST_CASE("npy: every byte before the values replaced by every kind of byte") {
  constexpr char kBytes[] = "\0\1\x02\xff\x80'\"\\{}[](),:<>|=019-LTFu48 \n";
  Reader reader;
  for (const char* name : {"u8.npy", "version2.npy"}) {
    const std::string contents = seed_file(name);
    for (std::size_t place = 0; place < 128; ++place) {
      for (const char value : std::string_view(kBytes, sizeof kBytes - 1)) {
        std::string damaged = contents;
        damaged[place] = value;
        reader.read_npy_file(damaged);
      }
    }
  }
  CHECK(reader.whole() > 0);
  CHECK(reader.refused() > reader.whole());
}

TEST_CASE("npz: every byte replaced by some others") {
  Reader reader;
  for (const char* name : {"stored.npz", "deflated.npz"}) {
    const std::string contents = seed_file(name);
    for (std::size_t place = 0; place < contents.size(); ++place) {
      for (const char value : std::string("\0\1\x08\x7f\x80\xff", 6)) {
        std::string damaged = contents;
        damaged[place] = value;
        reader.read_npz_file(damaged);
      }
    }
  }
  CHECK(reader.whole() > 0);
  CHECK(reader.refused() > reader.whole());
}

TEST_CASE("npy and npz: bytes changed, cut out and repeated at random") {
  const std::string seeds[] = {seed_file("u8.npy"), seed_file("f64.npy"), seed_file("stored.npz"),
                               seed_file("deflated.npz")};
  std::mt19937 random(20240301);
  const auto below = [&](std::size_t limit) { return limit == 0 ? 0 : random() % limit; };
  Reader reader;
  constexpr int kCases = 6'000;
  for (int i = 0; i < kCases; ++i) {
    const std::size_t seed = below(4);
    std::string contents = seeds[seed];
    for (std::size_t edit = 0, edits = 1 + below(3); edit < edits && !contents.empty(); ++edit) {
      const std::size_t place = below(contents.size());
      const std::size_t count = 1 + below(30);
      switch (below(4)) {
        case 0:
          contents[place] = static_cast<char>(random());
          break;
        case 1:
          contents[place] = static_cast<char>('0' + below(10));
          break;
        case 2:
          contents.erase(place, count);
          break;
        default:
          contents.insert(place, contents.substr(below(contents.size()), count));
      }
    }
    seed < 2 ? reader.read_npy_file(contents) : reader.read_npz_file(contents);
  }
  CHECK(reader.whole() > 0);
  CHECK(reader.refused() > kCases / 2);
}

}  // namespace
}  // namespace curie
