#include "io/isolated.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <utility>

#include "tensor/error.h"

namespace curie {
namespace {

// What the child's exit status says.
constexpr int kDone = 0, kRefused = 3, kNoMemory = 4, kFailed = 5;

void write_all(int descriptor, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) ::_exit(kFailed);  // the reader has given up
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

void limit(int resource, rlim_t value) {
  rlimit old{};
  if (::getrlimit(static_cast<__rlimit_resource>(resource), &old) == 0 && old.rlim_max != RLIM_INFINITY) {
    value = std::min(value, old.rlim_max);
  }
  const rlimit wanted{value, value};
  ::setrlimit(static_cast<__rlimit_resource>(resource), &wanted);
}

// Bytes of address space that this process has now; 0 when the system does not say.
std::size_t address_space() {
  unsigned long pages = 0;
  FILE* file = std::fopen("/proc/self/statm", "r");
  if (file == nullptr) return 0;
  const bool read = std::fscanf(file, "%lu", &pages) == 1;
  std::fclose(file);
  return read ? pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) : 0;
}

// The address sanitizer reserves terabytes, which a limit would deny it.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kLimitMemory = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool kLimitMemory = false;
#else
constexpr bool kLimitMemory = true;
#endif
#else
constexpr bool kLimitMemory = true;
#endif

void confine(const IsolationLimits& limits) {
  // Crashes are expected and reported by the parent: no dump, no handler, no words of the C library's own.
  limit(RLIMIT_CORE, 0);
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGALRM, SIGXCPU}) {
    struct sigaction plain {};
    plain.sa_handler = SIG_DFL;
    ::sigaction(signal, &plain, nullptr);
  }
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (const int nowhere = ::open("/dev/null", O_RDWR); nowhere >= 0) {
    for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(nowhere, standard);
  }
  limit(RLIMIT_FSIZE, 0);
  limit(RLIMIT_CPU, static_cast<rlim_t>(limits.seconds));
  ::alarm(static_cast<unsigned>(limits.seconds) * 10);
  if (kLimitMemory) limit(RLIMIT_AS, static_cast<rlim_t>(address_space() + limits.memory_bytes));
}

[[noreturn]] void run_child(int descriptor, const IsolationLimits& limits,
                            const std::function<void(const Sink&)>& work) {
  try {
    confine(limits);
    work([&](std::span<const std::byte> bytes) { write_all(descriptor, bytes); });
  } catch (const std::bad_alloc&) {
    ::_exit(kNoMemory);
  } catch (const std::exception& error) {
    // The message follows what was sent, after a mark that the parent looks for from the end.
    const std::string message = std::string(1, '\0') + error.what();
    write_all(descriptor, std::as_bytes(std::span(message)));
    ::_exit(kRefused);
  }
  ::_exit(kDone);
}

class Child {
 public:
  Child(pid_t process, int descriptor) : process_(process), descriptor_(descriptor) {}
  ~Child() {
    if (process_ > 0) {
      ::kill(process_, SIGKILL);
      wait();
    }
    ::close(descriptor_);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  int descriptor() const { return descriptor_; }
  int wait() {
    int status = 0;
    while (::waitpid(std::exchange(process_, -1), &status, 0) < 0 && errno == EINTR) {
    }
    return status;
  }

 private:
  pid_t process_;
  int descriptor_;
};

// False when more than `most` bytes came.
bool read_to_end(int descriptor, std::size_t most, std::vector<std::byte>& bytes) {
  constexpr std::size_t kPiece = std::size_t{1} << 20;
  std::size_t used = 0;
  for (;;) {
    if (used + kPiece > bytes.size()) bytes.resize(std::max(used + kPiece, used * 2));
    const ssize_t count = ::read(descriptor, bytes.data() + used, bytes.size() - used);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    used += static_cast<std::size_t>(count);
    if (used > most) return false;
  }
  bytes.resize(used);
  return true;
}

std::string message_of(const std::vector<std::byte>& bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const std::size_t mark = text.rfind('\0');
  return std::string(mark == std::string_view::npos ? text : text.substr(mark + 1));
}

}  // namespace

std::vector<std::byte> run_isolated(const std::string& name, const IsolationLimits& limits,
                                    const std::function<void(const Sink&)>& work) {
  int ends[2];
  CURIE_CHECK(::pipe2(ends, O_CLOEXEC) == 0, file, "{}: cannot make a pipe: {}", name, std::strerror(errno));
  const pid_t process = ::fork();
  if (process == 0) {
    ::close(ends[0]);
    run_child(ends[1], limits, work);
  }
  ::close(ends[1]);
  Child child(process, ends[0]);
  CURIE_CHECK(process > 0, file, "{}: cannot start a process to read it in: {}", name, std::strerror(errno));
  std::vector<std::byte> bytes;
  CURIE_CHECK(read_to_end(child.descriptor(), limits.output_bytes, bytes), file,
              "{}: expected at most {} bytes of contents, found more", name, limits.output_bytes);
  const int status = child.wait();
  if (WIFSIGNALED(status)) {
    const int signal = WTERMSIG(status);
    const bool too_slow = signal == SIGXCPU || signal == SIGALRM;
    CURIE_CHECK(!too_slow, file, "{}: reading it took more than {} s of processor time; it is damaged", name,
                limits.seconds);
    throw_error(ErrorKind::file,
                fmt::format("{}: the library that reads it failed ({}); it is damaged", name, ::strsignal(signal)));
  }
  const int code = WEXITSTATUS(status);
  CURIE_CHECK(code != kRefused, file, "{}: {}", name, message_of(bytes));
  CURIE_CHECK(code != kNoMemory, file, "{}: reading it takes more than {} bytes of memory; it is damaged", name,
              limits.memory_bytes);
  CURIE_CHECK(code == kDone, file, "{}: the library that reads it failed (status {}); it is damaged", name, code);
  return bytes;
}

}  // namespace curie
