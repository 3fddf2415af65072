#include "tensor/random.h"

#include <cmath>
#include <numbers>

namespace curie {

double normal(const RandomStream& stream, std::uint64_t i) {
  // (bits + 0.5) / 2^32 is never 0, so the logarithm is finite.
  const double u = (static_cast<double>(stream.bits(2 * i)) + 0.5) * 0x1p-32;
  const double v = (static_cast<double>(stream.bits(2 * i + 1)) + 0.5) * 0x1p-32;
  return std::sqrt(-2.0 * std::log(u)) * std::cos(2.0 * std::numbers::pi * v);
}

}  // namespace curie
