// Convolution, bias, ReLU, max pooling and dropout in one pass. Two ways, chosen in pool_band: windows of 2 x 2 are
// pooled from the registers in which they were summed; other windows, and filters too large for one pass over them, go
// through a buffer of the few convolution rows that one row of windows needs.
#include "cpu/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/conv_pool_forward.cpp"
#include <hwy/foreach_target.h>
// Highway's per-target headers must follow foreach_target.
#include <hwy/highway.h>

#include <algorithm>
#include <array>
#include <utility>

#include "cpu/backend.h"
#include "cpu/conv2d_plan.h"
#include "cpu/conv2d_tile-inl.h"
#include "cpu/conv_pool.h"
#include "cpu/philox-inl.h"

#ifndef CURIE_CPU_CONV_POOL_FORWARD_ARGUMENTS_
#define CURIE_CPU_CONV_POOL_FORWARD_ARGUMENTS_
namespace curie {

struct ConvPoolArguments {
  const float* x;
  const float* w;
  const float* bias;
  float* y;
  std::uint8_t* arg_max;  // may be null
  bool drops;
  RandomStream stream;
  std::uint32_t threshold;  // elements whose bits are below it are dropped
  float scale;
  float* panels;
  float* biases;
  float* strips;        // strip_floats a worker
  float* rows;          // pool * q * k floats a worker, where windows are not pooled in registers
  std::uint32_t* bits;  // out_w * k words a worker
};

}  // namespace curie
#endif

HWY_BEFORE_NAMESPACE();
namespace curie::HWY_NAMESPACE {

using IndexTag = hn::RebindToSigned<FloatTag>;
using BitsTag = hn::RebindToUnsigned<FloatTag>;
using ByteTag = hn::Rebind<std::uint8_t, IndexTag>;
using IndexVec = hn::Vec<IndexTag>;

struct Dropout {
  bool drops;
  std::uint32_t threshold;
  float scale;
};

// The greatest value of a window so far and where it was: the first one wins, and NaN wins over numbers.
struct Maximum {
  FloatVec value;
  IndexVec index = hn::Zero(IndexTag());

  explicit HWY_INLINE Maximum(FloatVec first) : value(first) {}
  HWY_INLINE void take(FloatVec candidate, int position) {
    choose(hn::Or(hn::Gt(candidate, value), hn::IsNaN(candidate)), candidate, position);
  }
  HWY_INLINE void take_number(FloatVec candidate, int position) {
    choose(hn::Gt(candidate, value), candidate, position);
  }

 private:
  HWY_INLINE void choose(hn::Mask<FloatTag> better, FloatVec candidate, int position) {
    const IndexTag di;
    value = hn::IfThenElse(better, candidate, value);
    index = hn::IfThenElse(hn::RebindMask(di, better), hn::Set(di, position), index);
  }
};

// ReLU (which keeps NaN), dropout, and both results to memory; `valid` lanes exist.
HWY_INLINE void finish(const Maximum& maximum, const Dropout& dropout, const std::uint32_t* bits, int valid, float* y,
                       std::uint8_t* arg_max) {
  const FloatTag d;
  const BitsTag db;
  FloatVec value = hn::IfThenZeroElse(hn::Lt(maximum.value, hn::Zero(d)), maximum.value);
  const auto count = static_cast<std::size_t>(valid);
  if (dropout.drops) {
    const auto dropped = hn::Lt(load_up_to(db, bits, count), hn::Set(db, dropout.threshold));
    value = hn::IfThenZeroElse(hn::RebindMask(d, dropped), hn::Mul(value, hn::Set(d, dropout.scale)));
  }
  store_up_to(value, d, y, count);
  if (arg_max == nullptr) return;
  const ByteTag d8;
  const auto bytes = hn::DemoteTo(d8, maximum.index);
  if (valid >= kLanes) {
    hn::StoreU(bytes, d8, arg_max);
  } else {
    HWY_ALIGN std::uint8_t lanes[HWY_MAX_BYTES];
    hn::Store(bytes, d8, lanes);
    for (int lane = 0; lane < valid; ++lane) arg_max[lane] = lanes[lane];
  }
}

// Where a tile of windows goes: filters of one block of consecutive windows.
struct PoolOutput {
  float* y;
  std::uint8_t* arg_max;
  const std::uint32_t* bits;
  std::size_t window;  // floats to the next window
  const float* bias;
  int valid;
  Dropout dropout;
};

template <bool kNumbers, int kWindows, int kVectors>
HWY_INLINE void pool_sums(const FloatVec (&sums)[4 * kWindows][kVectors], const PoolOutput& out) {
  constexpr int kColumns = 2 * kWindows;
  CURIE_UNROLL
  for (int window = 0; window < kWindows; ++window) {
    CURIE_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      Maximum maximum(sums[2 * window][v]);
      CURIE_UNROLL
      for (int position = 1; position < 4; ++position) {
        const FloatVec candidate = sums[position / 2 * kColumns + 2 * window + position % 2][v];
        if constexpr (kNumbers) {
          maximum.take_number(candidate, position);
        } else {
          maximum.take(candidate, position);
        }
      }
      const std::size_t offset = window * out.window + v * kLanes;
      const int valid = v + 1 < kVectors ? kLanes : out.valid - v * kLanes;
      finish(maximum, out.dropout, out.bits + offset, valid, out.y + offset,
             out.arg_max == nullptr ? nullptr : out.arg_max + offset);
    }
  }
}

