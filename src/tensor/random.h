// Counter-based random numbers: Philox 4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as
// 1, 2, 3", SC 2011). A value depends on (key, counter) alone, never on a thread or an earlier draw, so every device
// makes the same bits and a resumed run repeats itself.
#pragma once

#include <array>
#include <cstdint>

namespace curie {

using Philox4 = std::array<std::uint32_t, 4>;
using PhiloxKey = std::array<std::uint32_t, 2>;

constexpr Philox4 philox(Philox4 counter, PhiloxKey key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product0 = std::uint64_t{0xD2511F53u} * counter[0];
    const std::uint64_t product1 = std::uint64_t{0xCD9E8D57u} * counter[2];
    counter = {static_cast<std::uint32_t>(product1 >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(product1),
               static_cast<std::uint32_t>(product0 >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(product0)};
    key = {key[0] + 0x9E3779B9u, key[1] + 0xBB67AE85u};
  }
  return counter;
}

// One stream of random numbers, addressed by element. Two streams differ in seed, in `stream` (which layer, which
// purpose) or in `step` (which training step or epoch).
struct RandomStream {
  std::uint64_t seed = 0;
  std::uint32_t stream = 0;
  std::uint32_t step = 0;

  // Element i of the stream: 32 random bits. Elements 4q .. 4q+3 come from one Philox block.
  constexpr std::uint32_t bits(std::uint64_t i) const { return block(i / 4)[i % 4]; }
  constexpr Philox4 block(std::uint64_t quad) const {
    return philox({static_cast<std::uint32_t>(quad), static_cast<std::uint32_t>(quad >> 32), step, stream},
                  {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)});
  }
  // Uniform on [0, 1): 24 bits, exact in float32.
  constexpr float uniform(std::uint64_t i) const { return static_cast<float>(bits(i) >> 8) * 0x1p-24f; }
};

// Dropout keeps element i when bits(i) >= drop_threshold(rate): an integer comparison, the same on every device.
constexpr std::uint32_t drop_threshold(float rate) {
  return static_cast<std::uint32_t>(static_cast<double>(rate) * 4294967296.0);
}

// Standard normal value number i of a stream (Box-Muller on elements 2i and 2i + 1, in double).
double normal(const RandomStream& stream, std::uint64_t i);

// A uniform integer in [0, bound), bound >= 1, from element i (multiply-shift; bias below bound / 2^32).
constexpr std::uint32_t below(const RandomStream& stream, std::uint64_t i, std::uint32_t bound) {
  return static_cast<std::uint32_t>((std::uint64_t{stream.bits(i)} * bound) >> 32);
}

}  // namespace curie
