#include "cpu/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/clip.cpp"
#include <hwy/foreach_target.h>
// Highway's per-target headers must follow foreach_target.
#include <hwy/highway.h>

#include <cmath>
#include <limits>

#include "cpu/backend.h"
#include "cpu/runs.h"
#include "cpu/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace curie::HWY_NAMESPACE {
namespace {

using Floats = hn::ScalableTag<float>;

// A NaN stays.
void bound(float limit, std::size_t count, float* values) {
  const Floats d;
  const auto high = hn::Set(d, limit), low = hn::Set(d, -limit);
  map(d, count, values, values,
      [&](Floats, auto g) { return hn::IfThenElse(hn::Lt(g, low), low, hn::IfThenElse(hn::Gt(g, high), high, g)); });
}

void scale(float factor, std::size_t count, float* values) {
  const Floats d;
  const auto by = hn::Set(d, factor);
  map(d, count, values, values, [&](Floats, auto g) { return hn::Mul(g, by); });
}

double sum_of_squares(std::size_t count, const float* values) {
  const Wide wide;
  const Narrow narrow;
  const std::size_t lanes = hn::Lanes(wide);
  auto sum = hn::Zero(wide);
  for (std::size_t i = 0; i < count; i += lanes) {
    const auto g = hn::PromoteTo(wide, load_up_to(narrow, values + i, count - i));
    sum = hn::MulAdd(g, g, sum);
  }
  return hn::GetLane(hn::SumOfLanes(wide, sum));
}

}  // namespace
}  // namespace curie::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace curie {
namespace {

HWY_EXPORT(bound);
HWY_EXPORT(scale);
HWY_EXPORT(sum_of_squares);

float clip_factor(double squares, float limit) {
  const double norm = std::sqrt(squares);
  if (norm <= static_cast<double>(limit)) return 1.0f;
  return std::isfinite(norm) ? static_cast<float>(static_cast<double>(limit) / norm)
                             : std::numeric_limits<float>::quiet_NaN();
}

}  // namespace

std::size_t CpuBackend::scratch_bytes(const ClipShape& shape) const {
  if (shape.kind == ClipKind::value) return 0;
  return static_cast<std::size_t>(shape.segments) * kClipParts * sizeof(double);
}

void CpuBackend::clip_gradient(const ClipShape& shape, const std::int32_t* segment_ends, float* gradient,
                               Scratch scratch) {
  if (shape.kind == ClipKind::value) {
    for_runs(pool_, shape.count, kRun, [&](std::size_t first, std::size_t length) {
      HWY_DYNAMIC_DISPATCH(bound)(shape.limit, length, gradient + first);
    });
    return;
  }
  const auto part_of = [&](int task) {
    const int segment = task / kClipParts;
    const std::int32_t begin = segment == 0 ? 0 : segment_ends[segment - 1];
    return clip_part(static_cast<std::size_t>(begin), static_cast<std::size_t>(segment_ends[segment]),
                     task % kClipParts);
  };
  auto* const sums = reinterpret_cast<double*>(scratch.data);
  const int tasks = shape.segments * kClipParts;
  pool_.run(tasks, [&](int task, int) {
    const ClipPart part = part_of(task);
    sums[task] = HWY_DYNAMIC_DISPATCH(sum_of_squares)(part.end - part.begin, gradient + part.begin);
  });
  double all = 0.0;
  for (int segment = 0; segment < shape.segments; ++segment) {
    double squares = 0.0;
    for (int part = 0; part < kClipParts; ++part) squares += sums[segment * kClipParts + part];
    sums[segment * kClipParts] = squares;
    all += squares;
  }
  pool_.run(tasks, [&](int task, int) {
    const double squares = shape.kind == ClipKind::norm ? sums[task / kClipParts * kClipParts] : all;
    const float factor = clip_factor(squares, shape.limit);
    if (factor == 1.0f) return;
    const ClipPart part = part_of(task);
    HWY_DYNAMIC_DISPATCH(scale)(factor, part.end - part.begin, gradient + part.begin);
  });
}

}  // namespace curie
#endif
