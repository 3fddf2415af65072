// CHECK_ERROR(callable, kind, text): the callable throws an Error of this kind whose message contains the text.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "tensor/error.h"

namespace curie::test {

// Empty when `action` fails as it should; otherwise what happened instead.
template <typename Action>
std::string mismatch(Action&& action, ErrorKind kind, std::string_view text) {
  try {
    action();
  } catch (const Error& error) {
    if (error.kind() != kind) return std::string("an error of another kind: ") + error.what();
    if (std::string_view(error.what()).find(text) == std::string_view::npos) {
      return std::string("another message: ") + error.what();
    }
    return {};
  }
  return "no error";
}

// The message of the Error that `action` throws; "no error" when it throws none.
template <typename Action>
std::string error_message(Action&& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace curie::test

#define CHECK_ERROR(action, error_kind, text) \
  CHECK(::curie::test::mismatch(action, ::curie::ErrorKind::error_kind, text) == "")