template <int kWindows, int kVectors>
void pool_tile(const TileInput& in, const PoolOutput& out) {
  const FloatTag d;
  FloatVec sums[4 * kWindows][kVectors];
  CURIE_UNROLL
  for (int v = 0; v < kVectors; ++v) {
    const FloatVec start = hn::LoadU(d, out.bias + v * kLanes);
    CURIE_UNROLL
    for (int pixel = 0; pixel < 4 * kWindows; ++pixel) sums[pixel][v] = start;
  }
  accumulate_tile<2, 2 * kWindows, kVectors>(in, sums);
  // One test finds that there is no NaN among the sums, which saves one in every comparison: a NaN makes their total
  // NaN. (So do infinities of both signs; the slower way is right for all.)
  FloatVec total[kVectors];
  CURIE_UNROLL
  for (int v = 0; v < kVectors; ++v) {
    total[v] = sums[0][v];
    CURIE_UNROLL
    for (int pixel = 1; pixel < 4 * kWindows; ++pixel) total[v] = hn::Add(total[v], sums[pixel][v]);
  }
  if (HWY_LIKELY(hn::AllFalse(d, hn::IsNaN(hn::Add(total[0], total[kVectors - 1]))))) {
    pool_sums<true, kWindows, kVectors>(sums, out);
  } else {
    pool_sums<false, kWindows, kVectors>(sums, out);
  }
}

// Windows of a tile: 2 x 2 sums each.
constexpr int windows_of_tile(int vectors) { return kManyRegisters ? 6 / vectors : (vectors == 1 ? 3 : 1); }

using PoolTile = void (*)(const TileInput&, const PoolOutput&);

template <int kVectors, int... kWindows>
constexpr std::array<PoolTile, sizeof...(kWindows)> pool_tiles(std::integer_sequence<int, kWindows...>) {
  return {pool_tile<kWindows + 1, kVectors>...};
}

inline PoolTile pool_tile_for(int windows, int vectors) {
  static constexpr auto kOne = pool_tiles<1>(std::make_integer_sequence<int, windows_of_tile(1)>());
  static constexpr auto kTwo = pool_tiles<2>(std::make_integer_sequence<int, windows_of_tile(2)>());
  const auto index = static_cast<std::size_t>(windows - 1);
  return vectors == 1 ? kOne[index] : kTwo[index];
}

// One row of windows. x: the input of its first convolution row.
struct WindowRow {
  int p;  // that row
  const float* x;
  std::size_t x_row;
  float* y;
  std::uint8_t* arg_max;
  const std::uint32_t* bits;
  float* rows;
};

inline void pool_row_in_registers(const ConvPoolShape& shape, const Correlation& conv,
                                  const ConvPoolArguments& arguments, const WindowRow& row) {
  TileInput in{};
  in.pixel = std::size_t(conv.stride_w) * conv.c;
  in.tile_row = row.x_row * conv.stride_h;
  in.filter_row = row.x_row;
  in.rows = conv.r;
  in.run = conv.run();
  PoolOutput out{};
  out.window = std::size_t(conv.k);
  out.dropout = {arguments.drops, arguments.threshold, arguments.scale};
  for (int block = 0; block < blocks_of(conv.k); ++block) {
    const std::size_t first = std::size_t(block) * kBlock;
    const int vectors = vectors_of_block(conv.k, block);
    in.panel = arguments.panels + first * conv.r * conv.run();
    out.bias = arguments.biases + first;
    out.valid = std::min(vectors * kLanes, conv.k - static_cast<int>(first));
    const int most = windows_of_tile(vectors);
    const int tiles = (shape.out_w() + most - 1) / most;
    for (int tile = 0; tile < tiles; ++tile) {
      const int px = shape.out_w() * tile / tiles;
      const int windows = shape.out_w() * (tile + 1) / tiles - px;
      const std::size_t offset = std::size_t(px) * conv.k + first;
      in.x = row.x + 2 * px * in.pixel;
      out.y = row.y + offset;
      out.bits = row.bits + offset;
      out.arg_max = row.arg_max == nullptr ? nullptr : row.arg_max + offset;
      pool_tile_for(windows, vectors)(in, out);
    }
  }
}

