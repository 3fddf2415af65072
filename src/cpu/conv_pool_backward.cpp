// The gradients of convolution + bias + ReLU + max pool + dropout from the pooled gradient. At most one position of a
// window carries a gradient for a filter, and dropout and ReLU take more away, so the sums run over the entries
// (position, filter, value) that are left: the full-resolution gradient is never formed. Exact, not an approximation.
//
// For an entry with value v at position (p, q) of filter o, and each filter row r: the values of x under that filter
// row are contiguous, as are those of w and dx:
//   dw[o, r, :] += v * x[p*stride_h + r - pad_top, (q*stride_w - pad_left) ..., :]
//   dx[the same place] += v * w[o, r, :]
// dw goes filter by filter over a few rows of windows, its sums in registers and x in the first-level cache. dx goes
// position by position: the entries of one position are summed in registers before dx is touched.
#include "cpu/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/conv_pool_backward.cpp"
#include <hwy/foreach_target.h>
// Highway's per-target headers must follow foreach_target.
#include <hwy/highway.h>

#include <algorithm>
#include <array>
#include <utility>

#include "cpu/conv2d_tile-inl.h"
#include "cpu/conv_pool.h"
#include "cpu/conv_pool_entries-inl.h"
#include "cpu/conv_pool_plan.h"
#include "cpu/conv_pool_single-inl.h"

#ifndef CURIE_CPU_CONV_POOL_BACKWARD_BUFFERS_
#define CURIE_CPU_CONV_POOL_BACKWARD_BUFFERS_
namespace curie {

struct PooledBuffers {
  float* partials;       // (chunks, partial_floats), each (k, r, s, c)
  float* bias_partials;  // (chunks, bias_floats)
  std::size_t bias_floats;
  PooledScratch workers;  // of worker 0; worker i's begins i * worker_bytes further on
  std::size_t worker_bytes;
};

}  // namespace curie
#endif

HWY_BEFORE_NAMESPACE();
namespace curie::HWY_NAMESPACE {

// Vectors of a filter row that a kernel holds for each of 1 to 3 filter rows.
constexpr int most_vectors(int rows) { return kManyRegisters || rows == 1 ? 8 : 12 / rows; }

struct AxpyInput {
  const float* from;             // x, or the weights
  std::size_t from_row;          // floats to the next filter row
  const std::uint32_t* indices;  // of each entry: from + index * stride
  std::size_t stride;
  const float* values;  // of each entry
  int count;
  float* to;  // partial dw, or dx
  std::size_t to_row;
  int last;  // values of the last vector that exist in `from` and `to`
};

// to[row, :] += sum over entries of value * from[index * stride + row, :], kVectors vectors of kRows rows.
template <int kRows, int kVectors>
void add_entries(const AxpyInput& in) {
  const FloatTag d;
  const LastVector last(in.last);
  float* HWY_RESTRICT to[kRows];
  const float* HWY_RESTRICT from[kRows];
  FloatVec sums[kRows][kVectors];
  CURIE_UNROLL
  for (int row = 0; row < kRows; ++row) {
    to[row] = in.to + row * in.to_row;
    from[row] = in.from + row * in.from_row;
    CURIE_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      sums[row][v] = v + 1 < kVectors ? hn::LoadU(d, to[row] + v * kLanes) : last.load(to[row] + v * kLanes);
    }
  }
  const std::size_t stride = in.stride;
  const std::uint32_t* HWY_RESTRICT index = in.indices;
  const float* HWY_RESTRICT value = in.values;
  for (const float* end = value + in.count; value != end; ++value, ++index) {
    const FloatVec factor = hn::Set(d, *value);
    const std::size_t offset = *index * stride;
    CURIE_UNROLL
    for (int row = 0; row < kRows; ++row) {
      const float* at = from[row] + offset;
      CURIE_UNROLL
      for (int v = 0; v < kVectors; ++v) {
        const FloatVec other = v + 1 < kVectors ? hn::LoadU(d, at + v * kLanes) : last.load(at + v * kLanes);
        sums[row][v] = hn::MulAdd(factor, other, sums[row][v]);
      }
    }
  }
  CURIE_UNROLL
  for (int row = 0; row < kRows; ++row) {
    CURIE_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      if (v + 1 < kVectors) {
        hn::StoreU(sums[row][v], d, to[row] + v * kLanes);
      } else {
        last.store(sums[row][v], to[row] + v * kLanes);
      }
    }
  }
}

using AddEntries = void (*)(const AxpyInput&);

template <int kRows, int... kVectors>
constexpr std::array<AddEntries, sizeof...(kVectors)> add_entries_kernels(std::integer_sequence<int, kVectors...>) {
  return {add_entries<kRows, kVectors + 1>...};
}

