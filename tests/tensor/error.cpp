#include "tensor/error.h"

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "support/throws.h"
#include "tensor/log.h"

namespace curie {

TEST_CASE("context is added on the way out, innermost message first") {
  const auto fail = [] {
    with_context("training epoch 3", [] {
      with_context("reading image.png", [] { CURIE_CHECK(1 > 2, data, "expected {}, got {}", 2, 1); });
    });
  };
  CHECK_ERROR(fail, data, "expected 2, got 1\n  while reading image.png\n  while training epoch 3");
}

TEST_CASE("a value passes through with_context, and so does another kind of exception") {
  CHECK(with_context("nothing", [] { return 7; }) == 7);
  int value = 1;
  with_context("nothing", [&]() -> int& { return value; }) = 2;
  CHECK(value == 2);
  CHECK_THROWS_AS(with_context("nothing", [] { throw std::runtime_error("other"); }), std::runtime_error);
}

TEST_CASE("a check evaluates its condition once and its message only when it fails") {
  int conditions = 0, messages = 0;
  const auto check = [&](bool good) { CURIE_CHECK((++conditions, good), usage, "message {}", ++messages); };
  check(true);
  CHECK(conditions == 1);
  CHECK(messages == 0);
  CHECK_ERROR([&] { check(false); }, usage, "message 1");
  CHECK(conditions == 2);
}

TEST_CASE("an assertion says that it is a bug, which condition and where") {
  const auto fail = [] { CURIE_ASSERT(2 + 2 == 5, "arithmetic of {}", 4); };
  CHECK_ERROR(fail, internal, "arithmetic of 4 (2 + 2 == 5 is false at ");
  CHECK_ERROR(fail, internal, "error.cpp:");
}

TEST_CASE("log messages go to the sink, and the old sink can be put back") {
  std::vector<std::string> lines;
  LogSink previous = set_log_sink([&](LogLevel level, std::string_view text) {
    lines.push_back((level == LogLevel::warning ? "w " : "i ") + std::string(text));
  });
  log_info("{} images", 3);
  log_warning("class {} is empty", "normal");
  set_log_sink(std::move(previous));
  CHECK(lines == std::vector<std::string>{"i 3 images", "w class normal is empty"});
}

}  // namespace curie
