// Numbers that a golden's script and its test make alike, from whole-number arithmetic (scripts/goldens).
#pragma once

#include <cstddef>
#include <cstdint>

namespace curie::test {

inline std::uint32_t hash32(std::uint32_t stream, std::uint32_t index) {
  constexpr std::uint32_t kGoldenRatio = 0x9e3779b9u;
  std::uint32_t x = index + stream * kGoldenRatio;
  x ^= x >> 16;
  x *= 0x7feb352du;
  x ^= x >> 15;
  x *= 0x846ca68bu;
  return x ^ (x >> 16);
}

// In [0, 1).
inline double unit(std::uint32_t stream, std::size_t i) {
  return hash32(stream, static_cast<std::uint32_t>(i)) * 0x1p-32;
}

}  // namespace curie::test
