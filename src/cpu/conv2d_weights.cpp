#include "cpu/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/conv2d_weights.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
#include <array>
#include <utility>

#include "cpu/conv2d_gradient-inl.h"
#include "cpu/conv2d_plan.h"
#include "cpu/conv2d_tile-inl.h"
#include "cpu/conv2d_weights.h"

#ifndef CURIE_CPU_CONV2D_WEIGHTS_ARGUMENTS_
#define CURIE_CPU_CONV2D_WEIGHTS_ARGUMENTS_
namespace curie {

struct WeightGradientArguments {
  const float* x;
  const float* dy;
  float* dw;
  float* dbias;          // may be null
  float* partials;       // (chunks, partial_floats)
  float* bias_partials;  // (chunks, bias_floats)
  std::size_t bias_floats;
  float* strips;  // strip_floats a worker
};

}  // namespace curie
#endif

HWY_BEFORE_NAMESPACE();
namespace curie::HWY_NAMESPACE {

// The sum over a band of outputs of x (kValues consecutive values of a filter row) times dy (kVectors vectors of
// filters), in registers, then added to `to`.
struct GradientInput {
  const float* x;
  std::size_t x_row, x_pixel;  // floats to the input of the next output row, of the next column
  const float* dy;
  std::size_t dy_row, dy_pixel;
  int rows, columns;
  int valid;  // filters of the block that exist
  float* to;  // (kValues, kVectors * kLanes)
};

template <int kValues, int kVectors>
void gradient_tile(const GradientInput& in) {
  const FloatTag d;
  FloatVec sums[kValues][kVectors];
  CURIE_UNROLL
  for (int i = 0; i < kValues; ++i) {
    CURIE_UNROLL
    for (int v = 0; v < kVectors; ++v) sums[i][v] = hn::Zero(d);
  }
  const LastVector last(in.valid - (kVectors - 1) * kLanes);
  for (int row = 0; row < in.rows; ++row) {
    const float* HWY_RESTRICT x = in.x + row * in.x_row;
    const float* HWY_RESTRICT dy = in.dy + row * in.dy_row;
    for (int column = 0; column < in.columns; ++column, x += in.x_pixel, dy += in.dy_pixel) {
      FloatVec gradient[kVectors];
      if constexpr (kVectors == 2) gradient[0] = hn::LoadU(d, dy);
      gradient[kVectors - 1] = last.load(dy + (kVectors - 1) * kLanes);
      CURIE_UNROLL
      for (int i = 0; i < kValues; ++i) {
        const FloatVec value = hn::Set(d, x[i]);
        CURIE_UNROLL
        for (int v = 0; v < kVectors; ++v) sums[i][v] = hn::MulAdd(value, gradient[v], sums[i][v]);
      }
    }
  }
  CURIE_UNROLL
  for (int i = 0; i < kValues; ++i) {
    CURIE_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      float* to = in.to + (i * kVectors + v) * kLanes;
      hn::Store(hn::Add(hn::Load(d, to), sums[i][v]), d, to);
    }
  }
}

using GradientTile = void (*)(const GradientInput&);

template <int kVectors, int... kValues>
constexpr std::array<GradientTile, sizeof...(kValues)> gradient_tiles(std::integer_sequence<int, kValues...>) {
  return {gradient_tile<kValues + 1, kVectors>...};
}

inline GradientTile gradient_tile_for(int values, int vectors) {
  static constexpr auto kOne = gradient_tiles<1>(std::make_integer_sequence<int, kTileColumns>());
  static constexpr auto kTwo = gradient_tiles<2>(std::make_integer_sequence<int, kTileColumns>());
  return (vectors == 1 ? kOne : kTwo)[static_cast<std::size_t>(values - 1)];
}

inline void add_bias_gradient(const GradientInput& in, int vectors, float* to) {
  const FloatTag d;
  for (int v = 0; v < vectors; ++v) {
    const LastVector last(std::min(kLanes, in.valid - v * kLanes));
    FloatVec sum = hn::Zero(d);
    for (int row = 0; row < in.rows; ++row) {
      const float* dy = in.dy + row * in.dy_row + v * kLanes;
      for (int column = 0; column < in.columns; ++column, dy += in.dy_pixel) {
        sum = hn::Add(sum, last.load(dy));
      }
    }
    hn::Store(hn::Add(hn::Load(d, to + v * kLanes), sum), d, to + v * kLanes);
  }
}

