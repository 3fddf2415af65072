#include "tensor/buffer.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "support/throws.h"

namespace curie {

TEST_CASE("host memory is aligned and zero, small or mapped") {
  for (const std::size_t bytes : {0, 1, 63, 64, 65, 4 << 20, (4 << 20) + 1}) {
    const Buffer buffer = allocate_host(bytes);
    CAPTURE(bytes);
    REQUIRE(buffer.data() != nullptr);
    CHECK(buffer.bytes() == bytes);
    CHECK(buffer.device() == Device{});
    CHECK(reinterpret_cast<std::uintptr_t>(buffer.data()) % 64 == 0);
    CHECK(std::all_of(buffer.data(), buffer.data() + bytes, [](std::byte b) { return b == std::byte{0}; }));
    std::fill_n(buffer.data(), bytes, std::byte{1});  // all of it is writable
  }
}

TEST_CASE("moving leaves nothing behind, and each block is released once") {
  std::byte first[1], second[1];
  int first_released = 0, second_released = 0;
  {
    Buffer a(first, 1, Device{}, [&](std::byte* data) {
      CHECK(data == first);
      ++first_released;
    });
    Buffer b(std::move(a));
    CHECK(b.data() == first);
    CHECK(a.data() == nullptr);
    CHECK(a.bytes() == 0);
    Buffer c(second, 1, Device{}, [&](std::byte*) { ++second_released; });
    c = std::move(b);
    CHECK(second_released == 1);
    CHECK(first_released == 0);
    CHECK(c.data() == first);
    Buffer& same = c;
    c = std::move(same);
    CHECK(c.data() == first);
  }
  CHECK(first_released == 1);
  CHECK(second_released == 1);
}

TEST_CASE("a request that no machine can meet is an out-of-memory error") {
  CHECK_ERROR([] { allocate_host(std::size_t{1} << 60); }, out_of_memory,
              "the host cannot provide 1152921504606846976");
}

}  // namespace curie
