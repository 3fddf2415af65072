// Pooling, in vectors along the channels. Backward adds into rows of dx that were cleared just before, while they are
// still in the cache; rows that only one window row touches are separate tasks, overlapping ones one task a sample.
#include "cpu/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/pool.cpp"
#include <hwy/foreach_target.h>
// Highway's per-target headers must follow foreach_target.
#include <hwy/highway.h>

#include <algorithm>

#include "cpu/backend.h"
#include "cpu/pool.h"
#include "cpu/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace curie::HWY_NAMESPACE {
namespace {

using Floats = hn::ScalableTag<float>;
using Vector = hn::Vec<Floats>;
using Bytes = hn::Rebind<std::uint8_t, Floats>;
using Ints = hn::Rebind<std::int32_t, Floats>;

// The first maximum wins; NaN beats every number and the first NaN wins.
HWY_INLINE hn::Mask<Floats> beats(Vector value, Vector best) {
  return hn::Or(hn::Gt(value, best), hn::AndNot(hn::IsNaN(best), hn::IsNaN(value)));
}

void store_bytes(hn::Vec<Ints> values, std::uint8_t* to, std::size_t count) {
  const Bytes d;
  const auto bytes = hn::DemoteTo(d, values);
  if (count >= hn::Lanes(d)) {
    hn::StoreU(bytes, d, to);
  } else {
    HWY_ALIGN std::uint8_t lanes[HWY_MAX_BYTES];
    hn::StoreU(bytes, d, lanes);
    std::copy_n(lanes, count, to);
  }
}

hn::Vec<Ints> load_bytes(const std::uint8_t* from, std::size_t count) {
  const Bytes d;
  if (count >= hn::Lanes(d)) return hn::PromoteTo(Ints(), hn::LoadU(d, from));
  HWY_ALIGN std::uint8_t lanes[HWY_MAX_BYTES] = {};
  std::copy_n(from, count, lanes);
  return hn::PromoteTo(Ints(), hn::LoadU(d, lanes));
}

// One output pixel; x is the sample, y and arg_max the pixel's channels.
void max_pixel(const PoolShape& shape, const PoolWindow& window, const float* x, float* y, std::uint8_t* arg_max) {
  const Floats d;
  const Ints di;
  const std::size_t lanes = hn::Lanes(d), channels = std::size_t(shape.c);
  for (std::size_t c = 0; c < channels; c += lanes) {
    const std::size_t length = channels - c;
    auto best = hn::Zero(d);
    auto where = hn::Zero(di);
    bool first = true;
    for (int row = window.row_begin; row < window.row_end; ++row) {
      for (int column = window.column_begin; column < window.column_end; ++column) {
        const auto value = load_up_to(d, x + window.offset(shape, row, column) + c, length);
        const auto cell = hn::Set(di, row * shape.window_w + column);
        const auto wins = beats(value, best);
        best = first ? value : hn::IfThenElse(wins, value, best);
        where = first ? cell : hn::IfThenElse(hn::RebindMask(di, wins), cell, where);
        first = false;
      }
    }
    store_up_to(best, d, y + c, length);
    if (arg_max != nullptr) store_bytes(where, arg_max + c, length);
  }
}

template <bool kSquares>
void sum_pixel(const PoolShape& shape, const PoolWindow& window, const float* x, float* y) {
  const Floats d;
  const std::size_t lanes = hn::Lanes(d), channels = std::size_t(shape.c);
  const auto divisor = hn::Set(d, static_cast<float>(window.cells(shape)));
  for (std::size_t c = 0; c < channels; c += lanes) {
    const std::size_t length = channels - c;
    auto sum = hn::Zero(d);
    for (int row = window.row_begin; row < window.row_end; ++row) {
      for (int column = window.column_begin; column < window.column_end; ++column) {
        const auto value = load_up_to(d, x + window.offset(shape, row, column) + c, length);
        sum = kSquares ? hn::MulAdd(value, value, sum) : hn::Add(sum, value);
      }
    }
    store_up_to(kSquares ? hn::Sqrt(sum) : hn::Div(sum, divisor), d, y + c, length);
  }
}

// Output row p of sample n.
void forward_row(PoolKind kind, const PoolShape& shape, int n, int p, const float* x, float* y, std::uint8_t* arg_max) {
  x += sample_offset(shape, n);
  for (int q = 0; q < shape.q; ++q) {
    const PoolWindow window(shape, p, q);
    const std::size_t out = output_offset(shape, n, p, q);
    if (kind == PoolKind::max) max_pixel(shape, window, x, y + out, arg_max == nullptr ? nullptr : arg_max + out);
    if (kind == PoolKind::average) sum_pixel<false>(shape, window, x, y + out);
    if (kind == PoolKind::l2) sum_pixel<true>(shape, window, x, y + out);
  }
}

// The gradient of one output pixel, added into the sample dx.
void backward_pixel(PoolKind kind, const PoolShape& shape, const PoolWindow& window, const PoolGradient& of,
                    std::size_t sample, std::size_t out) {
  const Floats d;
  const Ints di;
  const std::size_t lanes = hn::Lanes(d), channels = std::size_t(shape.c);
  const auto divisor = hn::Set(d, static_cast<float>(window.cells(shape)));
  for (std::size_t c = 0; c < channels; c += lanes) {
    const std::size_t length = channels - c;
    auto dy = load_up_to(d, of.dy + out + c, length);
    auto where = hn::Zero(di);
    if (kind == PoolKind::max) where = load_bytes(of.arg_max + out + c, length);
    if (kind == PoolKind::average) dy = hn::Div(dy, divisor);
    if (kind == PoolKind::l2) {
      const auto y = load_up_to(d, of.y + out + c, length);
      dy = hn::IfThenZeroElse(hn::Eq(y, hn::Zero(d)), hn::Div(dy, y));
    }
    for (int row = window.row_begin; row < window.row_end; ++row) {
      for (int column = window.column_begin; column < window.column_end; ++column) {
        const std::size_t at = sample + window.offset(shape, row, column) + c;
        auto part = dy;
        if (kind == PoolKind::max) {
          const auto here = hn::Eq(where, hn::Set(di, row * shape.window_w + column));
          part = hn::IfThenElseZero(hn::RebindMask(d, here), dy);
        }
        if (kind == PoolKind::l2) part = hn::Mul(dy, load_up_to(d, of.x + at, length));
        store_up_to(hn::Add(load_up_to(d, of.dx + at, length), part), d, of.dx + at, length);
      }
    }
  }
}

// Clears rows [clear_begin, clear_end) of dx and adds the gradients of output rows [p_begin, p_end), all of sample n.
void backward_rows(PoolKind kind, const PoolShape& shape, const PoolGradient& of, int n, int clear_begin, int clear_end,
                   int p_begin, int p_end) {
  const std::size_t sample = sample_offset(shape, n), row = std::size_t(shape.w) * shape.c;
  std::fill(of.dx + sample + clear_begin * row, of.dx + sample + clear_end * row, 0.0f);
  for (int p = p_begin; p < p_end; ++p) {
    for (int q = 0; q < shape.q; ++q) {
      backward_pixel(kind, shape, PoolWindow(shape, p, q), of, sample, output_offset(shape, n, p, q));
    }
  }
}

// y[c] = mean over the pixels of x[pixel][c], summed in double.
void mean_of_pixels(int pixels, int channels, const float* x, float* y) {
  const Wide wide;
  const Narrow d;
  const std::size_t lanes = hn::Lanes(d), width = static_cast<std::size_t>(channels);
  const auto count = hn::Set(wide, static_cast<double>(pixels));
  for (std::size_t c = 0; c < width; c += lanes) {
    auto sum = hn::Zero(wide);
    for (int pixel = 0; pixel < pixels; ++pixel) {
      sum = hn::Add(sum, hn::PromoteTo(wide, load_up_to(d, x + pixel * width + c, width - c)));
    }
    store_up_to(hn::DemoteTo(d, hn::Div(sum, count)), d, y + c, width - c);
  }
}

void spread_over_pixels(int pixels, int channels, const float* dy, float* dx) {
  const Floats d;
  const std::size_t lanes = hn::Lanes(d), width = static_cast<std::size_t>(channels);
  const auto count = hn::Set(d, static_cast<float>(pixels));
  for (int pixel = 0; pixel < pixels; ++pixel) {
    for (std::size_t c = 0; c < width; c += lanes) {
      const auto part = hn::Div(load_up_to(d, dy + c, width - c), count);
      store_up_to(part, d, dx + pixel * width + c, width - c);
    }
  }
}

}  // namespace
}  // namespace curie::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace curie {
namespace {

HWY_EXPORT(forward_row);
HWY_EXPORT(backward_rows);
HWY_EXPORT(mean_of_pixels);
HWY_EXPORT(spread_over_pixels);

void forward(ThreadPool& pool, PoolKind kind, const PoolShape& shape, const float* x, float* y, std::uint8_t* arg_max) {
  pool.run(shape.n * shape.p, [&](int index, int) {
    HWY_DYNAMIC_DISPATCH(forward_row)(kind, shape, index / shape.p, index % shape.p, x, y, arg_max);
  });
}

void backward(ThreadPool& pool, PoolKind kind, const PoolShape& shape, const PoolGradient& of) {
  if (shape.stride_h < shape.window_h) {
    pool.run(shape.n, [&](int n, int) {
      HWY_DYNAMIC_DISPATCH(backward_rows)(kind, shape, of, n, 0, shape.h, 0, shape.p);
    });
    return;
  }
  pool.run(shape.n * shape.p, [&](int index, int) {
    const int n = index / shape.p, p = index % shape.p;
    // The input rows from this window row to the next; the first and the last task take the borders too.
    const int begin = p == 0 ? 0 : p * shape.stride_h - shape.pad_top;
    const int end = p == shape.p - 1 ? shape.h : (p + 1) * shape.stride_h - shape.pad_top;
    HWY_DYNAMIC_DISPATCH(backward_rows)(kind, shape, of, n, begin, end, p, p + 1);
  });
}

}  // namespace

