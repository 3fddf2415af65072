#include "cpu/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/cast.cpp"
#include <hwy/foreach_target.h>
// Highway's per-target headers must follow foreach_target.
#include <hwy/highway.h>

#include "cpu/backend.h"
#include "cpu/runs.h"

HWY_BEFORE_NAMESPACE();
namespace curie::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

using Words = hn::ScalableTag<std::uint32_t>;
using Halves = hn::Rebind<std::uint16_t, Words>;

// Integer arithmetic, as in tensor/bf16.h: Highway's own conversion cuts off instead of rounding on some targets.
void round_to_bf16(std::size_t count, const float* x, Bf16* y) {
  const Words d;
  const Halves dh;
  const std::size_t lanes = hn::Lanes(d);
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto bits = hn::BitCast(d, hn::LoadU(hn::RebindToFloat<Words>(), x + i));
    const auto upper = hn::ShiftRight<16>(bits);
    const auto odd = hn::And(upper, hn::Set(d, 1u));
    const auto rounded = hn::ShiftRight<16>(hn::Add(bits, hn::Add(odd, hn::Set(d, 0x7fffu))));
    const auto is_nan = hn::Gt(hn::And(bits, hn::Set(d, 0x7fffffffu)), hn::Set(d, 0x7f800000u));
    const auto result = hn::IfThenElse(is_nan, hn::Or(upper, hn::Set(d, 0x40u)), rounded);
    hn::StoreU(hn::TruncateTo(dh, result), dh, reinterpret_cast<std::uint16_t*>(y + i));
  }
  for (; i < count; ++i) y[i] = to_bf16(x[i]);
}

void widen_to_f32(std::size_t count, const Bf16* x, float* y) {
  const Words d;
  const Halves dh;
  const std::size_t lanes = hn::Lanes(d);
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto bits = hn::PromoteTo(d, hn::LoadU(dh, reinterpret_cast<const std::uint16_t*>(x + i)));
    hn::StoreU(hn::BitCast(hn::RebindToFloat<Words>(), hn::ShiftLeft<16>(bits)), hn::RebindToFloat<Words>(), y + i);
  }
  for (; i < count; ++i) y[i] = to_float(x[i]);
}

}  // namespace
}  // namespace curie::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace curie {
namespace {

HWY_EXPORT(round_to_bf16);
HWY_EXPORT(widen_to_f32);

}  // namespace

void CpuBackend::cast_to_bf16(std::size_t count, const float* x, Bf16* y) {
  for_runs(pool_, count, kRun, [&](std::size_t first, std::size_t length) {
    HWY_DYNAMIC_DISPATCH(round_to_bf16)(length, x + first, y + first);
  });
}

void CpuBackend::cast_to_f32(std::size_t count, const Bf16* x, float* y) {
  for_runs(pool_, count, kRun, [&](std::size_t first, std::size_t length) {
    HWY_DYNAMIC_DISPATCH(widen_to_f32)(length, x + first, y + first);
  });
}

}  // namespace curie
#endif
