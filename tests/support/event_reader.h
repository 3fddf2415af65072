// Takes TensorBoard's event files apart, by a reader that shares nothing with the writer but the checksum.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "io/event_file.h"
#include "tensor/files.h"

namespace curie::test {

template <typename T>
T read(std::string_view& bytes) {
  REQUIRE(bytes.size() >= sizeof(T));
  T value;
  std::memcpy(&value, bytes.data(), sizeof value);
  bytes.remove_prefix(sizeof value);
  return value;
}

inline std::string_view take(std::string_view& bytes, std::size_t count) {
  REQUIRE(bytes.size() >= count);
  const std::string_view head = bytes.substr(0, count);
  bytes.remove_prefix(count);
  return head;
}

inline std::uint64_t read_varint(std::string_view& bytes) {
  std::uint64_t value = 0;
  for (int shift = 0;; shift += 7) {
    const auto byte = static_cast<unsigned char>(take(bytes, 1)[0]);
    value |= std::uint64_t{byte & 0x7fu} << shift;
    if (byte < 0x80) return value;
  }
}

// A message's fields: number -> its values, each as the bytes that hold it (a varint as eight).
using Fields = std::multimap<std::uint32_t, std::string>;

inline Fields fields_of(std::string_view message) {
  Fields fields;
  while (!message.empty()) {
    const std::uint64_t key = read_varint(message);
    std::string value;
    switch (key & 7) {
      case 0: {
        const std::uint64_t number = read_varint(message);
        value.assign(reinterpret_cast<const char*>(&number), 8);
        break;
      }
      case 1:
        value = take(message, 8);
        break;
      case 2:
        value = take(message, read_varint(message));
        break;
      case 5:
        value = take(message, 4);
        break;
      default:
        FAIL("an unknown wire type");
    }
    fields.emplace(static_cast<std::uint32_t>(key >> 3), value);
  }
  return fields;
}

template <typename T>
T as(const std::string& bytes) {
  std::string_view view = bytes;
  return read<T>(view);
}

inline const std::string& only(const Fields& fields, std::uint32_t number) {
  REQUIRE(fields.count(number) == 1);
  return fields.find(number)->second;
}

inline std::vector<std::filesystem::path> files_in(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

// The events of a file, whose checksums are checked.
inline std::vector<Fields> events_of(const std::filesystem::path& path) {
  const std::string file = read_text(path);
  std::string_view rest = file;
  const auto check_masked = [](std::string_view bytes, std::uint32_t masked) {
    const std::uint32_t rotated = masked - 0xa282ead8u;
    CHECK((rotated >> 17 | rotated << 15) == crc32c(bytes));
  };
  std::vector<Fields> events;
  while (!rest.empty()) {
    const std::string_view head = rest.substr(0, 8);
    const auto length = read<std::uint64_t>(rest);
    check_masked(head, read<std::uint32_t>(rest));
    const std::string_view data = take(rest, length);
    check_masked(data, read<std::uint32_t>(rest));
    events.push_back(fields_of(data));
  }
  return events;
}

struct Summary {
  std::int64_t step;
  Fields value;
};

// tag -> what was written under it.
inline std::map<std::string, std::vector<Summary>> summaries_of(const std::filesystem::path& path) {
  std::map<std::string, std::vector<Summary>> summaries;
  for (const Fields& event : events_of(path)) {
    if (!event.contains(5)) continue;
    const Fields value = fields_of(only(fields_of(only(event, 5)), 1));
    summaries[only(value, 1)].push_back({as<std::int64_t>(only(event, 2)), value});
  }
  return summaries;
}

}  // namespace curie::test
