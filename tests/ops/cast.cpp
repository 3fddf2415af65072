#include <doctest/doctest.h>

#include <bit>
#include <cstring>

#include "ops/ops.h"
#include "support/backend.h"
#include "support/reference.h"
#include "support/targets.h"
#include "support/throws.h"

namespace curie::test {
namespace {

float from_bits(std::uint32_t bits) { return std::bit_cast<float>(bits); }

// Values whose rounding is known without arithmetic: f32 bits and the bfloat16 that is nearest, to even on a tie.
struct Known {
  std::uint32_t bits;
  std::uint16_t nearest;
};
constexpr Known kKnown[] = {
    {0x00000000, 0x0000},  // 0
    {0x80000000, 0x8000},  // -0
    {0x3f800000, 0x3f80},  // 1
    {0x3f807fff, 0x3f80},  // just below the tie: down
    {0x3f808000, 0x3f80},  // tie, even below: down
    {0x3f808001, 0x3f81},  // just above: up
    {0x3f818000, 0x3f82},  // tie, odd below: up
    {0xbf818000, 0xbf82},  // the same with a sign
    {0x00000001, 0x0000},  // the smallest subnormal
    {0x00018000, 0x0002},  // subnormals are rounded like others
    {0x7f7f7fff, 0x7f7f},  // the largest that stays finite
    {0x7f7f8000, 0x7f80},  // the smallest that becomes infinite
    {0x7f7fffff, 0x7f80},  // the largest finite float
    {0x7f800000, 0x7f80},  // infinity
    {0xff800000, 0xff80},  // -infinity
    {0x7f800001, 0x7fc0},  // a NaN whose payload is lost stays a NaN
    {0x7fc12345, 0x7fc1},  // a quiet NaN keeps the upper part of its payload
    {0xffffffff, 0xffff},
};

// All of kKnown again and again, so that each meets every lane of a vector and the loop's end.
std::vector<float> known_values(std::size_t count) {
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = from_bits(kKnown[i * 7 % std::size(kKnown)].bits);
  return values;
}

template <typename T>
std::vector<std::uint8_t> bytes_of(const std::vector<T>& values) {
  std::vector<std::uint8_t> bytes(values.size() * sizeof(T));
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

const std::size_t kCounts[] = {1, 3, 4, 7, 8, 15, 16, 17, 31, 33, 1023, 16385};

}  // namespace

TEST_CASE("float32 is rounded to the nearest bfloat16, ties to even; NaN stays NaN") {
  for_each_target([&](const char* target) {
    CAPTURE(target);
    const std::unique_ptr<Backend> backend = test_backend(2);
    for (const std::size_t count : kCounts) {
      CAPTURE(count);
      const GuardedTensor x = holding(*backend, known_values(count)), y = blank(*backend, count, DType::bf16);
      ops::cast(*backend, x.tensor, y.tensor);
      const std::vector<Bf16> found = y.values<Bf16>();
      std::size_t wrong = 0;
      for (std::size_t i = 0; i < count; ++i) wrong += found[i].bits != kKnown[i * 7 % std::size(kKnown)].nearest;
      CHECK(wrong == 0);
      CHECK(x.intact());
      CHECK(y.intact());
    }
  });
}

TEST_CASE("bfloat16 becomes the float32 of the same value: all 65,536 of them, there and back") {
  for_each_target([&](const char* target) {
    CAPTURE(target);
    const std::unique_ptr<Backend> backend = test_backend(2);
    std::vector<float> values;
    for (std::uint32_t upper = 0; upper < 65536; ++upper) values.push_back(from_bits(upper << 16));
    for (const std::size_t count : {std::size_t{5}, std::size_t{65533}, values.size()}) {
      CAPTURE(count);
      const Values some(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(count));
      const GuardedTensor x = holding(*backend, some), half = blank(*backend, count, DType::bf16),
                          y = blank(*backend, count);
      ops::cast(*backend, x.tensor, half.tensor);
      ops::cast(*backend, half.tensor, y.tensor);
      std::size_t wrong = 0;
      const Values found = y.values();
      for (std::size_t i = 0; i < count; ++i) {
        const auto bits = std::bit_cast<std::uint32_t>(some[i]);
        // A signalling NaN becomes quiet on the way.
        const std::uint32_t expected = some[i] != some[i] ? bits | 0x400000u : bits;
        wrong += std::bit_cast<std::uint32_t>(found[i]) != expected;
      }
      CHECK(wrong == 0);
      for (const GuardedTensor* each : {&x, &half, &y}) CHECK(each->intact());
    }
  });
}

TEST_CASE("a cast between other types is refused") {
  const std::unique_ptr<Backend> backend = make_cpu_backend(1);
  const Tensor floats = Tensor::zeros({4}), halves = Tensor::zeros({4}, DType::bf16);
  CHECK_ERROR([&] { ops::cast(*backend, floats, floats); }, usage,
              "cast: expected f32 to bf16 or bf16 to f32, got f32 to f32");
  CHECK_ERROR([&] { ops::cast(*backend, Tensor::zeros({4}, DType::i32), halves); }, usage, "got i32 to bf16");
  CHECK_ERROR([&] { ops::cast(*backend, floats, Tensor::zeros({5}, DType::bf16)); }, usage,
              "cast: x: expected 5 elements, got 4");
  CHECK_ERROR([&] { ops::cast(*backend, Tensor(), halves); }, usage,
              "cast: x: expected 4 elements of f32, got an undefined");
}

}  // namespace curie::test
