#include "data/numpy_random.h"

#include <bit>
#include <limits>
#include <numeric>

#include "tensor/error.h"

namespace curie {

double NumpyRandom::uniform() {
  const std::uint32_t high = next_u32() >> 5;  // 27 bits
  const std::uint32_t low = next_u32() >> 6;   // 26 bits
  return (high * 0x1p26 + low) * 0x1p-53;
}

std::uint64_t NumpyRandom::interval(std::uint64_t last) {
  if (last == 0) return 0;
  const std::uint64_t mask = ~std::uint64_t{0} >> std::countl_zero(last);
  const bool narrow = last <= std::numeric_limits<std::uint32_t>::max();
  for (;;) {
    std::uint64_t value = next_u32();
    if (!narrow) value = (value << 32) | next_u32();
    value &= mask;
    if (value <= last) return value;
  }
}

std::int64_t NumpyRandom::randint(std::int64_t low, std::int64_t high) {
  CURIE_CHECK(low < high, usage, "randint: expected low < high, got {} and {}", low, high);
  const std::uint64_t last = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low) - 1;
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(low) + interval(last));
}

std::vector<int> NumpyRandom::permutation(int n) {
  CURIE_CHECK(n >= 0, usage, "permutation: expected a length of at least 0, got {}", n);
  std::vector<int> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  shuffle(std::span<int>(order));
  return order;
}

std::vector<int> NumpyRandom::choice(int n, int count) {
  CURIE_CHECK(0 <= count && count <= n, usage, "choice without replacement: cannot take {} of {}", count, n);
  std::vector<int> order = permutation(n);
  order.resize(static_cast<std::size_t>(count));
  return order;
}

}  // namespace curie
