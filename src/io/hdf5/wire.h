// How the process that reads an HDF5 file tells its parent what it found: numbers as they lie in memory, texts and
// arrays after their length.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "io/hdf5.h"

namespace curie {

class WireWriter {
 public:
  explicit WireWriter(const Sink& send) : send_(&send) {}

  template <typename T>
  void number(T value) {
    static_assert(std::is_trivially_copyable_v<T>);
    (*send_)(std::as_bytes(std::span(&value, 1)));
  }
  void bytes(std::span<const std::byte> value) {
    number<std::uint64_t>(value.size());
    (*send_)(value);
  }
  void text(std::string_view value) { bytes(std::as_bytes(std::span(value))); }

 private:
  const Sink* send_;
};

// Trusts nothing: what it reads was written by a process that a damaged file may have led astray.
class WireReader {
 public:
  WireReader(std::span<const std::byte> bytes, const std::string& name) : left_(bytes), name_(&name) {}

  bool at_end() const { return left_.empty(); }
  template <typename T>
  T number() {
    T value;
    std::memcpy(&value, take(sizeof(T)).data(), sizeof(T));
    return value;
  }
  std::span<const std::byte> bytes() { return take(number<std::uint64_t>()); }
  std::string text() {
    const std::span<const std::byte> value = bytes();
    return {reinterpret_cast<const char*>(value.data()), value.size()};
  }

 private:
  std::span<const std::byte> take(std::uint64_t count) {
    CURIE_CHECK(count <= left_.size(), file, "{}: reading it ended early; it is damaged", *name_);
    const auto taken = left_.first(static_cast<std::size_t>(count));
    left_ = left_.subspan(static_cast<std::size_t>(count));
    return taken;
  }

  std::span<const std::byte> left_;
  const std::string* name_;
};

}  // namespace curie