void CpuBackend::max_pool_forward(const PoolShape& shape, const float* x, float* y, std::uint8_t* arg_max) {
  forward(pool_, PoolKind::max, shape, x, y, arg_max);
}

void CpuBackend::max_pool_backward(const PoolShape& shape, const std::uint8_t* arg_max, const float* dy, float* dx) {
  backward(pool_, PoolKind::max, shape, {.arg_max = arg_max, .x = nullptr, .y = nullptr, .dy = dy, .dx = dx});
}

void CpuBackend::average_pool_forward(const PoolShape& shape, const float* x, float* y) {
  forward(pool_, PoolKind::average, shape, x, y, nullptr);
}

void CpuBackend::average_pool_backward(const PoolShape& shape, const float* dy, float* dx) {
  backward(pool_, PoolKind::average, shape, {.arg_max = nullptr, .x = nullptr, .y = nullptr, .dy = dy, .dx = dx});
}

void CpuBackend::l2_pool_forward(const PoolShape& shape, const float* x, float* y) {
  forward(pool_, PoolKind::l2, shape, x, y, nullptr);
}

void CpuBackend::l2_pool_backward(const PoolShape& shape, const float* x, const float* y, const float* dy, float* dx) {
  backward(pool_, PoolKind::l2, shape, {.arg_max = nullptr, .x = x, .y = y, .dy = dy, .dx = dx});
}

void CpuBackend::global_average_pool_forward(int n, int pixels, int channels, const float* x, float* y) {
  const std::size_t width = static_cast<std::size_t>(channels), sample = static_cast<std::size_t>(pixels) * width;
  pool_.run(n, [&](int i, int) {
    HWY_DYNAMIC_DISPATCH(mean_of_pixels)(pixels, channels, x + i * sample, y + i * width);
  });
}

void CpuBackend::global_average_pool_backward(int n, int pixels, int channels, const float* dy, float* dx) {
  const std::size_t width = static_cast<std::size_t>(channels), sample = static_cast<std::size_t>(pixels) * width;
  pool_.run(n, [&](int i, int) {
    HWY_DYNAMIC_DISPATCH(spread_over_pixels)(pixels, channels, dy + i * width, dx + i * sample);
  });
}

}  // namespace curie
#endif
