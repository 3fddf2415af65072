#include "tensor/random.h"

#include <doctest/doctest.h>

#include <cmath>
#include <set>

namespace curie {

TEST_CASE("Philox 4x32-10 gives the known answers of its authors' library") {
  // kat_vectors of Random123.
  CHECK(philox({0, 0, 0, 0}, {0, 0}) == Philox4{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(philox({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}) == Philox4{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        Philox4{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
  static_assert(philox({0, 0, 0, 0}, {0, 0})[0] == 0x6627e8d5);  // usable in constant expressions
}

TEST_CASE("a stream is addressed by element, step, stream and seed") {
  const RandomStream stream{.seed = 0x1234567890abcdefull, .stream = 3, .step = 9};
  for (std::uint64_t i = 0; i < 12; ++i) CHECK(stream.bits(i) == stream.block(i / 4)[i % 4]);
  CHECK(stream.block(5) == philox({5, 0, 9, 3}, {0x90abcdef, 0x12345678}));
  CHECK(stream.block(std::uint64_t{7} << 32) == philox({0, 7, 9, 3}, {0x90abcdef, 0x12345678}));
  std::set<std::uint32_t> first{stream.bits(0)};
  first.insert(RandomStream{stream.seed + 1, 3, 9}.bits(0));
  first.insert(RandomStream{stream.seed + (std::uint64_t{1} << 32), 3, 9}.bits(0));
  first.insert(RandomStream{stream.seed, 4, 9}.bits(0));
  first.insert(RandomStream{stream.seed, 3, 10}.bits(0));
  CHECK(first.size() == 5);
}

TEST_CASE("uniform numbers lie in [0, 1) and have the moments of the uniform distribution") {
  const RandomStream stream{.seed = 1};
  constexpr int kCount = 100000;
  double sum = 0.0, squares = 0.0;
  for (int i = 0; i < kCount; ++i) {
    const double u = stream.uniform(static_cast<std::uint64_t>(i));
    CHECK_UNARY(u >= 0.0 && u < 1.0);
    sum += u;
    squares += u * u;
  }
  // Standard errors: sqrt(1/12 / n) of the mean, sqrt(4/45 / n) of the mean square; five of each.
  CHECK(std::abs(sum / kCount - 0.5) < 5 * std::sqrt(1.0 / 12 / kCount));
  CHECK(std::abs(squares / kCount - 1.0 / 3) < 5 * std::sqrt(4.0 / 45 / kCount));
}

TEST_CASE("normal numbers have mean 0, variance 1, no skew and a kurtosis of 3") {
  const RandomStream stream{.seed = 2};
  constexpr int kCount = 100000;
  double moments[5] = {};
  for (int i = 0; i < kCount; ++i) {
    const double z = normal(stream, static_cast<std::uint64_t>(i));
    for (int power = 1; power <= 4; ++power) moments[power] += std::pow(z, power) / kCount;
  }
  // The variance of z^k is E z^2k - (E z^k)^2: 1, 2, 15, 96.
  CHECK(std::abs(moments[1]) < 5 * std::sqrt(1.0 / kCount));
  CHECK(std::abs(moments[2] - 1) < 5 * std::sqrt(2.0 / kCount));
  CHECK(std::abs(moments[3]) < 5 * std::sqrt(15.0 / kCount));
  CHECK(std::abs(moments[4] - 3) < 5 * std::sqrt(96.0 / kCount));
}

TEST_CASE("integers below a bound: each as often as the others") {
  const RandomStream stream{.seed = 3};
  int counts[7] = {};
  for (std::uint64_t i = 0; i < 70000; ++i) {
    const std::uint32_t value = below(stream, i, 7);
    REQUIRE(value < 7);
    ++counts[value];
  }
  for (const int count : counts) CHECK(std::abs(count - 10000) < 5 * std::sqrt(70000.0 / 7 * 6 / 7));
  CHECK(below(stream, 0, 1) == 0);
}

TEST_CASE("the drop threshold is the rate's share of the 32-bit words") {
  CHECK(drop_threshold(0.0f) == 0);
  CHECK(drop_threshold(0.5f) == 0x80000000u);
  CHECK(drop_threshold(0.25f) == 0x40000000u);
  CHECK(drop_threshold(0.99999994f) == 0xffffff00u);  // the largest float32 below 1
}

}  // namespace curie
