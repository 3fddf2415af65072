#include "cpu/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/dropout.cpp"
#include <hwy/foreach_target.h>
// Highway's per-target headers must follow foreach_target.
#include <hwy/highway.h>

#include <cstring>

#include "cpu/backend.h"
#include "cpu/philox-inl.h"
#include "cpu/runs.h"
#include "cpu/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace curie::HWY_NAMESPACE {
namespace {

using Floats = hn::ScalableTag<float>;
using Words = hn::ScalableTag<std::uint32_t>;

// Elements first .. first + count of the tensor, at x and y; first is a multiple of 4.
void drop(const RandomStream& stream, std::uint32_t threshold, float scale, std::size_t first, std::size_t count,
          const float* x, float* y) {
  const Floats d;
  const Words dw;
  const std::size_t lanes = hn::Lanes(d);
  const auto least = hn::Set(dw, threshold);
  const auto factor = hn::Set(d, scale);
  std::size_t i = 0;
#if HWY_TARGET != HWY_SCALAR
  const PhiloxVectors philox_vectors(stream);
  for (; i + 2 * lanes <= count; i += 2 * lanes) {
    hn::Vec<Words> low, high;
    philox_vectors.blocks((first + i) / 4, low, high);
    const auto drop_low = hn::RebindMask(d, hn::Lt(low, least));
    const auto drop_high = hn::RebindMask(d, hn::Lt(high, least));
    hn::StoreU(hn::IfThenZeroElse(drop_low, hn::Mul(hn::LoadU(d, x + i), factor)), d, y + i);
    hn::StoreU(hn::IfThenZeroElse(drop_high, hn::Mul(hn::LoadU(d, x + i + lanes), factor)), d, y + i + lanes);
  }
#endif
  // What is left, by way of memory: the end of the run, or all of it without vectors.
  constexpr std::size_t kWords = 2 * HWY_MAX_BYTES / sizeof(std::uint32_t);
  HWY_ALIGN std::uint32_t words[kWords] = {};
  for (; i < count; i += kWords) {
    const std::size_t filled = HWY_MIN(kWords, count - i);
    philox_fill(stream, first + i, filled, words);
    for (std::size_t j = 0; j < filled; j += lanes) {
      const auto dropped = hn::RebindMask(d, hn::Lt(hn::Load(dw, words + j), least));
      const auto kept = hn::IfThenZeroElse(dropped, hn::Mul(load_up_to(d, x + i + j, filled - j), factor));
      store_up_to(kept, d, y + i + j, filled - j);
    }
  }
}

}  // namespace
}  // namespace curie::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace curie {
namespace {

HWY_EXPORT(drop);

}  // namespace

void CpuBackend::dropout(const DropoutSpec& spec, const StepState* state, std::size_t count, const float* x, float* y) {
  if (spec.rate >= 1.0f) {
    fill(count, 0.0f, y);
    return;
  }
  if (spec.rate <= 0.0f) {
    if (x == y) return;
    for_runs(pool_, count, kRun,
             [&](std::size_t first, std::size_t length) { std::memcpy(y + first, x + first, length * sizeof(float)); });
    return;
  }
  const RandomStream stream{spec.seed, spec.stream, state->step};
  const std::uint32_t threshold = drop_threshold(spec.rate);
  const float scale = 1.0f / (1.0f - spec.rate);
  for_runs(pool_, count, kRun, [&](std::size_t first, std::size_t length) {
    HWY_DYNAMIC_DISPATCH(drop)(stream, threshold, scale, first, length, x + first, y + first);
  });
}

}  // namespace curie
#endif
