#include <doctest/doctest.h>

#include "ops/ops.h"
#include "support/backend.h"
#include "support/reference.h"
#include "support/targets.h"

namespace curie::test {

TEST_CASE("add, into new memory and into either operand") {
  for_each_target([&](const char* target) {
    CAPTURE(target);
    const std::unique_ptr<Backend> backend = test_backend(2);
    for (const std::size_t count : {1, 7, 8, 9, 15, 16, 17, 16384, 16385, 50001}) {
      const Values a_values = random_values(count, 1), b_values = random_values(count, 2);
      Values sum(count);
      for (std::size_t i = 0; i < count; ++i) sum[i] = a_values[i] + b_values[i];
      const GuardedTensor a = holding(*backend, a_values), b = holding(*backend, b_values), y = blank(*backend, count);
      ops::add(*backend, a.tensor, b.tensor, y.tensor);
      CHECK(y.values() == sum);
      ops::add(*backend, a.tensor, b.tensor, a.tensor);
      CHECK(a.values() == sum);
      a.set(a_values);
      ops::add(*backend, a.tensor, b.tensor, b.tensor);
      CHECK(b.values() == sum);
      for (const GuardedTensor* each : {&a, &b, &y}) CHECK(each->intact());
    }
  });
}

TEST_CASE("fill writes all elements and no more") {
  const std::unique_ptr<Backend> backend = test_backend(2);
  for (const std::size_t count : {1, 16, 33, 40000}) {
    const GuardedTensor y = blank(*backend, count);
    ops::fill(*backend, -2.5f, y.tensor);
    CHECK(y.values() == Values(count, -2.5f));
    CHECK(y.intact());
  }
}

TEST_CASE("timed work runs once and is done when its time is told") {
  const std::unique_ptr<Backend> backend = test_backend(2);
  const GuardedTensor y = blank(*backend, 40000);
  int runs = 0;
  const double milliseconds = backend->milliseconds([&] {
    ++runs;
    ops::fill(*backend, 3.0f, y.tensor);
  });
  CHECK(runs == 1);
  CHECK(milliseconds >= 0.0);
  CHECK(y.values() == Values(40000, 3.0f));
}

TEST_CASE("pixels are looked up in their channel's table") {
  const std::unique_ptr<Backend> backend = test_backend(2);
  for (const int channels : {1, 3}) {
    for (const std::size_t pixels : {1, 255, 20001}) {
      const std::size_t count = pixels * static_cast<std::size_t>(channels);
      const GuardedTensor x(*backend, {static_cast<int>(count)}, DType::u8), y = blank(*backend, count);
      const RandomStream random{.seed = 5};
      std::vector<std::uint8_t> bytes(count);
      for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::uint8_t>(random.bits(i));
      x.set(bytes);
      const Values values = random_values(std::size_t(channels) * 256, 3);
      const GuardedTensor table = holding(*backend, values);
      ops::normalize_u8(*backend, pixels, channels, x.tensor, table.tensor, y.tensor);
      Values expected(count);
      for (std::size_t i = 0; i < count; ++i) {
        expected[i] = values[i % std::size_t(channels) * 256 + bytes[i]];
      }
      CHECK(y.values() == expected);
      CHECK(y.intact());
    }
  }
}

}  // namespace curie::test