inline void pool_row_by_buffer(const ConvPoolShape& shape, const Correlation& conv, const ConvPoolArguments& arguments,
                               const WindowRow& row) {
  const int pool = shape.pool;
  const std::size_t buffer_row = std::size_t(conv.q) * conv.k;
  CorrelationRows rows{};
  rows.x = row.x;
  rows.x_row = row.x_row;
  rows.panels = arguments.panels;
  rows.biases = arguments.biases;
  rows.first_p = row.p, rows.last_p = row.p + pool;
  rows.y = row.rows;
  rows.y_row = buffer_row;
  correlate_rows(conv, rows);
  const FloatTag d;
  const Dropout dropout{arguments.drops, arguments.threshold, arguments.scale};
  for (int px = 0; px < shape.out_w(); ++px) {
    for (int k = 0; k < conv.k; k += kLanes) {
      const int valid = std::min(kLanes, conv.k - k);
      const float* z = row.rows + std::size_t(px) * pool * conv.k + k;
      Maximum maximum(load_up_to(d, z, static_cast<std::size_t>(valid)));
      for (int position = 1; position < pool * pool; ++position) {
        const float* from = z + position / pool * buffer_row + std::size_t(position % pool) * conv.k;
        maximum.take(load_up_to(d, from, static_cast<std::size_t>(valid)), position);
      }
      const std::size_t offset = std::size_t(px) * conv.k + k;
      finish(maximum, dropout, row.bits + offset, valid, row.y + offset,
             row.arg_max == nullptr ? nullptr : row.arg_max + offset);
    }
  }
}

inline void pool_band(const ConvPoolShape& shape, const Correlation& conv, const BandPlan& plan,
                      const ConvPoolArguments& arguments, int task, int worker) {
  const int image = task / plan.bands;
  const int first_p = task % plan.bands * plan.rows;
  const int last_p = std::min(conv.p, first_p + plan.rows);
  const float* x = arguments.x + std::size_t(image) * conv.h * conv.w * conv.c;
  std::size_t x_row = std::size_t(conv.w) * conv.c;
  int x_first_row = 0;
  if (plan.strip_floats > 0) {
    float* strip = arguments.strips + worker * plan.strip_floats;
    x_first_row = first_p * conv.stride_h - conv.pad_top;
    copy_strip(x, conv.h, conv.w, conv.c, x_first_row, conv.strip_rows(last_p - first_p), -conv.pad_left,
               conv.strip_columns(), strip);
    x = strip;
    x_row = std::size_t(conv.strip_columns()) * conv.c;
  }
  const std::size_t row_elements = std::size_t(shape.out_w()) * conv.k;
  std::uint32_t* bits = arguments.bits + worker * row_elements;
  const bool in_registers = pools_in_registers(shape);
  WindowRow row{};
  row.x_row = x_row;
  row.bits = bits;
  row.rows = arguments.rows + (in_registers ? 0 : worker * shape.pool * std::size_t(conv.q) * conv.k);
  for (int p = first_p; p < last_p; p += shape.pool) {
    const std::size_t element = (std::size_t(image) * shape.out_h() + p / shape.pool) * row_elements;
    if (arguments.drops) philox_fill(arguments.stream, element, row_elements, bits);
    row.p = p;
    row.x = x + std::size_t(p * conv.stride_h - conv.pad_top - x_first_row) * x_row;
    row.y = arguments.y + element;
    row.arg_max = arguments.arg_max == nullptr ? nullptr : arguments.arg_max + element;
    if (in_registers) {
      pool_row_in_registers(shape, conv, arguments, row);
    } else {
      pool_row_by_buffer(shape, conv, arguments, row);
    }
  }
}

