#include "data/npz.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "pictures.h"
#include "support/temporary_folder.h"

namespace curie {
namespace {

namespace fs = std::filesystem;

fs::path golden_npz(const std::string& name) { return fs::path(CURIE_TEST_DATA) / "npy" / name; }

TEST_CASE("archives that NumPy wrote are read, stored and deflated") {
  for (const char* name : {"stored.npz", "deflated.npz"}) {
    CAPTURE(name);
    NpzFile file(golden_npz(name));
    CHECK(file.names() == std::vector<std::string>{"X", "Y", "mean/channel"});
    const NpyArray x = file.read("X");
    CHECK(x.shape() == Shape{2, 3, 4, 1});
    for (std::size_t i = 0; i < 24; ++i) CHECK(x.values<std::uint8_t>()[i] == static_cast<std::uint8_t>(i * 10));
    CHECK(file.read("Y").integers() == std::vector<std::int64_t>{0, 1});
    CHECK(file.read("mean/channel").values<float>()[0] == -1.0f);
    CHECK(file.read("X").shape() == x.shape());  // once more
    const Thrown thrown = error_of([&] { file.read("Z"); });
    CHECK(thrown.kind == ErrorKind::usage);
    CHECK(thrown.says("there is no array \"Z\", only X, Y, mean/channel"));
  }
}

TEST_CASE("archives survive a round trip, and the same arrays give the same bytes") {
  const TemporaryFolder folder;
  const std::vector<float> values = {1.5f, -2.0f};
  const std::vector<std::uint8_t> zeros(100'000, 0);
  const std::vector<NamedArray> arrays = {{"a", NpyArray({2}, std::span<const float>(values))},
                                          {"zeros", NpyArray({1000, 100}, std::span<const std::uint8_t>(zeros))}};
  for (const bool compressed : {false, true}) {
    write_npz(folder / "a.npz", arrays, compressed);
    write_npz(folder / "b.npz", arrays, compressed);
    CHECK(read_text(folder / "a.npz") == read_text(folder / "b.npz"));
    CHECK((fs::file_size(folder / "a.npz") > zeros.size()) == !compressed);
    NpzFile file(folder / "a.npz");
    CHECK(file.names() == std::vector<std::string>{"a", "zeros"});
    CHECK(std::ranges::equal(file.read("a").values<float>(), values));
    CHECK(std::ranges::equal(file.read("zeros").values<std::uint8_t>(), zeros));
  }
  CHECK(error_of([&] { write_npz(folder / "c.npz", {}); }).kind == ErrorKind::usage);
}

TEST_CASE("what is no archive, or a damaged one, is refused with its path") {
  const TemporaryFolder folder;
  const auto refused = [&](const std::string& contents, const char* why) {
    const fs::path path = folder.put("a.npz", contents);
    const Thrown thrown = error_of([&] { NpzFile(path).read("X"); });
    CHECK(thrown.kind == ErrorKind::file);
    CHECK(thrown.message.starts_with(path.string()));
    CHECK_MESSAGE(thrown.says(why), thrown.message);
  };
  refused("", "expected a .npz file, a zip archive");
  refused("not a zip archive at all", "expected a .npz file, a zip archive");
  std::string wrong_sum = read_text(golden_npz("stored.npz"));
  wrong_sum[170] = static_cast<char>(wrong_sum[170] ^ 1);  // a pixel of X
  refused(wrong_sum, "X: damaged: CRC error");
  CHECK(error_of([&] { NpzFile(folder / "none.npz"); }).kind == ErrorKind::file);
}

// Sets the size that both headers of the only entry claim.
std::string with_claimed_size(std::string archive, std::uint32_t size) {
  const std::size_t central = archive.find("PK\1\2");
  for (const std::size_t at : {std::size_t{22}, central + 24}) {
    for (int i = 0; i < 4; ++i) archive[at + static_cast<std::size_t>(i)] = static_cast<char>(size >> (8 * i));
  }
  return archive;
}

TEST_CASE("an entry that claims more than deflate can hold is refused before memory is taken") {
  const TemporaryFolder folder;
  const std::vector<std::uint8_t> values(1000, 1);
  write_npz(folder / "a.npz", {{"X", NpyArray({1000}, std::span<const std::uint8_t>(values))}}, true);
  const std::string archive = read_text(folder / "a.npz");
  const fs::path bomb = folder.put("bomb.npz", with_claimed_size(archive, 0xfffffff0u));
  const Thrown thrown = error_of([&] { NpzFile(bomb).read("X"); });
  CHECK(thrown.kind == ErrorKind::file);
  CHECK_MESSAGE(thrown.says("which cannot come from"), thrown.message);
  const fs::path longer = folder.put("longer.npz", with_claimed_size(archive, 2000));
  CHECK(error_of([&] { NpzFile(longer).read("X"); }).kind == ErrorKind::file);
}

TEST_CASE("an archive that inflates beyond what data sets do is refused before memory is taken") {
  const TemporaryFolder folder;
  const fs::path path = folder / "zeros.npz";
  const std::vector<std::uint8_t> zeros((64u << 20) + 1), few(1u << 20);
  const auto length = static_cast<int>(zeros.size());
  write_npz(path,
            {{"X", NpyArray({length}, std::span<const std::uint8_t>(zeros))},
             {"few", NpyArray({1 << 20}, std::span<const std::uint8_t>(few))}},
            true);
  const Thrown thrown = error_of([&] { NpzFile(path).read("X"); });
  CHECK(thrown.kind == ErrorKind::file);
  CHECK_MESSAGE(thrown.says("more than 100 times as much"), thrown.message);
  CHECK(NpzFile(path).read("few").bytes().size() == few.size());
}

}  // namespace
}  // namespace curie
