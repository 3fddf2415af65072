#include "io/checkpoint.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <limits>
#include <random>
#include <thread>

#include "support/temporary_folder.h"
#include "tensor/files.h"

namespace curie {
namespace {

using nlohmann::json;

Error error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error;
  }
  return {ErrorKind::internal, "no error"};
}

bool contains(const Error& error, std::string_view part) {
  return std::string_view(error.what()).find(part) != std::string_view::npos;
}

// The checkpoint of step `step`: every element says which step wrote it.
Checkpoint checkpoint_of(std::int32_t step, int elements) {
  Checkpoint checkpoint{.state = {{"step", step}}, .tensors = {}};
  for (const char* name : {"weights", "moments"}) {
    const Tensor tensor = Tensor::zeros({elements}, DType::i32);
    std::ranges::fill(tensor.host<std::int32_t>(), step);
    checkpoint.tensors.push_back({name, tensor});
  }
  return checkpoint;
}

// The step of a checkpoint, all of whose parts must be of that step; throws if it cannot be read.
std::int32_t consistent_step(const std::filesystem::path& path, int elements) {
  const Checkpoint checkpoint = read_checkpoint(path);
  const auto step = checkpoint.state.at("step").get<std::int32_t>();
  REQUIRE(checkpoint.tensors.size() == 2);
  for (const NamedTensor& named : checkpoint.tensors) {
    const std::span<const std::int32_t> values = named.tensor.host<std::int32_t>();
    REQUIRE(values.size() == static_cast<std::size_t>(elements));
    CHECK(std::all_of(values.begin(), values.end(), [step](std::int32_t value) { return value == step; }));
  }
  return step;
}

TEST_CASE("checkpoint: gives back the state and the tensors, with the same bytes each time") {
  const TemporaryFolder folder;
  const json state = {{"epoch", 3},
                      {"seed", std::numeric_limits<std::uint64_t>::max()},
                      {"low", std::numeric_limits<std::int64_t>::min()},
                      {"rate", 0.1},
                      {"tiny", std::numeric_limits<double>::denorm_min()},
                      {"loss", {0.25, 1e300, -0.0}},
                      {"text", "caf\u00e9 \"\\\n\u0001"},
                      {"none", nullptr},
                      {"nested", {{"on", true}, {"list", json::array()}, {"map", json::object()}}}};
  const Checkpoint written{state, checkpoint_of(7, 5).tensors};
  write_checkpoint(folder / "a", written);
  write_checkpoint(folder / "b", written);
  CHECK(read_text(folder / "a") == read_text(folder / "b"));
  const Checkpoint read = read_checkpoint(folder / "a");
  CHECK(read.state == state);
  REQUIRE(read.tensors.size() == 2);
  CHECK(read.tensors[1].name == "moments");
  CHECK(std::ranges::equal(read.tensors[1].tensor.host<std::int32_t>(), std::vector<std::int32_t>(5, 7)));
  CHECK(read_safetensors(folder / "a").metadata.at("curie.format") == "1");
}

TEST_CASE("checkpoint: refuses a state that would not come back as it was") {
  const TemporaryFolder folder;
  const auto refuse = [&](const json& state) {
    const Error error = error_of([&] { write_checkpoint(folder / "refused", {state, {}}); });
    CHECK(error.kind() == ErrorKind::usage);
    CHECK(folder.files() == 0);
    return error;
  };
  CHECK(contains(refuse({{"best", {1.0, -std::numeric_limits<double>::infinity()}}}), "got -inf at /best/1"));
  CHECK(contains(refuse({{"a/b", std::numeric_limits<double>::quiet_NaN()}}), "got nan at /a~1b"));
  CHECK(contains(refuse({{"text", "\xff"}}), "UTF-8"));
  CHECK(contains(refuse({{"bytes", json::binary({1, 2})}}), "plain JSON, got binary at /bytes"));
  CHECK(contains(refuse({{"long", std::string(std::size_t{17} << 20, 'x')}}), "at most 16777216 bytes"));

  json deep = 1;
  for (int level = 1; level < 64; ++level) deep = json::array({deep});
  write_checkpoint(folder / "deep", {deep, {}});
  CHECK(read_checkpoint(folder / "deep").state == deep);
  std::filesystem::remove(folder / "deep");
  CHECK(contains(refuse(json::array({deep})), "at most 64 levels"));
}

