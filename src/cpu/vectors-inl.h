// Vector helpers that several operations share: ragged ends and elementwise maps. Per-target code: include inside a
// file that goes through hwy/foreach_target.h, after hwy/highway.h.
#if defined(CURIE_CPU_VECTORS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CURIE_CPU_VECTORS_INL_H_
#undef CURIE_CPU_VECTORS_INL_H_
#else
#define CURIE_CPU_VECTORS_INL_H_
#endif

#include <hwy/highway.h>

#include <cstddef>
#include <cstring>

HWY_BEFORE_NAMESPACE();
namespace curie::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Statistics and transcendental functions work in double: Wide holds as many lanes as Narrow, its float counterpart.
using Wide = hn::ScalableTag<double>;
using Narrow = hn::Rebind<float, Wide>;

// The first `count` lanes from memory, zero behind them; nothing behind them is touched. 4-byte lanes.
template <class D>
HWY_INLINE hn::Vec<D> load_some(D d, const hn::TFromD<D>* from, std::size_t count) {
  // AVX2's masked operations on 4-byte lanes do not fault, whatever the macro says of smaller lanes.
#if !HWY_MEM_OPS_MIGHT_FAULT || HWY_TARGET == HWY_AVX2
  return hn::MaskedLoad(hn::FirstN(d, count), d, from);
#else
  HWY_ALIGN hn::TFromD<D> lanes[HWY_MAX_BYTES / sizeof(hn::TFromD<D>)] = {};
  std::memcpy(lanes, from, count * sizeof(hn::TFromD<D>));
  return hn::Load(d, lanes);
#endif
}

// Writes the first `count` lanes and nothing else. 4-byte lanes.
template <class D>
HWY_INLINE void store_some(hn::Vec<D> value, D d, hn::TFromD<D>* to, std::size_t count) {
#if !HWY_MEM_OPS_MIGHT_FAULT || HWY_TARGET == HWY_AVX2
  hn::BlendedStore(value, hn::FirstN(d, count), d, to);
#else
  HWY_ALIGN hn::TFromD<D> lanes[HWY_MAX_BYTES / sizeof(hn::TFromD<D>)];
  hn::Store(value, d, lanes);
  std::memcpy(to, lanes, count * sizeof(hn::TFromD<D>));
#endif
}

// load_some and store_some, fast when count reaches the number of lanes.
template <class D>
HWY_INLINE hn::Vec<D> load_up_to(D d, const hn::TFromD<D>* from, std::size_t count) {
  return count >= hn::Lanes(d) ? hn::LoadU(d, from) : load_some(d, from, count);
}
template <class D>
HWY_INLINE void store_up_to(hn::Vec<D> value, D d, hn::TFromD<D>* to, std::size_t count) {
  if (count >= hn::Lanes(d)) {
    hn::StoreU(value, d, to);
  } else {
    store_some(value, d, to, count);
  }
}

// y[i] = op(x[i]); y may be x.
template <class D, class Op>
HWY_INLINE void map(D d, std::size_t count, const float* x, float* y, const Op& op) {
  const std::size_t lanes = hn::Lanes(d);
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) hn::StoreU(op(d, hn::LoadU(d, x + i)), d, y + i);
  if (i < count) store_some(op(d, load_some(d, x + i, count - i)), d, y + i, count - i);
}

// y[i] = op(a[i], b[i]); y may be a or b.
template <class D, class Op>
HWY_INLINE void map(D d, std::size_t count, const float* a, const float* b, float* y, const Op& op) {
  const std::size_t lanes = hn::Lanes(d);
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) hn::StoreU(op(d, hn::LoadU(d, a + i), hn::LoadU(d, b + i)), d, y + i);
  if (i < count) {
    const std::size_t rest = count - i;
    store_some(op(d, load_some(d, a + i, rest), load_some(d, b + i, rest)), d, y + i, rest);
  }
}

}  // namespace curie::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
