#include "tensor/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "tensor/error.h"

namespace curie {
namespace {

namespace fs = std::filesystem;

class Descriptor {
 public:
  Descriptor(const fs::path& path, int flags, mode_t mode = 0)
      : value_(::open(path.c_str(), flags | O_CLOEXEC, mode)) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  int value() const { return value_; }
  bool open() const { return value_ >= 0; }
  int close() {
    const int result = ::close(value_);
    value_ = -1;
    return result;
  }

 private:
  int value_;
};

// Removes the temporary file unless it was renamed into place.
struct TemporaryFile {
  fs::path path;
  ~TemporaryFile() {
    if (!path.empty()) ::unlink(path.c_str());
  }
};

[[noreturn]] void fail(const fs::path& path, const char* doing) {
  const int code = errno;
  throw_error(ErrorKind::file, fmt::format("{}: cannot {}: {}", path.string(), doing, std::strerror(code)));
}

void write_all(int descriptor, std::span<const std::byte> bytes, const fs::path& path) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      fail(path, "write");
    }
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

fs::path temporary_beside(const fs::path& path) {
  static std::atomic<unsigned> counter{0};
  fs::path temporary = path;
  temporary += fmt::format(".{}.{}.tmp", ::getpid(), counter.fetch_add(1));
  return temporary;
}

}  // namespace

void write_file(const fs::path& path, const std::function<void(const std::function<void(Piece)>&)>& produce) {
  TemporaryFile temporary{temporary_beside(path)};
  Descriptor file(temporary.path, O_WRONLY | O_CREAT | O_EXCL, 0644);
  if (!file.open()) {
    temporary.path.clear();
    fail(path, "create the file");
  }
  produce([&](Piece piece) { write_all(file.value(), piece, path); });
  if (::fsync(file.value()) != 0) fail(path, "flush to disk");
  if (file.close() != 0) fail(path, "close");
  if (::rename(temporary.path.c_str(), path.c_str()) != 0) fail(path, "put the finished file in place");
  temporary.path.clear();
  const Descriptor folder(path.has_parent_path() ? path.parent_path() : fs::path("."), O_RDONLY | O_DIRECTORY);
  if (folder.open()) ::fsync(folder.value());
}

void write_file(const fs::path& path, std::span<const std::byte> contents) {
  write_file(path, [&](const std::function<void(Piece)>& put) { put(contents); });
}

void write_file(const fs::path& path, std::string_view text) { write_file(path, std::as_bytes(std::span(text))); }

std::vector<std::byte> read_file(const fs::path& path, std::size_t limit) {
  const Descriptor file(path, O_RDONLY);
  if (!file.open()) fail(path, "open");
  struct stat status {};
  if (::fstat(file.value(), &status) != 0) fail(path, "read");
  CURIE_CHECK(S_ISREG(status.st_mode), file, "{}: expected a file, found a {}", path.string(),
              S_ISDIR(status.st_mode) ? "folder" : "special file");
  const auto size = static_cast<std::size_t>(status.st_size);
  CURIE_CHECK(size <= limit, file, "{}: expected at most {} bytes, the file has {}", path.string(), limit, size);
  std::vector<std::byte> contents(size);
  std::size_t filled = 0;
  while (filled < size) {
    const ssize_t got = ::read(file.value(), contents.data() + filled, size - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(path, "read");
    CURIE_CHECK(got > 0, file, "{}: the file became shorter while it was read", path.string());
    filled += static_cast<std::size_t>(got);
  }
  return contents;
}

std::string read_text(const fs::path& path, std::size_t limit) {
  const std::vector<std::byte> bytes = read_file(path, limit);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void make_writable_folder(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  CURIE_CHECK(!error, file, "{}: cannot create the folder: {}", path.string(), error.message());
  const TemporaryFile probe{temporary_beside(path / "probe")};
  const Descriptor file(probe.path, O_WRONLY | O_CREAT | O_EXCL, 0644);
  if (!file.open()) fail(path, "write into the folder");
}

}  // namespace curie
