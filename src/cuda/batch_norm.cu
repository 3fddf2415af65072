// Batch normalisation. Statistics take two kernels: the first gives, for chunks of rows, two sums a channel; the second
// adds the chunks in a fixed order and makes mean and variance of them. Memory is read once for it, four channels at a
// time, and float32 does nearly all the work:
//
// A thread loads a group of eight rows into registers, and so can take the group's centre c, near its mean, before the
// deviations from it: r = sum (x - c) and q = sum (x - c)^2, in float32, cancel nothing, however far the mean is from 0
// (the two-pass method, with the remainder r that its rounded mean leaves). Groups are then put together in double, as
// Chan, Golub and LeVeque do it ("Algorithms for computing the sample variance", 1983) for Welford's (1962) updates by
// one value. Instead of the mean so far, whose updates divide, a group is moved to a point s that all of them share:
//
//   with D = c - s:  sum (x - s) = n D + r;  sum (x - s)^2 = q + 2 D r + n D^2
//   in the end:      mean = s + S1 / rows;   var = (S2 - S1^2 / rows) / rows,  S1 and S2 being the sums over all groups
//
// Error, u = 2^-24: a deviation is rounded once, r by a tree of three levels, q by up to eight additions. So mean is
// off by at most 4 u times the mean of |x - c|, var by 16 u var, and rounding being as often up as down, both by far
// less as groups add up. The last subtraction cancels where |mean - s| is large beside the deviation: s is the
// channel's first value, and (first - mean)^2 <= rows * var for any data, so that it costs var at most rows * 2^-52 of
// itself. Squares overflow where a group spans 6e18, and var is then infinite.
#include "cuda/columns.cuh"
#include "cuda/kernels.h"

