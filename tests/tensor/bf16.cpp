#include "tensor/bf16.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "tensor/dtype.h"
#include "tensor/tensor.h"

namespace curie {

TEST_CASE("every bfloat16 comes back from float32 with its own bits") {
  for (std::uint32_t bits = 0; bits < 0x10000u; ++bits) {
    const Bf16 value{static_cast<std::uint16_t>(bits)};
    const float wide = to_float(value);
    const std::uint16_t back = to_bf16(wide).bits;
    if (std::isnan(wide)) {
      CHECK((back & 0x7fffu) > 0x7f80u);
    } else {
      CHECK(back == bits);
    }
  }
}

TEST_CASE("rounding goes to the nearest, and to the even one from the middle") {
  // 1 + k / 128 are neighbours.
  const auto rounded = [](float value) { return to_float(to_bf16(value)); };
  CHECK(rounded(1.0f + 1.0f / 256) == 1.0f);               // middle: down to even
  CHECK(rounded(1.0f + 3.0f / 256) == 1.0f + 2.0f / 128);  // middle: up to even
  CHECK(rounded(std::nextafter(1.0f + 1.0f / 256, 2.0f)) == 1.0f + 1.0f / 128);
  CHECK(rounded(std::nextafter(1.0f + 3.0f / 256, 0.0f)) == 1.0f + 1.0f / 128);
  CHECK(rounded(-1.0f - 1.0f / 256) == -1.0f);
  CHECK(std::signbit(rounded(-0.0f)));
}

TEST_CASE("overflow becomes infinity, infinity stays, NaN never turns into infinity") {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  CHECK(to_float(to_bf16(std::numeric_limits<float>::max())) == kInfinity);
  CHECK(to_float(to_bf16(kInfinity)) == kInfinity);
  CHECK(to_float(to_bf16(-kInfinity)) == -kInfinity);
  // A NaN whose payload is only in the lower half.
  CHECK(std::isnan(to_float(to_bf16(std::bit_cast<float>(0x7f800001u)))));
  CHECK(std::isnan(to_float(to_bf16(std::bit_cast<float>(0xffffffffu)))));
}

TEST_CASE("element types know their size, name and C++ type") {
  CHECK(size_of(dtype_of<float>) == sizeof(float));
  CHECK(size_of(dtype_of<Bf16>) == sizeof(Bf16));
  CHECK(size_of(dtype_of<std::int32_t>) == sizeof(std::int32_t));
  CHECK(size_of(dtype_of<std::uint8_t>) == 1);
  CHECK(name_of(DType::f32) == "f32");
  CHECK(name_of(DType::bf16) == "bf16");
  CHECK(name_of(DType::i32) == "i32");
  CHECK(name_of(DType::u8) == "u8");
}

TEST_CASE("as_floats widens bfloat16 and hands float32 through") {
  const Tensor floats = Tensor::from<float>({2}, std::vector<float>{1.5f, -0.1f});
  CHECK(as_floats(floats).raw() == floats.raw());
  const Tensor halves = Tensor::from<Bf16>({2}, std::vector<Bf16>{to_bf16(1.5f), to_bf16(-0.1f)});
  const Tensor wide = as_floats(halves);
  CHECK(wide.shape() == Shape{2});
  CHECK(wide.host<float>()[0] == 1.5f);
  CHECK(wide.host<float>()[1] == to_float(to_bf16(-0.1f)));
}

}  // namespace curie