inline AddEntries add_entries_for(int rows, int vectors) {
  static constexpr auto kOne = add_entries_kernels<1>(std::make_integer_sequence<int, most_vectors(1)>());
  static constexpr auto kTwo = add_entries_kernels<2>(std::make_integer_sequence<int, most_vectors(2)>());
  static constexpr auto kThree = add_entries_kernels<3>(std::make_integer_sequence<int, most_vectors(3)>());
  const auto index = static_cast<std::size_t>(vectors - 1);
  return rows == 1 ? kOne[index] : rows == 2 ? kTwo[index] : kThree[index];
}

// A filter row of `values` floats as vectors, in nearly equal parts of at most `most`.
struct Parts {
  Parts(int all_values, int most)
      : total(all_values), vectors((all_values + kLanes - 1) / kLanes), count((vectors + most - 1) / most) {}
  int first(int part) const { return vectors * part / count; }
  int size(int part) const { return first(part + 1) - first(part); }
  int values(int part) const { return std::min(total, first(part + 1) * kLanes) - first(part) * kLanes; }
  int last_lanes(int part) const { return values(part) - (size(part) - 1) * kLanes; }

  int total, vectors, count;
};

// to[i] = the sum over `count` partials, in order.
inline void add_partials(const float* partials, int count, std::size_t stride, std::size_t floats, float* to) {
  const FloatTag d;
  for (std::size_t i = 0; i < floats; i += kLanes) {
    const std::size_t lanes = std::min<std::size_t>(kLanes, floats - i);
    FloatVec sum = load_up_to(d, partials + i, lanes);
    for (int part = 1; part < count; ++part) sum = hn::Add(sum, load_up_to(d, partials + part * stride + i, lanes));
    store_up_to(sum, d, to + i, lanes);
  }
}

// partial (filters, r, run) += the entries of a group of window rows, by filter.
inline void add_weight_gradient(const PooledPlan& plan, const EntriesByFilter& entries, const float* x,
                                std::size_t x_row, int filters, float* partial) {
  const int run = plan.run;
  const int filter_rows = plan.shape.conv.r;
  AxpyInput in{};
  in.from_row = x_row;
  in.stride = 1;
  in.to_row = std::size_t(run);
  for (int o = 0; o < filters; ++o) {
    in.count = entries.counts[o];
    if (in.count == 0) continue;
    in.indices = entries.offsets + o * plan.group_windows();
    in.values = entries.values + o * plan.group_windows();
    float* dw = partial + std::size_t(o) * filter_rows * run;
    for (int r = 0; r < filter_rows; r += 3) {
      const int rows = std::min(3, filter_rows - r);
      const Parts parts(run, most_vectors(rows));
      for (int part = 0; part < parts.count; ++part) {
        const int value = parts.first(part) * kLanes;
        in.from = x + r * x_row + value;
        in.to = dw + r * in.to_row + value;
        in.last = parts.last_lanes(part);
        add_entries_for(rows, parts.size(part))(in);
      }
    }
  }
}

// dx of one image += the entries of a band of window rows, by position.
inline void add_input_gradient(const PooledPlan& plan, const Entries& entries, const float* w, int first_row,
                               int last_row, float* patch, float* dx) {
  const Conv2dShape& conv = plan.shape.conv;
  const int pool = plan.shape.pool;
  const std::ptrdiff_t dx_row = std::ptrdiff_t(conv.w) * conv.c;
  const Parts parts(plan.run, most_vectors(1));
  AxpyInput in{};
  in.stride = std::size_t(conv.r) * plan.run;
  for (int r = 0; r < conv.r; ++r) {
    for (int part = 0; part < parts.count; ++part) {
      const int value = parts.first(part) * kLanes;
      const int values = parts.values(part);
      const AddEntries add = add_entries_for(1, parts.size(part));
      in.from = w + std::size_t(r) * plan.run + value;
      in.last = parts.last_lanes(part);
      const int* start = entries.starts;
      for (int row = first_row; row < last_row; ++row) {
        for (int column = 0; column < plan.shape.out_w(); ++column) {
          for (int position = 0; position < pool * pool; ++position, ++start) {
            const int y = (row * pool + position / pool) * conv.stride_h - conv.pad_top + r;
            in.count = start[1] - start[0];
            if (in.count == 0 || y < 0 || y >= conv.h) continue;
            in.indices = entries.filters + start[0];
            in.values = entries.values + start[0];
            const int x = (column * pool + position % pool) * conv.stride_w - conv.pad_left;
            const std::ptrdiff_t at = std::ptrdiff_t(x) * conv.c + value;
            if (at >= 0 && at + values <= dx_row) {
              in.to = dx + y * dx_row + at;
              add(in);
            } else {  // part of the filter row lies in the padding
              std::fill_n(patch, values, 0.0f);
              in.to = patch;
              add(in);
              const std::ptrdiff_t end = std::min<std::ptrdiff_t>(values, dx_row - at);
              for (std::ptrdiff_t i = std::max<std::ptrdiff_t>(0, -at); i < end; ++i)
                dx[y * dx_row + at + i] += patch[i];
            }
          }
        }
      }
    }
  }
}