namespace curie::CURIE_GPU {
namespace {

// --- chunks of rows -------------------------------------------------------------------------------------------------

// How the sums are split: by shape alone, so that no result depends on the device or on an address.
struct Chunks {
  explicit Chunks(const BatchNormShape& shape)
      : floats(shape.channels % 4 == 0 ? 4 : 1),
        width(column_width(shape.channels / floats)),
        groups(column_groups(shape.channels / floats, width)) {
    constexpr int kRowsOfThread = 16;
    constexpr int kBlocks = 512;  // some for each multiprocessor of a large GPU
    const unsigned most = groups < kBlocks ? kBlocks / groups : 1;
    count = blocks_for(shape.rows, kColumnBlock / width * kRowsOfThread, most);
  }
  int floats, width;  // neighbouring channels of a thread; threads side by side in a block
  unsigned groups, count;
};

// The scratch memory: a chunk's sums of all channels, chunk after chunk, then what a gradient needs of each channel.
struct Slope {
  float mean_gradient, slope;
};
std::size_t partial_count(const BatchNormShape& shape) {
  return std::size_t{Chunks(shape).count} * static_cast<std::size_t>(shape.channels);
}
TwoSums* partials_in(Scratch scratch) { return reinterpret_cast<TwoSums*>(scratch.data); }
Slope* slopes_in(Scratch scratch, const BatchNormShape& shape) {
  return reinterpret_cast<Slope*>(partials_in(scratch) + partial_count(shape));
}

// Kernels that add chunks take four channels a block, one a thread, so that 64 slots share the chunks of each.
constexpr int kFinishWidth = 4;

// The sum of a channel's chunks, for the threads of slot 0.
__device__ __forceinline__ TwoSums sum_chunks(const ColumnPlace& at, int channels, int width, int chunks,
                                              const TwoSums* partials) {
  TwoSums sums{0.0, 0.0};
  for (int chunk = at.slot; at.column < channels && chunk < chunks; chunk += at.slots) {
    sums = sums + partials[static_cast<std::size_t>(chunk) * channels + at.column];
  }
  return sum_slots(sums, width);
}

// Adds a chunk up over the block's slots and writes it. Every thread of the block must call it.
template <int Width>
__device__ __forceinline__ void write_chunk(TwoSums (&sums)[Width], const ColumnPlace& at, int channels, int width,
                                            TwoSums* __restrict__ partials) {
  sum_slots(sums, width);
  const int channel = at.column * Width;
  if (at.slot != 0 || channel >= channels) return;
  CURIE_UNROLL
  for (int i = 0; i < Width; ++i) partials[static_cast<std::size_t>(blockIdx.y) * channels + channel + i] = sums[i];
}

// --- groups of rows -------------------------------------------------------------------------------------------------

// The rows that a thread holds in registers at a time, in flight together, which hides the latency of memory. A
// gradient needs two arrays of each row.
constexpr int kGroup = 8, kGradientGroup = 4;

// --- statistics -----------------------------------------------------------------------------------------------------

// Adds channel i of `some` rows, around the channel's first value.
template <int Width, bool kWide>
__device__ __forceinline__ void add_moments(TwoSums& sums, const Group<Width, kGroup, kWide>& group, int i, int some,
                                            float first) {
  float part[kGroup], squares = 0.0f;
  CURIE_UNROLL
  for (int k = 0; k < kGroup; ++k) part[k] = group.row[k].of[i];
  const float centre = sum_by_pairs(part) * (1.0f / static_cast<float>(some));
  CURIE_UNROLL
  for (int k = 0; k < kGroup; ++k) {
    part[k] = k < some ? group.row[k].of[i] - centre : 0.0f;
    squares = fmaf(part[k], part[k], squares);
  }
  const double shift = static_cast<double>(centre) - first, rest = sum_by_pairs(part);
  const double sum = fma(static_cast<double>(some), shift, rest);
  sums.first += sum;
  sums.second += fma(shift, sum + rest, static_cast<double>(squares));
}

// blockIdx.y: the chunk.
template <int Width, bool kWide, typename T>
__global__ void __launch_bounds__(kColumnBlock)
    moments_kernel(int rows, int channels, int width, const T* __restrict__ x, TwoSums* __restrict__ partials) {
  const ColumnPlace at(width);
  const int channel = at.column * Width;
  TwoSums sums[Width] = {};
  if (channel < channels) {
    const Floats<Width> first = load_any<Width, kWide>(x + channel);
    const std::size_t step = static_cast<std::size_t>(at.row_stride()) * channels;
    for_groups<kGroup>(at, rows, channels, [&](std::size_t offset, int some) {
      const Group<Width, kGroup, kWide> group(x + channel + offset, step, some);
      CURIE_UNROLL
      for (int i = 0; i < Width; ++i) add_moments(sums[i], group, i, some, first.of[i]);
    });
  }
  write_chunk(sums, at, channels, width, partials);
}

template <typename T>
__global__ void __launch_bounds__(kColumnBlock)
    finish_moments_kernel(BatchNormShape shape, int width, int chunks, const TwoSums* __restrict__ partials,
                          const T* __restrict__ x, float* __restrict__ saved_mean, float* __restrict__ saved_inv_std,
                          float* __restrict__ running_mean, float* __restrict__ running_variance) {
  const ColumnPlace at(width);
  const TwoSums sums = sum_chunks(at, shape.channels, width, chunks, partials);
  if (at.slot != 0 || at.column >= shape.channels) return;
  const double rows = shape.rows, drift = sums.first / rows;
  const double mean = value_of(x[at.column]) + drift;
  double variance = (sums.second - sums.first * drift) / rows;
  if (variance < 0.0) variance = 0.0;  // rounding, where all rows are alike; NaN stays
  saved_mean[at.column] = static_cast<float>(mean);
  saved_inv_std[at.column] = static_cast<float>(1.0 / sqrt(variance + shape.epsilon));
  // A single row has no unbiased variance: it counts as if it had two, as in Keras' fused kernel.
  const double unbias = shape.unbiased_running ? rows / (rows > 2.0 ? rows - 1.0 : 1.0) : 1.0;
  const double keep = shape.momentum;
  running_mean[at.column] = static_cast<float>(keep * running_mean[at.column] + (1.0 - keep) * mean);
  running_variance[at.column] =
      static_cast<float>(keep * running_variance[at.column] + (1.0 - keep) * unbias * variance);
}

// sum of dy and of dy * (x - mean): a group's in float32 by pairs, with its error of 2 u or 4 u of the sizes, the
// groups' in double.
template <int Width, bool kWide, typename T>
__global__ void __launch_bounds__(kColumnBlock)
    gradient_sums_kernel(int rows, int channels, int width, const T* __restrict__ x, const float* __restrict__ mean,
                         const T* __restrict__ dy, TwoSums* __restrict__ partials) {
  const ColumnPlace at(width);
  const int channel = at.column * Width;
  TwoSums sums[Width] = {};
  if (channel < channels) {
    const Floats<Width> centre = load_any<Width, kWide>(mean + channel);
    const std::size_t step = static_cast<std::size_t>(at.row_stride()) * channels;
    for_groups<kGradientGroup>(at, rows, channels, [&](std::size_t offset, int some) {
      const Group<Width, kGradientGroup, kWide> values(x + channel + offset, step, some);
      const Group<Width, kGradientGroup, kWide> gradients(dy + channel + offset, step, some);
      CURIE_UNROLL
      for (int i = 0; i < Width; ++i) {
        float gradient[kGradientGroup], product[kGradientGroup];
        CURIE_UNROLL
        for (int k = 0; k < kGradientGroup; ++k) {
          gradient[k] = gradients.row[k].of[i];
          product[k] = gradient[k] * (values.row[k].of[i] - centre.of[i]);
        }
        sums[i] = sums[i] + TwoSums{sum_by_pairs(gradient), sum_by_pairs(product)};
      }
    });
  }
  write_chunk(sums, at, channels, width, partials);
}

__global__ void __launch_bounds__(kColumnBlock)
    finish_gradients_kernel(int rows, int channels, int width, int chunks, const TwoSums* __restrict__ partials,
                            const float* __restrict__ inv_std, float* __restrict__ dgamma, float* __restrict__ dbeta,
                            Slope* __restrict__ slopes) {
  const ColumnPlace at(width);
  const TwoSums sums = sum_chunks(at, channels, width, chunks, partials);
  if (at.slot != 0 || at.column >= channels) return;
  const double spread = inv_std[at.column], product = sums.second * spread;
  if (dbeta != nullptr) dbeta[at.column] = static_cast<float>(sums.first);
  if (dgamma != nullptr) dgamma[at.column] = static_cast<float>(product);
  slopes[at.column] = {static_cast<float>(sums.first / rows), static_cast<float>(product * spread / rows)};
}

// --- maps -----------------------------------------------------------------------------------------------------------

// A thread keeps its channels, one or four, and goes down the rows.
template <int Width>
__device__ __forceinline__ Floats<Width> load_or(const float* values, int channel, float otherwise) {
  if (values != nullptr) return load<Width>(values + channel);
  Floats<Width> result;
  CURIE_UNROLL
  for (int i = 0; i < Width; ++i) result.of[i] = otherwise;
  return result;
}

struct Normalization {
  const float* mean;    // null: 0
  const float* spread;  // 1 / std, or a variance
  bool spread_is_variance;
  float epsilon;
  const float* gamma;  // null: 1
  const float* beta;   // null: 0
};

// y = (x - mean) * scale + beta with scale = gamma / std; y may be x.
template <int Width, typename T>
__global__ void __launch_bounds__(kColumnBlock)
    normalize_kernel(int rows, int channels, int width, Normalization by, const T* x, T* y) {
  const ColumnPlace at(width);
  const int channel = at.column * Width;
  if (channel >= channels) return;
  const Floats<Width> centre = load_or<Width>(by.mean, channel, 0.0f), shift = load_or<Width>(by.beta, channel, 0.0f),
                      gamma = load_or<Width>(by.gamma, channel, 1.0f);
  Floats<Width> scale = load<Width>(by.spread + channel);
  CURIE_UNROLL
  for (int i = 0; i < Width; ++i) {
    if (by.spread_is_variance) scale.of[i] = 1.0f / sqrtf(scale.of[i] + by.epsilon);
    scale.of[i] *= gamma.of[i];
  }
  for (long long row = at.first_row(); row < rows; row += at.row_stride()) {
    const std::size_t element = static_cast<std::size_t>(row) * channels + channel;
    Floats<Width> values = load<Width>(x + element);
    CURIE_UNROLL
    for (int i = 0; i < Width; ++i) {
      values.of[i] = fmaf(values.of[i] - centre.of[i], scale.of[i], shift.of[i]);
    }
    store<Width>(y + element, values);
  }
}

// dx = gamma * inv_std * (dy - sum dy / rows - (x - mean) * slope); dx may be dy.
template <int Width, typename T>
__global__ void __launch_bounds__(kColumnBlock)
    input_gradient_kernel(int rows, int channels, int width, const T* __restrict__ x, const float* __restrict__ mean,
                          const float* __restrict__ inv_std, const float* __restrict__ gamma,
                          const Slope* __restrict__ slopes, const T* dy, T* dx) {
  const ColumnPlace at(width);
  const int channel = at.column * Width;
  if (channel >= channels) return;
  const Floats<Width> centre = load<Width>(mean + channel), factor = load_or<Width>(gamma, channel, 1.0f);
  Floats<Width> scale = load<Width>(inv_std + channel);
  Slope of[Width];
  CURIE_UNROLL
  for (int i = 0; i < Width; ++i) {
    scale.of[i] *= factor.of[i];
    of[i] = slopes[channel + i];
  }
  for (long long row = at.first_row(); row < rows; row += at.row_stride()) {
    const std::size_t element = static_cast<std::size_t>(row) * channels + channel;
    const Floats<Width> values = load<Width>(x + element);
    Floats<Width> gradients = load<Width>(dy + element);
    CURIE_UNROLL
    for (int i = 0; i < Width; ++i) {
      const float gradient = gradients.of[i] - of[i].mean_gradient;
      gradients.of[i] = scale.of[i] * fmaf(centre.of[i] - values.of[i], of[i].slope, gradient);
    }
    store<Width>(dx + element, gradients);
  }
}

// --- launches -------------------------------------------------------------------------------------------------------

Launch over_columns(const char* name, Stream stream, unsigned groups, unsigned chunks) {
  return {.name = name, .grid = dim3(groups, chunks), .block = kColumnBlock, .stream = stream};
}

// Starts kernel(rows, channels, width, arguments...), where a thread takes `floats` channels at a time.
template <typename Kernel, typename... Arguments>
void start_map(const char* name, Stream stream, const BatchNormShape& shape, int floats, Kernel kernel,
               const Arguments&... arguments) {
  constexpr int kRowsOfThread = 8, kMostChunks = 65535;
  const int columns = shape.channels / floats, width = column_width(columns);
  const unsigned chunks = blocks_for(shape.rows, kColumnBlock / width * kRowsOfThread, kMostChunks);
  launch(over_columns(name, stream, column_groups(columns, width), chunks), kernel, shape.rows, shape.channels, width,
         arguments...);
}

template <typename T>
void normalize(const char* name, Stream stream, const BatchNormShape& shape, const Normalization& by, const T* x,
               T* y) {
  if (shape.channels % 4 == 0 && wide_enough(by.mean, by.spread, by.gamma, by.beta, x, y)) {
    start_map(name, stream, shape, 4, normalize_kernel<4, T>, by, x, y);
  } else {
    start_map(name, stream, shape, 1, normalize_kernel<1, T>, by, x, y);
  }
}

}  // namespace

std::size_t batch_norm_scratch_bytes(const BatchNormShape& shape) {
  return partial_count(shape) * sizeof(TwoSums) + static_cast<std::size_t>(shape.channels) * sizeof(Slope);
}

template <typename T>
void batch_norm_forward(Stream stream, const BatchNormShape& shape, const T* x, const float* gamma, const float* beta,
                        T* y, float* saved_mean, float* saved_inv_std, float* running_mean, float* running_variance,
                        Scratch scratch) {
  const Chunks chunks(shape);
  const auto moments = chunks.floats == 1 ? moments_kernel<1, true, T>
                       : wide_enough(x)   ? moments_kernel<4, true, T>
                                          : moments_kernel<4, false, T>;
  TwoSums* const partials = partials_in(scratch);
  launch(over_columns("batch_norm_moments", stream, chunks.groups, chunks.count), moments, shape.rows, shape.channels,
         chunks.width, x, partials);
  const int width = column_width(shape.channels, kFinishWidth);
  launch(over_columns("batch_norm_statistics", stream, column_groups(shape.channels, width), 1),
         finish_moments_kernel<T>, shape, width, chunks.count, partials, x, saved_mean, saved_inv_std, running_mean,
         running_variance);
  normalize("batch_norm", stream, shape, {saved_mean, saved_inv_std, false, shape.epsilon, gamma, beta}, x, y);
}

template <typename T>
void batch_norm_inference(Stream stream, const BatchNormShape& shape, const T* x, const float* gamma, const float* beta,
                          const float* running_mean, const float* running_variance, T* y) {
  normalize("batch_norm_inference", stream, shape, {running_mean, running_variance, true, shape.epsilon, gamma, beta},
            x, y);
}

template <typename T>
void batch_norm_backward(Stream stream, const BatchNormShape& shape, const T* x, const float* gamma,
                         const float* saved_mean, const float* saved_inv_std, const T* dy, T* dx, float* dgamma,
                         float* dbeta, Scratch scratch) {
  const Chunks chunks(shape);
  const auto gradient_sums = chunks.floats == 1               ? gradient_sums_kernel<1, true, T>
                             : wide_enough(x, saved_mean, dy) ? gradient_sums_kernel<4, true, T>
                                                              : gradient_sums_kernel<4, false, T>;
  TwoSums* const partials = partials_in(scratch);
  Slope* const slopes = slopes_in(scratch, shape);
  launch(over_columns("batch_norm_gradient_sums", stream, chunks.groups, chunks.count), gradient_sums, shape.rows,
         shape.channels, chunks.width, x, saved_mean, dy, partials);
  const int width = column_width(shape.channels, kFinishWidth);
  launch(over_columns("batch_norm_gradients", stream, column_groups(shape.channels, width), 1), finish_gradients_kernel,
         shape.rows, shape.channels, width, chunks.count, partials, saved_inv_std, dgamma, dbeta, slopes);
  if (dx == nullptr) return;
  if (shape.channels % 4 == 0 && wide_enough(x, saved_mean, saved_inv_std, gamma, dy, dx)) {
    start_map("batch_norm_input_gradient", stream, shape, 4, input_gradient_kernel<4, T>, x, saved_mean, saved_inv_std,
              gamma, slopes, dy, dx);
  } else {
    start_map("batch_norm_input_gradient", stream, shape, 1, input_gradient_kernel<1, T>, x, saved_mean, saved_inv_std,
              gamma, slopes, dy, dx);
  }
}

template <typename T>
void batch_norm_backward_inference(Stream stream, const BatchNormShape& shape, const float* gamma,
                                   const float* running_variance, const T* dy, T* dx) {
  normalize("batch_norm_frozen_gradient", stream, shape,
            {nullptr, running_variance, true, shape.epsilon, gamma, nullptr}, dy, dx);
}

#define CURIE_BATCH_NORM_OF(T)                                                                                         \
  template void batch_norm_forward(Stream, const BatchNormShape&, const T*, const float*, const float*, T*, float*,    \
                                   float*, float*, float*, Scratch);                                                   \
  template void batch_norm_inference(Stream, const BatchNormShape&, const T*, const float*, const float*,              \
                                     const float*, const float*, T*);                                                  \
  template void batch_norm_backward(Stream, const BatchNormShape&, const T*, const float*, const float*, const float*, \
                                    const T*, T*, float*, float*, Scratch);                                            \
  template void batch_norm_backward_inference(Stream, const BatchNormShape&, const float*, const float*, const T*, T*);
CURIE_BATCH_NORM_OF(float)
CURIE_BATCH_NORM_OF(Bf16)

}  // namespace curie::CURIE_GPU
