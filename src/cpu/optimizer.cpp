#include "cpu/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/optimizer.cpp"
#include <hwy/foreach_target.h>
// Highway's per-target headers must follow foreach_target.
#include <hwy/highway.h>

#include <cmath>

#include "cpu/backend.h"
#include "cpu/runs.h"
#include "cpu/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace curie::HWY_NAMESPACE {
namespace {

using Floats = hn::ScalableTag<float>;
using Vector = hn::Vec<Floats>;

// Weight decay before the step: into the gradient (L2) or straight into the weight (decoupled).
HWY_INLINE void decay(DecayKind kind, float amount, float rate, Vector& w, Vector& g) {
  const Floats d;
  if (amount == 0.0f) return;
  if (kind == DecayKind::l2) {
    g = hn::MulAdd(hn::Set(d, amount), w, g);
  } else {
    w = hn::NegMulAdd(hn::Set(d, rate * amount), w, w);
  }
}

void sgd(const SgdArgs& args, float rate, std::size_t count, const float* gradient, float* weights, float* velocity) {
  const Floats d;
  const std::size_t lanes = hn::Lanes(d);
  const Vector step = hn::Set(d, rate);
  const Vector momentum = hn::Set(d, args.momentum);
  for (std::size_t i = 0; i < count; i += lanes) {
    const std::size_t length = count - i;
    Vector g = load_up_to(d, gradient + i, length);
    Vector w = load_up_to(d, weights + i, length);
    decay(args.decay_kind, args.weight_decay, rate, w, g);
    if (args.momentum == 0.0f) {
      w = hn::NegMulAdd(step, g, w);
    } else if (args.convention == Convention::keras) {
      const Vector v = hn::NegMulAdd(step, g, hn::Mul(momentum, load_up_to(d, velocity + i, length)));
      store_up_to(v, d, velocity + i, length);
      w = hn::Add(w, args.nesterov ? hn::NegMulAdd(step, g, hn::Mul(momentum, v)) : v);
    } else {
      const Vector v = hn::MulAdd(momentum, load_up_to(d, velocity + i, length), g);
      store_up_to(v, d, velocity + i, length);
      w = hn::NegMulAdd(step, args.nesterov ? hn::MulAdd(momentum, v, g) : v, w);
    }
    store_up_to(w, d, weights + i, length);
  }
}

// w -= step * m / (sqrt(v * variance_scale) + epsilon): both conventions, with their own step and scale.
void adam(const AdamArgs& args, float rate, float step, float variance_scale, std::size_t count, const float* gradient,
          float* weights, float* first_moment, float* second_moment) {
  const Floats d;
  const std::size_t lanes = hn::Lanes(d);
  const Vector beta1 = hn::Set(d, args.beta1), rest1 = hn::Set(d, static_cast<float>(1.0 - double{args.beta1}));
  const Vector beta2 = hn::Set(d, args.beta2), rest2 = hn::Set(d, static_cast<float>(1.0 - double{args.beta2}));
  const Vector epsilon = hn::Set(d, args.epsilon);
  const Vector scale = hn::Set(d, variance_scale), length_of_step = hn::Set(d, step);
  for (std::size_t i = 0; i < count; i += lanes) {
    const std::size_t length = count - i;
    Vector g = load_up_to(d, gradient + i, length);
    Vector w = load_up_to(d, weights + i, length);
    decay(args.decay_kind, args.weight_decay, rate, w, g);
    const Vector m = hn::MulAdd(beta1, load_up_to(d, first_moment + i, length), hn::Mul(rest1, g));
    const Vector v = hn::MulAdd(beta2, load_up_to(d, second_moment + i, length), hn::Mul(rest2, hn::Mul(g, g)));
    store_up_to(m, d, first_moment + i, length);
    store_up_to(v, d, second_moment + i, length);
    const Vector spread = hn::Add(hn::Sqrt(hn::Mul(v, scale)), epsilon);
    w = hn::NegMulAdd(length_of_step, hn::Div(m, spread), w);
    store_up_to(w, d, weights + i, length);
  }
}

}  // namespace
}  // namespace curie::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace curie {
namespace {

HWY_EXPORT(sgd);
HWY_EXPORT(adam);

}  // namespace

void CpuBackend::sgd_step(const SgdArgs& args, std::size_t count, const StepState* state, const float* gradient,
                          float* weights, float* velocity) {
  const float rate = state->learning_rate * args.rate_multiplier;
  for_runs(pool_, count, kRun, [&](std::size_t first, std::size_t length) {
    HWY_DYNAMIC_DISPATCH(sgd)
    (args, rate, length, gradient + first, weights + first, velocity == nullptr ? nullptr : velocity + first);
  });
}

void CpuBackend::adam_step(const AdamArgs& args, std::size_t count, const StepState* state, const float* gradient,
                           float* weights, float* first_moment, float* second_moment) {
  const float float_rate = state->learning_rate * args.rate_multiplier;
  const double rate = float_rate, c1 = state->momentum_correction, c2 = state->variance_correction;
  const bool keras = args.convention == Convention::keras;
  const auto step = static_cast<float>(keras ? rate * std::sqrt(c2) / c1 : rate / c1);
  const auto variance_scale = static_cast<float>(keras ? 1.0 : 1.0 / c2);
  for_runs(pool_, count, kRun, [&](std::size_t first, std::size_t length) {
    HWY_DYNAMIC_DISPATCH(adam)
    (args, float_rate, step, variance_scale, length, gradient + first, weights + first, first_moment + first,
     second_moment + first);
  });
}

}  // namespace curie
#endif