// One image: adds to partial and bias_partial of filters first_filter .. + filters (null: not wanted), and overwrites
// the image's dx (null: not wanted; otherwise `filters` must be all of them).
inline void add_image(const PooledPlan& plan, const PooledGradient& gradient, const PooledScratch& scratch,
                      std::size_t image, int first_filter, int filters, float* partial, float* bias_partial,
                      float* dx) {
  const Conv2dShape& conv = plan.shape.conv;
  const int out_h = plan.shape.out_h();
  const float* x = gradient.x + image * conv.h * conv.w * conv.c;
  if (dx != nullptr) std::fill_n(dx, std::size_t(conv.h) * conv.w * conv.c, 0.0f);
  for (int row = 0; row < out_h; row += plan.band_rows) {
    const int end = std::min(out_h, row + plan.band_rows);
    collect_entries(plan, gradient, image, row, end, first_filter, filters, bias_partial, scratch.entries);
    for (int first = row; partial != nullptr && first < end; first += plan.group_rows) {
      const int last = std::min(end, first + plan.group_rows);
      const int x_first = first * plan.shape.pool * conv.stride_h - conv.pad_top;
      std::size_t x_row = std::size_t(conv.w) * conv.c;
      const float* from = nullptr;
      if (plan.strip_floats > 0) {
        const int rows = ((last - first) * plan.shape.pool - 1) * conv.stride_h + conv.r;
        copy_strip(x, conv.h, conv.w, conv.c, x_first, rows, -conv.pad_left, plan.strip_columns, scratch.strip);
        from = scratch.strip;
        x_row = std::size_t(plan.strip_columns) * conv.c;
      } else {
        from = x + x_first * x_row;
      }
      sort_by_filter(plan, scratch.entries, first - row, last - row, filters, x_row, scratch.by_filter);
      add_weight_gradient(plan, scratch.by_filter, from, x_row, filters, partial);
    }
    if (dx != nullptr) add_input_gradient(plan, scratch.entries, gradient.w, row, end, scratch.patch, dx);
  }
}

inline PooledScratch scratch_of(const PooledBuffers& buffers, int worker) {
  const std::size_t bytes = worker * buffers.worker_bytes;
  const auto moved = [bytes](auto* pointer) {
    return reinterpret_cast<decltype(pointer)>(reinterpret_cast<std::byte*>(pointer) + bytes);
  };
  const PooledScratch& first = buffers.workers;
  return {{moved(first.entries.starts), moved(first.entries.filters), moved(first.entries.values)},
          {moved(first.by_filter.counts), moved(first.by_filter.offsets), moved(first.by_filter.values)},
          moved(first.strip),
          moved(first.patch)};
}

inline void sum_pooled_chunk(const PooledPlan& plan, const PooledGradient& gradient, const PooledBuffers& buffers,
                             int task, int worker) {
  const Conv2dShape& conv = plan.shape.conv;
  const std::size_t image_floats = std::size_t(conv.h) * conv.w * conv.c;
  const std::size_t filter_floats = std::size_t(conv.r) * plan.run;
  const int chunk = task / plan.gradient.groups;
  const Range images = part_of(std::size_t(conv.n), std::size_t(chunk), std::size_t(plan.gradient.chunks));
  const Range part =
      part_of(std::size_t(conv.k), std::size_t(task % plan.gradient.groups), std::size_t(plan.gradient.groups));
  const int first = static_cast<int>(part.first);
  const int filters = static_cast<int>(part.last - part.first);
  float* partial = buffers.partials + chunk * plan.gradient.partial_floats + first * filter_floats;
  float* bias_partial = buffers.bias_partials + chunk * buffers.bias_floats + first;
  if (plan.single_channel && gradient.dx == nullptr) {
    sum_single_channel(plan, gradient, images, first, filters, partial, bias_partial);
    return;
  }
  std::fill_n(partial, filters * filter_floats, 0.0f);
  std::fill_n(bias_partial, filters, 0.0f);
  const PooledScratch scratch = scratch_of(buffers, worker);
  for (std::size_t image = images.first; image < images.last; ++image) {
    // With the filters in one group, the entries are collected once for both gradients.
    float* dx = gradient.dx != nullptr && plan.gradient.groups == 1 ? gradient.dx + image * image_floats : nullptr;
    add_image(plan, gradient, scratch, image, first, filters, partial, bias_partial, dx);
  }
}

