// Philox in vectors: the words of RandomStream::bits for a run of elements. Per-target code: include inside a file that
// goes through hwy/foreach_target.h (or is compiled for one target), after hwy/highway.h.
#if defined(CURIE_CPU_PHILOX_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CURIE_CPU_PHILOX_INL_H_
#undef CURIE_CPU_PHILOX_INL_H_
#else
#define CURIE_CPU_PHILOX_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "cpu/simd.h"
#include "tensor/random.h"

HWY_BEFORE_NAMESPACE();
namespace curie::HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR

// out[i] = stream.bits(first + i), i < count.
inline void philox_fill(const RandomStream& stream, std::uint64_t first, std::size_t count, std::uint32_t* out) {
  Philox4 words{};
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t element = first + i;
    if (i == 0 || element % 4 == 0) words = stream.block(element / 4);
    out[i] = words[element % 4];
  }
}

#else

// The words of as many blocks as a vector has 64-bit lanes, from block `quad` on, in element order: `low` holds the
// first half, `high` the second. A lane carries one 32-bit word of a counter in its lower half; what the upper half
// holds does not matter, because the multiplication reads the lower half alone.
struct PhiloxVectors {
  using D32 = hwy::HWY_NAMESPACE::ScalableTag<std::uint32_t>;
  using D64 = hwy::HWY_NAMESPACE::ScalableTag<std::uint64_t>;
  using V32 = hwy::HWY_NAMESPACE::Vec<D32>;
  using V64 = hwy::HWY_NAMESPACE::Vec<D64>;

  explicit HWY_INLINE PhiloxVectors(const RandomStream& random_stream) : stream(random_stream) {
    // Interleaving words within 128-bit blocks then yields consecutive elements: lane 2b works on block b of the lower
    // half, lane 2b + 1 on block b of the upper one.
    const D64 d;
    const std::size_t lanes = hwy::HWY_NAMESPACE::Lanes(d);
    HWY_ALIGN std::uint64_t order[HWY_MAX_BYTES / 8];
    for (std::size_t i = 0; i < lanes; ++i) order[i] = (i % 2) * (lanes / 2) + i / 2;
    quads = hwy::HWY_NAMESPACE::Load(d, order);
    std::uint32_t key0 = static_cast<std::uint32_t>(stream.seed);
    std::uint32_t key1 = static_cast<std::uint32_t>(stream.seed >> 32);
    for (int round = 0; round < kRounds; ++round) {
      keys[round][0] = key0;
      keys[round][1] = key1;
      key0 += 0x9E3779B9u;
      key1 += 0xBB67AE85u;
    }
  }

  HWY_INLINE void blocks(std::uint64_t quad, V32& low, V32& high) const {
    namespace hn = hwy::HWY_NAMESPACE;
    const D32 d32;
    const D64 d;
    const auto multiplier0 = hn::Set(d32, 0xD2511F53u);
    const auto multiplier1 = hn::Set(d32, 0xCD9E8D57u);
    V64 c0 = hn::Add(quads, hn::Set(d, quad));
    V64 c1 = hn::ShiftRight<32>(c0);
    V64 c2 = hn::Set(d, stream.step);
    V64 c3 = hn::Set(d, stream.stream);
    CURIE_UNROLL
    for (int round = 0; round < kRounds; ++round) {
      const V64 product0 = hn::MulEven(hn::BitCast(d32, c0), multiplier0);
      const V64 product1 = hn::MulEven(hn::BitCast(d32, c2), multiplier1);
      c0 = hn::Xor3(hn::ShiftRight<32>(product1), c1, hn::Set(d, keys[round][0]));
      c2 = hn::Xor3(hn::ShiftRight<32>(product0), c3, hn::Set(d, keys[round][1]));
      c1 = product1;
      c3 = product0;
    }
    const auto words01 = hn::OddEven(hn::BitCast(d32, hn::ShiftLeft<32>(c1)), hn::BitCast(d32, c0));
    const auto words23 = hn::OddEven(hn::BitCast(d32, hn::ShiftLeft<32>(c3)), hn::BitCast(d32, c2));
    low = hn::BitCast(d32, hn::InterleaveLower(d, hn::BitCast(d, words01), hn::BitCast(d, words23)));
    high = hn::BitCast(d32, hn::InterleaveUpper(d, hn::BitCast(d, words01), hn::BitCast(d, words23)));
  }

  static constexpr int kRounds = 10;
  RandomStream stream;
  V64 quads;
  std::uint64_t keys[kRounds][2];
};

// out[i] = stream.bits(first + i), i < count.
inline void philox_fill(const RandomStream& stream, std::uint64_t first, std::size_t count, std::uint32_t* out) {
  namespace hn = hwy::HWY_NAMESPACE;
  const PhiloxVectors vectors(stream);
  const PhiloxVectors::D32 d;
  const std::size_t lanes = hn::Lanes(d);
  std::size_t done = 0;
  while (done < count) {
    const std::uint64_t element = first + done;
    const std::size_t skip = element % 4;  // the first block may begin before the run
    PhiloxVectors::V32 low, high;
    vectors.blocks(element / 4, low, high);
    if (skip == 0 && count - done >= 2 * lanes) {
      hn::StoreU(low, d, out + done);
      hn::StoreU(high, d, out + done + lanes);
      done += 2 * lanes;
    } else {
      HWY_ALIGN std::uint32_t words[2 * HWY_MAX_BYTES / 4];
      hn::Store(low, d, words);
      hn::Store(high, d, words + lanes);
      const std::size_t use = std::min(count - done, 2 * lanes - skip);
      std::memcpy(out + done, words + skip, use * sizeof(std::uint32_t));
      done += use;
    }
  }
}

#endif

}  // namespace curie::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
