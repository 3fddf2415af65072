#include "cpu/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/activation.cpp"
#include <hwy/foreach_target.h>
// Highway's per-target headers must follow foreach_target.
#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include "cpu/backend.h"
#include "cpu/runs.h"
#include "cpu/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace curie::HWY_NAMESPACE {
namespace {

struct Relu {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return hn::IfThenElse(hn::Lt(x, hn::Zero(d)), hn::Zero(d), x);  // NaN is not below 0 and stays
  }
};

// Sigmoid and tanh are computed in double and rounded once: half a unit in the last place, also near 0. The arguments
// are clamped to where the exponential is finite and the rounded result no longer changes.
struct Sigmoid {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    const Wide wide;
    const auto z = hn::PromoteTo(wide, x);
    const auto limit = hn::Set(wide, 700.0);
    const auto e = hn::Exp(wide, hn::Min(hn::Max(hn::Neg(z), hn::Neg(limit)), limit));
    const auto one = hn::Set(wide, 1.0);
    return hn::IfThenElse(hn::IsNaN(x), x, hn::DemoteTo(d, hn::Div(one, hn::Add(one, e))));
  }
};

struct Tanh {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    const Wide wide;
    const auto z = hn::PromoteTo(wide, x);
    const auto limit = hn::Set(wide, 40.0);
    const auto clamped = hn::Min(hn::Max(hn::Add(z, z), hn::Neg(limit)), limit);
    const auto e = hn::Expm1(wide, clamped);  // tanh z = (e^2z - 1) / (e^2z + 1)
    return hn::IfThenElse(hn::IsNaN(x), x, hn::DemoteTo(d, hn::Div(e, hn::Add(e, hn::Set(wide, 2.0)))));
  }
};

struct ReluGradient {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V y, V dy) const {
    return hn::IfThenElseZero(hn::Gt(y, hn::Zero(d)), dy);
  }
};

struct SigmoidGradient {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V y, V dy) const {
    return hn::Mul(dy, hn::Mul(y, hn::Sub(hn::Set(d, 1.0f), y)));
  }
};

struct TanhGradient {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V y, V dy) const {
    const auto one = hn::Set(d, 1.0f);
    return hn::Mul(dy, hn::Mul(hn::Sub(one, y), hn::Add(one, y)));  // 1 - y^2 without cancellation
  }
};

void forward(Activation activation, std::size_t count, const float* x, float* y) {
  const hn::ScalableTag<float> full;
  const Narrow narrow;
  if (activation == Activation::relu) map(full, count, x, y, Relu());
  if (activation == Activation::sigmoid) map(narrow, count, x, y, Sigmoid());
  if (activation == Activation::tanh) map(narrow, count, x, y, Tanh());
}

void backward(Activation activation, std::size_t count, const float* y, const float* dy, float* dx) {
  const hn::ScalableTag<float> full;
  if (activation == Activation::relu) map(full, count, y, dy, dx, ReluGradient());
  if (activation == Activation::sigmoid) map(full, count, y, dy, dx, SigmoidGradient());
  if (activation == Activation::tanh) map(full, count, y, dy, dx, TanhGradient());
}

}  // namespace
}  // namespace curie::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace curie {
namespace {

HWY_EXPORT(forward);
HWY_EXPORT(backward);

void check_elementwise(Activation activation) {
  CURIE_ASSERT(activation == Activation::relu || activation == Activation::sigmoid || activation == Activation::tanh,
               "{} is not an elementwise activation", name_of(activation));
}

}  // namespace

void CpuBackend::activation_forward(Activation activation, std::size_t count, const float* x, float* y) {
  check_elementwise(activation);
  for_runs(pool_, count, kRun, [&](std::size_t first, std::size_t length) {
    HWY_DYNAMIC_DISPATCH(forward)(activation, length, x + first, y + first);
  });
}

void CpuBackend::activation_backward(Activation activation, std::size_t count, const float* y, const float* dy,
                                     float* dx) {
  check_elementwise(activation);
  for_runs(pool_, count, kRun, [&](std::size_t first, std::size_t length) {
    HWY_DYNAMIC_DISPATCH(backward)(activation, length, y + first, dy + first, dx + first);
  });
}

}  // namespace curie
#endif