void sum_pooled_gradient(const PooledPlan& plan, const PooledGradient& gradient, const PooledBuffers& buffers,
                         ThreadPool& pool) {
  const Conv2dShape& conv = plan.shape.conv;
  const GradientPlan& sums = plan.gradient;
  pool.run(sums.chunks * sums.groups,
           [&](int task, int worker) { sum_pooled_chunk(plan, gradient, buffers, task, worker); });
  if (gradient.dx != nullptr && sums.groups > 1) {
    const std::size_t image_floats = std::size_t(conv.h) * conv.w * conv.c;
    pool.run(conv.n, [&](int image, int worker) {
      add_image(plan, gradient, scratch_of(buffers, worker), std::size_t(image), 0, conv.k, nullptr, nullptr,
                gradient.dx + image * image_floats);
    });
  }
  pool.run(conv.k, [&](int filter, int) {
    const std::size_t floats = std::size_t(conv.r) * plan.run;
    add_partials(buffers.partials + filter * floats, sums.chunks, sums.partial_floats, floats,
                 gradient.dw + filter * floats);
  });
  if (gradient.dbias != nullptr) {
    add_partials(buffers.bias_partials, sums.chunks, buffers.bias_floats, std::size_t(conv.k), gradient.dbias);
  }
}

}  // namespace curie::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace curie {
namespace {

HWY_EXPORT(sum_pooled_gradient);

std::size_t lay_out(const PooledPlan& plan, int workers, std::byte* data, PooledBuffers& buffers) {
  const Conv2dShape& conv = plan.shape.conv;
  Arena arena(data);
  buffers.bias_floats = (std::size_t(conv.k) + kMaxLanes - 1) / kMaxLanes * kMaxLanes;
  buffers.partials = arena.take<float>(plan.gradient.partial_floats * plan.gradient.chunks);
  buffers.bias_partials = arena.take<float>(buffers.bias_floats * plan.gradient.chunks);
  const std::size_t before = arena.used();
  PooledScratch& worker = buffers.workers;
  worker.entries.starts = arena.take<int>(plan.band_positions() + 1);
  // A whole vector is written behind the last entry.
  worker.entries.filters = arena.take<std::uint32_t>(plan.band_entries() + kMaxLanes);
  worker.entries.values = arena.take<float>(plan.band_entries() + kMaxLanes);
  worker.by_filter.counts = arena.take<int>(std::size_t(conv.k));
  worker.by_filter.offsets = arena.take<std::uint32_t>(plan.group_windows() * conv.k);
  worker.by_filter.values = arena.take<float>(plan.group_windows() * conv.k);
  worker.strip = arena.take<float>(plan.strip_floats);
  worker.patch = arena.take<float>(std::size_t(plan.run));
  buffers.worker_bytes = arena.used() - before;
  return before + buffers.worker_bytes * workers;
}

}  // namespace

PooledPlan::PooledPlan(const ConvPoolShape& pooled) : shape(pooled) {
  constexpr std::size_t kBandEntries = 32768;  // 256 KiB of entries
  constexpr std::size_t kGroupFloats = 6144;   // 24 KiB of input: most of a first-level cache
  const Correlation conv = pooled_correlation(pooled);
  gradient = plan_gradient(pooled.conv, pooled.conv.n);
  run = conv.run();
  const std::size_t row_entries = std::size_t(pooled.out_w()) * conv.k;
  const std::size_t rows = std::size_t(std::max(1, pooled.out_h()));
  band_rows = static_cast<int>(std::clamp<std::size_t>(kBandEntries / std::max<std::size_t>(1, row_entries), 1, rows));
  const auto window_row_floats = std::size_t(pooled.pool) * conv.stride_h * conv.w * conv.c;
  const std::size_t group = kGroupFloats / std::max<std::size_t>(1, window_row_floats);
  group_rows = static_cast<int>(std::clamp<std::size_t>(group, 1, std::size_t(band_rows)));
  strip_columns = conv.strip_columns();
  if (conv.padded()) strip_floats = std::size_t(conv.strip_rows(group_rows * pooled.pool)) * strip_columns * conv.c;
  single_channel = conv.c == 1 && conv.r == 3 && conv.s == 3 && !conv.padded();
}

std::size_t pooled_gradient_bytes(const ConvPoolShape& shape, int workers) {
  PooledBuffers buffers{};
  return lay_out(PooledPlan(shape), workers, nullptr, buffers);
}

void pooled_gradient(const ConvPoolShape& shape, const PooledGradient& gradient, ThreadPool& pool, Scratch scratch) {
  const PooledPlan plan(shape);
  PooledBuffers buffers{};
  lay_out(plan, pool.threads(), aligned_start(scratch.data), buffers);
  HWY_DYNAMIC_DISPATCH(sum_pooled_gradient)(plan, gradient, buffers, pool);
}

}  // namespace curie
#endif
