#include "tensor/files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <system_error>
#include <utility>

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

 private:
  int value_;
};

// The names of this process' temporary files, where a signal handler can read them: a slot is taken, filled, shown.
constexpr std::size_t kSlots = 16, kLongestName = 4096;
struct Slot {
  std::atomic<bool> taken{false}, shown{false};
  char name[kLongestName];
};
Slot slots[kSlots];

Slot* show(const fs::path& path) {
  if (path.native().size() >= kLongestName) return nullptr;
  for (Slot& slot : slots) {
    if (slot.taken.exchange(true)) continue;
    std::memcpy(slot.name, path.c_str(), path.native().size() + 1);
    slot.shown = true;
    return &slot;
  }
  return nullptr;
}

extern "C" void end_without_temporaries(int signal) {
  for (Slot& slot : slots)
    if (slot.shown) ::unlink(slot.name);
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

// Removes the temporary file unless it was renamed into place.
struct TemporaryFile {
  explicit TemporaryFile(fs::path name) : path(std::move(name)), slot(show(path)) {}
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() {
    if (!path.empty()) ::unlink(path.c_str());
    if (slot == nullptr) return;
    slot->shown = false;
    slot->taken = false;
  }
  fs::path path;
  Slot* slot;
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

fs::path folder_of(const fs::path& path) { return path.has_parent_path() ? path.parent_path() : fs::path("."); }

// <path>.<process>.<number>.tmp
fs::path temporary_beside(const fs::path& path) {
  static std::atomic<unsigned> counter{0};
  fs::path temporary = path;
  temporary += fmt::format(".{}.{}.tmp", ::getpid(), counter.fetch_add(1));
  return temporary;
}

bool is_temporary_of(const fs::path& target, const std::string& name) {
  const std::string start = target.filename().string() + ".";
  const std::string_view end = ".tmp";
  if (name.size() <= start.size() + end.size() || !name.starts_with(start) || !name.ends_with(end)) return false;
  const auto middle = std::string_view(name).substr(start.size(), name.size() - start.size() - end.size());
  return std::all_of(middle.begin(), middle.end(), [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
}

}  // namespace

void write_file(const fs::path& path, const std::function<void(const std::function<void(Piece)>&)>& produce) {
  struct stat target {};
  if (::stat(path.c_str(), &target) == 0 && !S_ISREG(target.st_mode)) {
    throw_error(ErrorKind::file, fmt::format("{}: cannot write over {}; expected a file", path.string(),
                                             S_ISDIR(target.st_mode) ? "a folder" : "a device, a pipe or a socket"));
  }
  // A writer holds a lock on its temporary file until the file has its final name: the kernel drops the lock of a
  // process that dies, so a free lock marks an abandoned file. A process id could not, since ids are used again (in
  // containers, the same ones at every start).
  for (;;) {
    TemporaryFile temporary{temporary_beside(path)};
    const Descriptor file(temporary.path, O_WRONLY | O_CREAT | O_EXCL, 0644);
    if (!file.open()) {
      const int code = errno;
      temporary.path.clear();
      if (code == EEXIST) continue;  // left by a dead process of the same id
      errno = code;
      fail(path, "create the file");
    }
    ::flock(file.value(), LOCK_EX);
    struct stat status {};
    if (::fstat(file.value(), &status) != 0) fail(path, "write");
    if (status.st_nlink == 0) continue;  // remove_abandoned came between open and flock

    produce([&](Piece piece) { write_all(file.value(), piece, path); });
    if (::fsync(file.value()) != 0) fail(path, "flush to disk");
    if (::rename(temporary.path.c_str(), path.c_str()) != 0) fail(path, "put the finished file in place");
    temporary.path.clear();
    break;
  }
  const Descriptor folder(folder_of(path), O_RDONLY | O_DIRECTORY);
  if (folder.open()) ::fsync(folder.value());
}

void write_file(const fs::path& path, std::span<const std::byte> contents) {
  write_file(path, [&](const std::function<void(Piece)>& put) { put(contents); });
}

void write_file(const fs::path& path, std::string_view text) { write_file(path, std::as_bytes(std::span(text))); }

std::vector<std::byte> read_file(const fs::path& path, std::size_t limit) {
  const InputFile file(path);
  CURIE_CHECK(file.size() <= limit, file, "{}: expected at most {} bytes, the file has {}", path.string(), limit,
              file.size());
  std::vector<std::byte> contents(file.size());
  file.read(0, contents);
  return contents;
}

std::string read_text(const fs::path& path, std::size_t limit) {
  const std::vector<std::byte> bytes = read_file(path, limit);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// O_NONBLOCK: opening a named pipe must not wait for its writer.
InputFile::InputFile(fs::path path) : path_(std::move(path)) {
  descriptor_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor_ < 0) fail(path_, "open");
  struct stat status {};
  const bool known = ::fstat(descriptor_, &status) == 0;
  if (!known || !S_ISREG(status.st_mode)) {
    ::close(descriptor_);
    throw_error(ErrorKind::file, fmt::format("{}: expected a file, found {}", path_.string(),
                                             S_ISDIR(status.st_mode) ? "a folder" : "something else"));
  }
  size_ = static_cast<std::size_t>(status.st_size);
}

InputFile::~InputFile() { ::close(descriptor_); }

void InputFile::read(std::size_t offset, std::span<std::byte> out) const {
  while (!out.empty()) {
    const ssize_t got = ::pread(descriptor_, out.data(), out.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(path_, "read");
    CURIE_CHECK(got > 0, file, "{}: the file ends at byte {}, where {} more were expected", path_.string(), offset,
                out.size());
    out = out.subspan(static_cast<std::size_t>(got));
    offset += static_cast<std::size_t>(got);
  }
}

void remove_unfinished_on_signals() {
  struct sigaction action {};
  action.sa_handler = end_without_temporaries;
  sigemptyset(&action.sa_mask);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaction(signal, &action, nullptr);
}

void remove_abandoned(const fs::path& path) {
  std::error_code error;
  for (fs::directory_iterator entry(folder_of(path), error), end; !error && entry != end; entry.increment(error)) {
    if (!is_temporary_of(path, entry->path().filename().string())) continue;
    const Descriptor file(entry->path(), O_RDONLY | O_NONBLOCK | O_NOFOLLOW);
    if (file.open() && ::flock(file.value(), LOCK_EX | LOCK_NB) == 0) ::unlink(entry->path().c_str());
  }
}

void make_writable_folder(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  CURIE_CHECK(!error, file, "{}: cannot create the folder: {}", path.string(), error.message());
  const TemporaryFile probe{temporary_beside(path / "probe")};
  const Descriptor file(probe.path, O_WRONLY | O_CREAT, 0644);
  if (!file.open()) fail(path, "write into the folder");
}

}  // namespace curie
