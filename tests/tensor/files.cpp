#include "tensor/files.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <functional>
#include <span>
#include <stdexcept>

#include "support/temporary_folder.h"
#include "support/throws.h"

namespace curie {
namespace {

// Files of this process may not grow beyond `bytes` while it lives: write() fails as on a full disk.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  void (*handler_)(int);
  rlimit before_{};
};

}  // namespace

TEST_CASE("a file is written whole, replaced whole and leaves nothing beside it") {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder / "a.txt";
  write_file(path, std::string_view("first"));
  CHECK(read_text(path) == "first");
  write_file(path, std::string_view("second, longer"));
  CHECK(read_text(path) == "second, longer");
  write_file(path, std::string_view(""));
  CHECK(read_text(path).empty());
  CHECK(folder.files() == 1);
}

TEST_CASE("only regular files are written over") {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "inner");
  CHECK_ERROR([&] { write_file(folder / "inner", std::string_view("x")); }, file, "cannot write over a folder");
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  CHECK_ERROR([&] { write_file(folder / "pipe", std::string_view("x")); }, file, "cannot write over a device, a pipe");
  CHECK(std::filesystem::is_fifo(folder / "pipe"));
}

TEST_CASE("a signal takes the unfinished file along") {
  const TemporaryFolder folder;
  const pid_t child = ::fork();
  if (child == 0) {
    remove_unfinished_on_signals();
    write_file(folder / "a", [](const std::function<void(Piece)>&) { std::raise(SIGTERM); });
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFSIGNALED(status));
  CHECK(folder.files() == 0);
}

TEST_CASE("pieces arrive in order") {
  const TemporaryFolder folder;
  const std::string first = "one ", second(100000, 'x');
  write_file(folder / "a", [&](const std::function<void(Piece)>& put) {
    put(std::as_bytes(std::span(first)));
    put({});
    put(std::as_bytes(std::span(second)));
  });
  CHECK(read_text(folder / "a") == first + second);
}

TEST_CASE("a producer that fails, and a disk that is full, leave the old file and no other") {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder.put("model", "old");
  const auto broken = [&] {
    write_file(path, [](const std::function<void(Piece)>& put) {
      put(std::as_bytes(std::span("new", 3)));
      throw std::runtime_error("producer");
    });
  };
  CHECK_THROWS_AS(broken(), std::runtime_error);
  CHECK(read_text(path) == "old");
  CHECK(folder.files() == 1);
  {
    const FileSizeLimit limit(1000);
    const std::string big(5000, 'x');
    CHECK_ERROR([&] { write_file(path, std::string_view(big)); }, file, "model: cannot write: File too large");
  }
  CHECK(read_text(path) == "old");
  CHECK(folder.files() == 1);
}

TEST_CASE("errors name the file and the reason") {
  const TemporaryFolder folder;
  CHECK_ERROR([&] { read_file(folder / "missing"); }, file, "missing: cannot open: No such file or directory");
  CHECK_ERROR([&] { read_file(folder.path()); }, file, "expected a file, found a folder");
  CHECK_ERROR([&] { write_file(folder / "no" / "file", std::string_view("x")); }, file,
              "cannot create the file: No such file or directory");
  std::filesystem::create_directory(folder / "taken");
  CHECK_ERROR([&] { write_file(folder / "taken", std::string_view("x")); }, file,
              "cannot write over a folder; expected a file");
  CHECK(folder.files() == 1);
  folder.put("long", "0123456789");
  CHECK_ERROR([&] { read_file(folder / "long", 9); }, file, "expected at most 9 bytes, the file has 10");
  CHECK(read_file(folder / "long", 10).size() == 10);
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  CHECK_ERROR([&] { read_file(folder / "pipe"); }, file, "expected a file, found something else");
}

TEST_CASE("reading at a position, and past the end") {
  const TemporaryFolder folder;
  const InputFile file(folder.put("digits", "0123456789"));
  CHECK(file.size() == 10);
  std::array<std::byte, 4> bytes{};
  file.read(3, bytes);
  CHECK(static_cast<char>(bytes[0]) == '3');
  CHECK(static_cast<char>(bytes[3]) == '6');
  CHECK_ERROR([&] { file.read(8, bytes); }, file, "the file ends at byte 10, where 2 more were expected");
}

TEST_CASE("abandoned temporary files go, those of a writer at work and other files stay") {
  const TemporaryFolder folder;
  folder.put("model.123.0.tmp", "abandoned");
  folder.put("model.backup.tmp", "not ours");
  folder.put("other.123.0.tmp", "another target's");
  const auto held = folder.put("model.124.0.tmp", "being written");
  const int descriptor = ::open(held.c_str(), O_RDONLY);
  REQUIRE(::flock(descriptor, LOCK_EX) == 0);
  remove_abandoned(folder / "model");
  ::close(descriptor);
  CHECK_FALSE(std::filesystem::exists(folder / "model.123.0.tmp"));
  CHECK(std::filesystem::exists(held));
  CHECK(folder.files() == 3);
}

TEST_CASE("a writable folder is made with its parents and left empty") {
  const TemporaryFolder folder;
  make_writable_folder(folder / "a" / "b");
  CHECK(std::filesystem::is_empty(folder / "a" / "b"));
  make_writable_folder(folder / "a" / "b");  // once more is no error
  CHECK_ERROR([&] { make_writable_folder(folder.put("file", "x") / "below"); }, file, "cannot create the folder");
  CHECK_ERROR([] { make_writable_folder("/proc"); }, file, "cannot write into the folder");
}

}  // namespace curie