TEST_CASE("checkpoint: tells a newer file, another kind of file and a damaged state apart") {
  const TemporaryFolder folder;
  const auto refuse = [&](const std::map<std::string, std::string>& metadata) {
    write_safetensors(folder / "f", metadata, {});
    const Error error = error_of([&] { read_checkpoint(folder / "f"); });
    CHECK(error.kind() == ErrorKind::file);
    CHECK(contains(error, (folder / "f").string()));
    return error;
  };
  CHECK(contains(refuse({}), "found a safetensors file without curie.format"));
  CHECK(contains(refuse({{"curie.format", "2"}, {"curie.state", "{}"}}), "newer version of Curie"));
  for (const char* version : {"", "0", "-1", "01", "1.0", "x", "99999999999999999999"})
    CHECK(contains(refuse({{"curie.format", version}, {"curie.state", "{}"}}), "whole number in curie.format"));
  CHECK(contains(refuse({{"curie.format", "1"}}), "no training state"));
  CHECK(contains(refuse({{"curie.format", "1"}, {"curie.state", "{"}}), "not valid JSON"));
  CHECK(contains(refuse({{"curie.format", "1"}, {"curie.state", std::string("{}\0x", 4)}}), "not valid JSON"));
  CHECK(contains(refuse({{"curie.format", "1"}, {"curie.state", std::string(1'000'000, '[')}}), "at most 64 levels"));
  CHECK(contains(refuse({{"curie.format", "1"}, {"curie.state", std::string(std::size_t{17} << 20, ' ')}}),
                 "at most 16777216 bytes"));
}

TEST_CASE("checkpoint: kill -9 at any moment leaves a complete one") {
  constexpr int kElements = 40'000, kKills = 30;
  const TemporaryFolder folder;
  const std::filesystem::path path = folder / std::string(kCheckpointFile);
  write_checkpoint(path, checkpoint_of(0, kElements));
  std::mt19937 random(1);
  std::int32_t first = 0, last = 0;
  for (int kill = 0; kill < kKills; ++kill) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      try {
        for (std::int32_t step = first + 1;; ++step) write_checkpoint(path, checkpoint_of(step, kElements));
      } catch (...) {
        ::_exit(1);
      }
    }
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 30'000));
    ::kill(child, SIGKILL);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFSIGNALED(status));
    last = consistent_step(path, kElements);
    CHECK(last >= first);
    first = last;
  }
  CHECK(last > 0);
  write_checkpoint(path, checkpoint_of(last + 1, kElements));
  CHECK(consistent_step(path, kElements) == last + 1);
  CHECK(folder.files() == 1);
}

TEST_CASE("checkpoint: removes what dead writers left, and nothing else") {
  const TemporaryFolder folder;
  const std::string name(kCheckpointFile);
  const std::filesystem::path abandoned = folder.put(name + ".1.0.tmp", "half of a checkp");
  const std::filesystem::path written = folder.put(name + ".2.5.tmp", "half of a checkp");
  const std::filesystem::path others[] = {folder.put("model.safetensors.1.0.tmp", ""), folder.put(name + ".tmp", ""),
                                          folder.put(name + ".old.tmp", ""), folder.put(name + ".1.0", "")};
  // A writer at work holds a lock.
  const int writer = ::open(written.c_str(), O_RDWR | O_CLOEXEC);
  REQUIRE(::flock(writer, LOCK_EX) == 0);
  write_checkpoint(folder / name, checkpoint_of(1, 3));
  CHECK(!std::filesystem::exists(abandoned));
  CHECK(std::filesystem::exists(written));
  for (const std::filesystem::path& other : others) CHECK(std::filesystem::exists(other));
  ::close(writer);
  write_checkpoint(folder / name, checkpoint_of(2, 3));
  CHECK(!std::filesystem::exists(written));
}

// Files of this process may not grow beyond `bytes` while it lives: writing more fails as on a full disk.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limited{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limited);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  void (*handler_)(int);
  rlimit before_{};
};

TEST_CASE("checkpoint: a disk that fills up leaves the old one untouched") {
  constexpr int kElements = 10'000;
  const TemporaryFolder folder;
  const std::filesystem::path path = folder / std::string(kCheckpointFile);
  write_checkpoint(path, checkpoint_of(1, kElements));
  const std::string before = read_text(path);
  for (const rlim_t bytes : {0, 4, 100, 4096, 50'000, 80'000}) {
    const Error error = error_of([&] {
      const FileSizeLimit limit(bytes);
      write_checkpoint(path, checkpoint_of(2, kElements));
    });
    CAPTURE(bytes);
    CHECK(error.kind() == ErrorKind::file);
    CHECK(contains(error, path.string() + ": cannot write"));
    CHECK(read_text(path) == before);
    CHECK(folder.files() == 1);
  }
  write_checkpoint(path, checkpoint_of(2, kElements));
  CHECK(consistent_step(path, kElements) == 2);
}

TEST_CASE("checkpoint: places where nothing can be written") {
  const TemporaryFolder folder;
  const std::filesystem::path file = folder.put("file", "x");
  std::filesystem::create_directory(folder / "occupied");
  // Not by permissions, which do not bind root: through a file, into /proc, in a folder that is not there, over a
  // folder.
  for (const std::filesystem::path& path : {file / "checkpoint", std::filesystem::path("/proc/checkpoint"),
                                            folder / "none" / "checkpoint", folder / "occupied"}) {
    const Error error = error_of([&] { write_checkpoint(path, checkpoint_of(1, 3)); });
    CAPTURE(path);
    CHECK(error.kind() == ErrorKind::file);
    CHECK(contains(error, path.string() + ": cannot "));
  }
  CHECK(folder.files() == 2);
  CHECK(read_text(file) == "x");
}

}  // namespace
}  // namespace curie