void convolve_and_pool(const ConvPoolShape& shape, const Correlation& conv, const BandPlan& plan,
                       const ConvPoolArguments& arguments, ThreadPool& pool) {
  const int padded = (conv.k + kMaxBlock - 1) / kMaxBlock * kMaxBlock;
  std::fill_n(arguments.biases, padded, 0.0f);
  if (arguments.bias != nullptr) std::copy_n(arguments.bias, conv.k, arguments.biases);
  pool.run(blocks_of(conv.k), [&](int block, int) { pack_block(conv, arguments.w, block, arguments.panels); });
  pool.run(conv.n * plan.bands, [&](int task, int worker) { pool_band(shape, conv, plan, arguments, task, worker); });
}

}  // namespace curie::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace curie {
namespace {

HWY_EXPORT(convolve_and_pool);

std::size_t lay_out(const ConvPoolShape& shape, const Correlation& conv, const BandPlan& plan, int workers,
                    std::byte* data, ConvPoolArguments& arguments) {
  Arena arena(data);
  arguments.panels = arena.take<float>(panel_floats(conv));
  arguments.biases = arena.take<float>((std::size_t(conv.k) + kMaxBlock - 1) / kMaxBlock * kMaxBlock);
  arguments.strips = arena.take<float>(plan.strip_floats * workers);
  arguments.rows =
      arena.take<float>(pools_in_registers(shape) ? 0 : std::size_t(shape.pool) * conv.q * conv.k * workers);
  arguments.bits = arena.take<std::uint32_t>(std::size_t(shape.out_w()) * conv.k * workers);
  return arena.used();
}

}  // namespace

Correlation pooled_correlation(const ConvPoolShape& shape) {
  Correlation conv = forward_correlation(shape.conv);
  conv.p = shape.out_h() * shape.pool;
  conv.q = shape.out_w() * shape.pool;
  return conv;
}

bool pools_in_registers(const ConvPoolShape& shape) {
  // A panel of 256 KiB still stays in the second-level cache; larger ones are worked through in passes.
  return shape.pool == 2 && std::size_t(shape.conv.r) * shape.conv.s * shape.conv.c * kMaxBlock <= 65536;
}

bool CpuBackend::fuses(const ConvPoolShape& shape) const { return shape.pool >= 2 && shape.pool * shape.pool <= 256; }

std::size_t CpuBackend::scratch_bytes(const ConvPoolShape& shape) const {
  const Correlation conv = pooled_correlation(shape);
  ConvPoolArguments arguments{};
  const std::size_t forward = lay_out(shape, conv, plan_bands(conv, shape.pool), pool_.threads(), nullptr, arguments);
  return std::max(forward, pooled_gradient_bytes(shape, pool_.threads())) + kAlignmentSlack;
}

void CpuBackend::conv_pool_forward(const ConvPoolShape& shape, const float* x, const float* w, const float* bias,
                                   const DropoutSpec& dropout, const StepState* state, float* y, std::uint8_t* arg_max,
                                   Scratch scratch) {
  const Correlation conv = pooled_correlation(shape);
  const BandPlan plan = plan_bands(conv, shape.pool);
  if (plan.bands == 0) return;
  ConvPoolArguments arguments{};
  arguments.x = x, arguments.w = w, arguments.bias = bias, arguments.y = y, arguments.arg_max = arg_max;
  arguments.drops = dropout.rate > 0.0f;
  if (arguments.drops) {
    arguments.stream = {dropout.seed, dropout.stream, state->step};
    arguments.threshold = dropout.rate < 1.0f ? drop_threshold(dropout.rate) : 0xFFFFFFFFu;
    arguments.scale = dropout_scale(dropout.rate);
  }
  lay_out(shape, conv, plan, pool_.threads(), aligned_start(scratch.data), arguments);
  HWY_DYNAMIC_DISPATCH(convolve_and_pool)(shape, conv, plan, arguments, pool_);
}

void CpuBackend::conv_pool_backward(const ConvPoolShape& shape, const float* x, const float* w, const float* y,
                                    const std::uint8_t* arg_max, float dropout_rate, const float* dy, float* dx,
                                    float* dw, float* dbias, Scratch scratch) {
  PooledGradient gradient{};
  gradient.x = x, gradient.w = w, gradient.y = y, gradient.arg_max = arg_max, gradient.dy = dy;
  gradient.scale = dropout_scale(dropout_rate);
  gradient.dx = dx, gradient.dw = dw, gradient.dbias = dbias;
  pooled_gradient(shape, gradient, pool_, scratch);
}

}  // namespace curie
#endif
