#include "data/load.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "data/cache.h"
#include "pictures.h"
#include "support/temporary_folder.h"

namespace curie {
namespace {

namespace fs = std::filesystem;

const Preprocessing kSmall{.width = 8, .height = 6};

// Two classes of `each` images of mixed sizes, grey and colour.
void make_data(const fs::path& root, int each) {
  for (int i = 0; i < each; ++i) {
    const auto seed = static_cast<std::uint32_t>(i);
    put_file(root / "a" / fmt::format("{:03}.bmp", i), bmp_file(noise_image(5 + i % 7, 4 + i % 5, 3, seed)));
    put_file(root / "b" / fmt::format("{:03}.bmp", i), bmp_file(noise_image(9 + i % 3, 8, 1, seed + 1000)));
  }
}

std::vector<std::uint8_t> pixels_of(const LoadResult& result) {
  const auto pixels = result.images.pixels.host<std::uint8_t>();
  return {pixels.begin(), pixels.end()};
}

struct Data {
  TemporaryFolder folder;
  fs::path root = folder / "data";
  fs::path cache = folder / "cache";
  explicit Data(int each) { make_data(root, each); }
  LoadResult load(const LoadOptions& options) const { return load_images(scan_class_folders(root), kSmall, options); }
  LoadResult load_cached() const { return load({.threads = 2, .cache_folder = cache}); }
  fs::path cache_file() const {
    REQUIRE(std::distance(fs::directory_iterator(cache), fs::directory_iterator()) == 1);
    return fs::directory_iterator(cache)->path();
  }
};

TEST_CASE("images come in the order of the scan, each preprocessed, whatever the number of threads") {
  const Data data(20);
  const LoadResult one = data.load({.threads = 1});
  REQUIRE(one.images.pixels.shape() == Shape{40, 6, 8, 1});
  CHECK(one.images.class_names == std::vector<std::string>{"a", "b"});
  CHECK(one.images.class_counts() == std::vector<int>{20, 20});
  CHECK(one.images.sources[21] == "b/001.bmp");
  CHECK(one.read == 40);
  CHECK(one.skipped.empty());
  std::vector<std::uint8_t> expected(kSmall.bytes());
  for (int i = 0; i < 20; ++i) {
    preprocess(noise_image(5 + i % 7, 4 + i % 5, 3, static_cast<std::uint32_t>(i)), kSmall, expected.data());
    const auto pixels = one.images.pixels.rows(i, 1).host<std::uint8_t>();
    CHECK(std::equal(pixels.begin(), pixels.end(), expected.begin()));
  }
  CHECK(pixels_of(data.load({.threads = 4})) == pixels_of(one));
}

TEST_CASE("unreadable images are skipped with their reasons, and the others close the gap") {
  const Data data(6);
  const std::vector<std::uint8_t> whole = pixels_of(data.load({.threads = 2}));
  put_file(data.root / "a/001.bmp", "");
  put_file(data.root / "b/000.bmp", "hello");
  fs::remove(data.root / "b/005.bmp");
  fs::create_symlink("nowhere", data.root / "b/005.bmp");
  const LoadResult result = data.load({.threads = 2});
  REQUIRE(result.skipped.size() == 3);
  REQUIRE(result.files.size() == result.images.labels.size());
  const FolderScan scan = scan_class_folders(data.root);
  for (std::size_t i = 0; i < result.files.size(); ++i) {
    CHECK(scan.files[static_cast<std::size_t>(result.files[i])].source == result.images.sources[i]);
  }
  CHECK(result.skipped[0].source == "a/001.bmp");
  CHECK(result.skipped[0].reason.find("a/001.bmp: expected a PNG, JPEG or BMP image, the file is empty") !=
        std::string::npos);
  CHECK(result.skipped[1].source == "b/000.bmp");
  CHECK(result.skipped[2].reason.find("cannot open: No such file") != std::string::npos);
  CHECK(result.images.size() == 9);
  CHECK(result.images.class_counts() == std::vector<int>{5, 4});
  CHECK(result.images.sources[1] == "a/002.bmp");
  std::vector<std::uint8_t> expected;
  for (const std::size_t i : {0u, 2u, 3u, 4u, 5u, 7u, 8u, 9u, 10u}) {
    const auto first = whole.begin() + static_cast<std::ptrdiff_t>(i * kSmall.bytes());
    expected.insert(expected.end(), first, first + static_cast<std::ptrdiff_t>(kSmall.bytes()));
  }
  CHECK(pixels_of(result) == expected);
}

TEST_CASE("a class that is mostly unreadable stops the work") {
  const Data data(4);
  for (const char* name : {"b/000.bmp", "b/001.bmp"}) put_file(data.root / name, "damaged");
  CHECK(data.load({.threads = 2}).images.class_counts() == std::vector<int>{4, 2});
  put_file(data.root / "b/003.bmp", "damaged");
  const Thrown thrown = error_of([&] { data.load({.threads = 2}); });
  CHECK(thrown.kind == ErrorKind::data);
  CHECK(thrown.says("3 of the 4 images of class \"b\" cannot be used, the first because: "));
  CHECK(thrown.says("found text that begins with \"damaged\""));
}

TEST_CASE("progress is told on the caller's thread and ends complete; cancelling gives no images") {
  const Data data(3);
  const auto caller = std::this_thread::get_id();
  int last = 0;
  const auto progress = [&](int done, int total) {
    CHECK(std::this_thread::get_id() == caller);
    CHECK(total == 6);
    CHECK(done >= last);
    last = done;
  };
  data.load({.threads = 3, .progress = progress});
  CHECK(last == 6);
  const LoadResult stopped = data.load({.threads = 2, .cache_folder = data.cache, .cancelled = [] { return true; }});
  CHECK(stopped.cancelled);
  CHECK(stopped.images.size() == 0);
  CHECK_FALSE(fs::exists(data.cache));
}

TEST_CASE("the second run reads the cache and gives the same result, skipped images included") {
  const Data data(5);
  put_file(data.root / "a/004.bmp", "damaged");
  const LoadResult first = data.load_cached();
  CHECK_FALSE(first.from_cache);
  CHECK(first.read == 10);
  const LogCapture log;
  const LoadResult second = data.load_cached();
  CHECK(second.from_cache);
  CHECK(second.read == 0);
  CHECK(pixels_of(second) == pixels_of(first));
  CHECK(second.images.labels == first.images.labels);
  CHECK(second.images.sources == first.images.sources);
  REQUIRE(second.skipped.size() == 1);
  CHECK(second.skipped[0].source == first.skipped[0].source);
  CHECK(second.skipped[0].reason == first.skipped[0].reason);
  CHECK(log.lines.empty());
}

TEST_CASE("what was wanted has its own cache; what has changed replaces its cache with one line") {
  const Data data(3);
  data.load_cached();
  const auto again = [&](const ScanOptions& scan, const Preprocessing& preprocessing) {
    return load_images(scan_class_folders(data.root, scan), preprocessing, {.threads = 1, .cache_folder = data.cache});
  };
  SUBCASE("another size, limit or order of classes leaves it alone") {
    CHECK_FALSE(again({}, {.width = 9, .height = 6}).from_cache);
    CHECK_FALSE(again({.limits = {{"a", 2}}}, kSmall).from_cache);
    CHECK_FALSE(again({.classes = {"b", "a"}}, kSmall).from_cache);
    CHECK(again({}, kSmall).from_cache);
    CHECK(again({.limits = {{"a", 2}}}, kSmall).images.class_counts() == std::vector<int>{2, 3});
    CHECK(again({.classes = {"b", "a"}}, kSmall).images.class_names.front() == "b");
  }
  const auto expect_outdated = [&] {
    const LogCapture log;
    const LoadResult renewed = data.load_cached();
    CHECK_FALSE(renewed.from_cache);
    REQUIRE(log.lines.size() == 1);
    CHECK(log.lines[0].second.find("the image files have changed since; making it anew") != std::string::npos);
    CHECK(data.load_cached().from_cache);
    CHECK(fs::exists(data.cache_file()));  // which also proves that it is the only one
  };
  SUBCASE("other contents of the same size, touched") {
    put_file(data.root / "b/001.bmp", bmp_file(noise_image(10, 8, 1, 77)));
    fs::last_write_time(data.root / "b/001.bmp", fs::file_time_type::clock::now() + std::chrono::seconds(5));
    expect_outdated();
  }
  SUBCASE("a new file") {
    put_file(data.root / "b/zzz.bmp", bmp_file(noise_image(10, 8, 1, 77)));
    expect_outdated();
  }
  SUBCASE("a renamed file") {
    fs::rename(data.root / "a/000.bmp", data.root / "a/00.bmp");
    expect_outdated();
  }
}

TEST_CASE("a cache with any byte changed or missing is made anew, with one line") {
  const Data data(2);
  const std::vector<std::uint8_t> expected = pixels_of(data.load_cached());
  const fs::path path = data.cache_file();
  const std::string whole = read_text(path);
  const auto try_contents = [&](const std::string& contents) {
    put_file(path, contents);
    const LogCapture log;
    const LoadResult result = data.load_cached();
    REQUIRE_FALSE(result.from_cache);
    REQUIRE(pixels_of(result) == expected);
    REQUIRE(log.lines.size() == 1);
    REQUIRE(log.lines[0].second.starts_with("Not using the image cache"));
    REQUIRE(read_text(path) == whole);
  };
  const std::size_t header = whole.find('}', whole.find("skipped"));
  for (std::size_t at = 0; at < whole.size(); at += at < 24 ? 1 : 7) {
    if (at > header && whole[at] == '\0' && at < (header / 64 + 1) * 64) continue;  // padding carries nothing
    CAPTURE(at);
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    try_contents(damaged);
    try_contents(whole.substr(0, at));
  }
  try_contents(std::string(100, '\xff'));
}

TEST_CASE("a cache that cannot be written is one warning") {
  const Data data(2);
  put_file(data.folder / "occupied", "a file where the folder should be");
  const LogCapture log;
  const LoadResult result = data.load({.threads = 1, .cache_folder = data.folder / "occupied"});
  CHECK(result.images.size() == 4);
  REQUIRE(log.lines.size() == 1);
  CHECK(log.lines[0].first == LogLevel::warning);
  CHECK(log.lines[0].second.find("cannot be written") != std::string::npos);
}

}  // namespace
}  // namespace curie