inline void sum_chunk(const Conv2dShape& shape, const BandPlan& bands, const GradientPlan& plan,
                      const WeightGradientArguments& arguments, int task, int worker) {
  const Correlation geometry = forward_correlation(shape);
  const int run = geometry.run();
  const int chunk = task / plan.groups;
  const int group = task % plan.groups;
  const int blocks = blocks_of(shape.k);
  // Groups hold whole blocks of kMaxBlock filters on every target, so that they begin where a block begins.
  const int big_blocks = (shape.k + kMaxBlock - 1) / kMaxBlock;
  const int first_block = std::min(blocks, big_blocks * group / plan.groups * (kMaxBlock / kBlock));
  const int last_block = std::min(blocks, big_blocks * (group + 1) / plan.groups * (kMaxBlock / kBlock));
  float* partial = arguments.partials + chunk * plan.partial_floats;
  float* bias_partial = arguments.bias_partials + chunk * arguments.bias_floats;
  std::fill(partial + std::size_t(first_block) * kBlock * shape.r * run,
            partial + std::min(plan.partial_floats, std::size_t(last_block) * kBlock * shape.r * run), 0.0f);
  std::fill(bias_partial + first_block * kBlock,
            bias_partial + std::min(arguments.bias_floats, std::size_t(last_block) * kBlock), 0.0f);

  const Range units = part_of(std::size_t(plan.units), std::size_t(chunk), std::size_t(plan.chunks));
  for (std::size_t unit = units.first; unit < units.last; ++unit) {
    const std::size_t image = unit / bands.bands;
    const int first_p = static_cast<int>(unit % bands.bands) * bands.rows;
    const int last_p = std::min(shape.p, first_p + bands.rows);
    const float* x = arguments.x + image * shape.h * shape.w * shape.c;
    std::size_t x_row = std::size_t(shape.w) * shape.c;
    if (bands.strip_floats > 0) {
      float* strip = arguments.strips + worker * bands.strip_floats;
      copy_strip(x, shape.h, shape.w, shape.c, first_p * shape.stride_h - shape.pad_top,
                 geometry.strip_rows(last_p - first_p), -shape.pad_left, geometry.strip_columns(), strip);
      x = strip;
      x_row = std::size_t(geometry.strip_columns()) * shape.c;
    } else {
      x += first_p * shape.stride_h * x_row;
    }
    GradientInput in{};
    in.x_row = x_row * shape.stride_h;
    in.x_pixel = std::size_t(shape.stride_w) * shape.c;
    in.dy_row = geometry.y_row;
    in.dy_pixel = geometry.y_pixel;
    in.rows = last_p - first_p;
    in.columns = shape.q;
    const int tiles = (run + kTileColumns - 1) / kTileColumns;
    for (int block = first_block; block < last_block; ++block) {
      const int vectors = vectors_of_block(shape.k, block);
      in.dy = arguments.dy + image * geometry.y_image + first_p * geometry.y_row + std::size_t(block) * kBlock;
      in.valid = std::min(vectors * kLanes, shape.k - block * kBlock);
      float* sums = partial + std::size_t(block) * kBlock * shape.r * run;
      for (int r = 0; r < shape.r; ++r) {
        for (int tile = 0; tile < tiles; ++tile) {
          const int first = run * tile / tiles;
          const int values = run * (tile + 1) / tiles - first;
          in.x = x + r * x_row + first;
          in.to = sums + (std::size_t(r) * run + first) * vectors * kLanes;
          gradient_tile_for(values, vectors)(in);
        }
      }
      if (arguments.dbias != nullptr) add_bias_gradient(in, vectors, bias_partial + block * kBlock);
    }
  }
}

void sum_weight_gradient(const Conv2dShape& shape, const BandPlan& bands, const GradientPlan& plan,
                         const WeightGradientArguments& arguments, ThreadPool& pool) {
  pool.run(plan.chunks * plan.groups,
           [&](int task, int worker) { sum_chunk(shape, bands, plan, arguments, task, worker); });
  pool.run(blocks_of(shape.k) * shape.r, [&](int task, int) {
    reduce_weights(shape, plan, arguments.partials, task / shape.r, task % shape.r, arguments.dw);
  });
  if (arguments.dbias != nullptr) {
    reduce_bias(shape.k, plan.chunks, arguments.bias_floats, arguments.bias_partials, arguments.dbias);
  }
}

}  // namespace curie::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace curie {
namespace {

HWY_EXPORT(sum_weight_gradient);

std::size_t lay_out(const Conv2dShape& shape, const BandPlan& bands, const GradientPlan& plan, int workers,
                    std::byte* data, WeightGradientArguments& arguments) {
  Arena arena(data);
  arguments.bias_floats = (std::size_t(shape.k) + kMaxBlock - 1) / kMaxBlock * kMaxBlock;
  arguments.partials = arena.take<float>(plan.partial_floats * plan.chunks);
  arguments.bias_partials = arena.take<float>(arguments.bias_floats * plan.chunks);
  arguments.strips = arena.take<float>(bands.strip_floats * workers);
  return arena.used();
}

}  // namespace

GradientPlan plan_gradient(const Conv2dShape& shape, int units) {
  constexpr int kTasks = 32;
  constexpr std::size_t kPartialFloats = std::size_t{32} << 18;  // 32 MiB
  GradientPlan plan;
  const int big_blocks = (shape.k + kMaxBlock - 1) / kMaxBlock;
  plan.units = units;
  plan.partial_floats = std::size_t(big_blocks) * kMaxBlock * shape.r * shape.s * shape.c;
  const std::size_t fitting = kPartialFloats / std::max<std::size_t>(1, plan.partial_floats);
  // At least one chunk, so that no unit at all gives a gradient of zeros.
  plan.chunks = std::max(1, std::min({units, kTasks, static_cast<int>(std::min<std::size_t>(fitting, kTasks))}));
  plan.groups = std::clamp((kTasks + plan.chunks - 1) / plan.chunks, 1, std::max(1, big_blocks));
  return plan;
}

std::size_t weight_gradient_bytes(const Conv2dShape& shape, int workers) {
  const BandPlan bands = plan_bands(forward_correlation(shape), 1);
  WeightGradientArguments arguments{};
  return lay_out(shape, bands, plan_gradient(shape, shape.n * bands.bands), workers, nullptr, arguments);
}

void weight_gradient(const Conv2dShape& shape, const float* x, const float* dy, float* dw, float* dbias,
                     ThreadPool& pool, Scratch scratch) {
  const BandPlan bands = plan_bands(forward_correlation(shape), 1);
  const GradientPlan plan = plan_gradient(shape, shape.n * bands.bands);
  WeightGradientArguments arguments{};
  arguments.x = x, arguments.dy = dy, arguments.dw = dw, arguments.dbias = dbias;
  lay_out(shape, bands, plan, pool.threads(), aligned_start(scratch.data), arguments);
  HWY_DYNAMIC_DISPATCH(sum_weight_gradient)(shape, bands, plan, arguments, pool);
}

}  // namespace curie
#endif
