#include "cpu/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/elementwise.cpp"
#include <hwy/foreach_target.h>
// Highway's per-target headers must follow foreach_target.
#include <hwy/highway.h>

#include "cpu/backend.h"
#include "cpu/runs.h"
#include "cpu/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace curie::HWY_NAMESPACE {
namespace {

struct Sum {
  template <class D, class V>
  HWY_INLINE V operator()(D, V a, V b) const {
    return hn::Add(a, b);
  }
};

void add_arrays(std::size_t count, const float* a, const float* b, float* y) {
  map(hn::ScalableTag<float>(), count, a, b, y, Sum());
}

void blend_arrays(std::size_t count, float alpha, const float* a, float beta, const float* b, float* y) {
  const hn::ScalableTag<float> d;
  const auto first = hn::Set(d, alpha), second = hn::Set(d, beta);
  map(d, count, a, b, y, [&](auto, auto u, auto v) { return hn::MulAdd(first, u, hn::Mul(second, v)); });
}

}  // namespace
}  // namespace curie::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace curie {
namespace {

HWY_EXPORT(add_arrays);
HWY_EXPORT(blend_arrays);

}  // namespace

void CpuBackend::add(std::size_t count, const float* a, const float* b, float* y) {
  for_runs(pool_, count, kRun, [&](std::size_t first, std::size_t length) {
    HWY_DYNAMIC_DISPATCH(add_arrays)(length, a + first, b + first, y + first);
  });
}

void CpuBackend::blend(std::size_t count, float alpha, const float* a, float beta, const float* b, float* y) {
  for_runs(pool_, count, kRun, [&](std::size_t first, std::size_t length) {
    HWY_DYNAMIC_DISPATCH(blend_arrays)(length, alpha, a + first, beta, b + first, y + first);
  });
}

void CpuBackend::fill(std::size_t count, float value, float* y) {
  for_runs(pool_, count, kRun, [&](std::size_t first, std::size_t length) { std::fill_n(y + first, length, value); });
}

void CpuBackend::normalize_u8(std::size_t pixels, int channels, const std::uint8_t* x, const float* table, float* y) {
  const auto width = static_cast<std::size_t>(channels);
  // Table look-ups: one load an element from 1 KiB a channel, which vector code would not speed up.
  for_runs(pool_, pixels, std::max<std::size_t>(1, kRun / width), [&](std::size_t first, std::size_t length) {
    for (std::size_t i = first * width; i < (first + length) * width; i += width) {
      for (std::size_t c = 0; c < width; ++c) y[i + c] = table[c * 256 + x[i + c]];
    }
  });
}

void CpuBackend::gather_normalize_u8(int count, std::size_t pixels, int channels, const std::int32_t* rows,
                                     const std::uint8_t* images, const float* table, float* y) {
  const auto width = static_cast<std::size_t>(channels);
  const std::size_t sample = pixels * width;
  pool_.run(count, [&](int i, int) {
    const std::uint8_t* x = images + static_cast<std::size_t>(rows[i]) * sample;
    float* out = y + static_cast<std::size_t>(i) * sample;
    for (std::size_t at = 0; at < sample; at += width) {
      for (std::size_t c = 0; c < width; ++c) out[at + c] = table[c * 256 + x[at + c]];
    }
  });
}

void CpuBackend::gather_rows(int count, std::size_t words, const std::int32_t* rows, const std::uint32_t* x,
                             std::uint32_t* y) {
  pool_.run(count, [&](int i, int) {
    std::copy_n(x + static_cast<std::size_t>(rows[i]) * words, words, y + static_cast<std::size_t>(i) * words);
  });
}

}  // namespace curie
#endif
