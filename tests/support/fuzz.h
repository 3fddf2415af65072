// Damaged files for the tests of readers: how to damage them, and how reading them may end.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>

#include "tensor/error.h"

namespace curie::test {

// Counts how attempts end: whatever the input, in a result or in an Error(file), whose message begins as it should and
// is of bounded length.
class Ends {
 public:
  template <typename Attempt>
  void take(Attempt&& attempt, std::string_view beginning = "") {
    try {
      attempt();
      ++whole;
    } catch (const Error& error) {
      const std::string_view message = error.what();
      const bool clear = error.kind() == ErrorKind::file && message.starts_with(beginning) && message.size() < 5000;
      CHECK_MESSAGE(clear, error.what());
      ++refused;
    }
  }
  int whole = 0, refused = 0;
};

// read(contents cut off at each length).
template <typename Read>
void truncate_everywhere(const std::string& contents, Read&& read) {
  for (std::size_t length = 0; length < contents.size(); ++length) read(contents.substr(0, length));
}

// read(contents with one of the bytes before `end` replaced), for every place and value.
template <typename Read>
void replace_everywhere(const std::string& contents, std::size_t end, std::string_view values, Read&& read) {
  for (std::size_t place = 0; place < end; ++place) {
    for (const char value : values) {
      std::string damaged = contents;
      damaged[place] = value;
      read(damaged);
    }
  }
}

class Mutator {
 public:
  explicit Mutator(std::uint32_t seed) : random_(seed) {}
  std::size_t below(std::size_t limit) { return limit == 0 ? 0 : random_() % limit; }

  // One place in [begin, end) changed, cut out, repeated, overwritten by a number that is large or odd, or spliced with
  // a piece of `other`. Returns by how many bytes the contents have grown.
  std::ptrdiff_t edit(std::string& contents, std::size_t begin, std::size_t end, const std::string& other) {
    const std::size_t before = contents.size(), place = begin + below(end - begin);
    const std::size_t count = std::min(1 + below(30), end - place), number = std::min<std::size_t>(8, end - place);
    switch (below(8)) {
      case 0:
        contents[place] = static_cast<char>(random_());
        break;
      case 1:
        contents[place] = static_cast<char>('0' + below(10));
        break;
      case 2:
        contents[place] = static_cast<char>(contents[place] ^ (1 << below(8)));
        break;
      case 3:
        contents.replace(place, number, number, '\xff');
        break;
      case 4:
        contents.erase(place, count);
        break;
      case 5:
        contents.insert(place, contents.substr(place, count));
        break;
      case 6:
        contents.replace(place, number, contents.substr(begin + below(end - begin - number), number));
        break;
      default:
        contents.insert(place, other.substr(below(other.size()), count));
    }
    return static_cast<std::ptrdiff_t>(contents.size()) - static_cast<std::ptrdiff_t>(before);
  }

  // One to three edits at or behind `begin`.
  std::string damage(std::string contents, std::size_t begin = 0) {
    const std::string other = contents;
    for (std::size_t i = 0, edits = 1 + below(3); i < edits && contents.size() > begin; ++i)
      edit(contents, begin, contents.size(), other);
    return contents;
  }

 private:
  std::mt19937 random_;
};

}  // namespace curie::test
