// Errors: one exception type, which says what was expected and what was received, and gathers context on its way out.
#pragma once

#include <fmt/format.h>

#include <exception>
#include <string>
#include <string_view>
#include <utility>

namespace curie {

// What went wrong, so that a program can choose its exit status and a test can tell a user's mistake from a bug.
enum class ErrorKind {
  usage,          // an argument or a configuration that cannot work
  data,           // an image, a data set or a label that cannot be used
  file,           // a file that cannot be read or written, or whose contents are damaged
  out_of_memory,  // a device or the host has no room left
  numeric,        // NaN or infinity where a number was needed
  internal,       // a bug in Curie
};

// The message of the innermost failure comes first; each `add_context` appends a line "  while ...".
class Error : public std::exception {
 public:
  Error(ErrorKind kind, std::string message) : kind_(kind), message_(std::move(message)) {}

  ErrorKind kind() const noexcept { return kind_; }
  const char* what() const noexcept override { return message_.c_str(); }
  Error& add_context(std::string_view doing);

 private:
  ErrorKind kind_;
  std::string message_;
};

[[noreturn]] void throw_error(ErrorKind kind, std::string message);
[[noreturn]] void throw_internal(const char* condition, const char* file, int line, std::string message);

// Runs `action`; an Error that leaves it carries "while <doing>" as one more line of context.
template <typename Action>
decltype(auto) with_context(std::string_view doing, Action&& action) {
  try {
    return std::forward<Action>(action)();
  } catch (Error& error) {
    error.add_context(doing);
    throw;
  }
}

}  // namespace curie

// A caller's mistake: CURIE_CHECK(rate >= 0, usage, "dropout: expected a rate in [0, 1), got {}", rate).
#define CURIE_CHECK(condition, error_kind, ...)                                                       \
  do {                                                                                                \
    if (!(condition)) ::curie::throw_error(::curie::ErrorKind::error_kind, fmt::format(__VA_ARGS__)); \
  } while (false)

// A bug in Curie itself.
#define CURIE_ASSERT(condition, ...)                                                                     \
  do {                                                                                                   \
    if (!(condition)) ::curie::throw_internal(#condition, __FILE__, __LINE__, fmt::format(__VA_ARGS__)); \
  } while (false)
