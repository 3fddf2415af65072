#include "tensor/error.h"

namespace curie {

Error& Error::add_context(std::string_view doing) {
  message_ += fmt::format("\n  while {}", doing);
  return *this;
}

void throw_error(ErrorKind kind, std::string message) { throw Error(kind, std::move(message)); }

void throw_internal(const char* condition, const char* file, int line, std::string message) {
  throw Error(ErrorKind::internal, fmt::format("internal error: {} ({} is false at {}:{}); please report this", message,
                                               condition, file, line));
}

}  // namespace curie
