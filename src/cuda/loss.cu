// Losses with their gradients: a thread a row of few classes, a warp a row of many. Values and gradients are in double,
// with one rounding at the end. Each block leaves the sum of its rows in the scratch memory; a second kernel of one
// block adds those in a fixed order and is the only one to touch the totals.
#include "cuda/kernels.h"
#include "cuda/launch.cuh"
#include "cuda/reduce.cuh"

namespace curie::CURIE_GPU {
namespace {

constexpr int kBlock = 256;
constexpr int kFewClasses = 4;  // up to here a thread reads a row alone
constexpr int kMostBlocks = 1024;

constexpr int lanes_of(int classes) { return classes <= kFewClasses ? 1 : kWarpSize; }
unsigned blocks_of(const LossShape& shape) {
  return blocks_for(static_cast<std::size_t>(shape.rows), kBlock / lanes_of(shape.classes), kMostBlocks);
}

// Keras' epsilon, and what 1 - epsilon is in float32.
constexpr float kLow = 1e-7f, kHigh = 1.0f - 1e-7f;

__device__ __forceinline__ double clip(double p) { return p < kLow ? double{kLow} : p > kHigh ? double{kHigh} : p; }
__device__ __forceinline__ bool clipped(double p) { return p < kLow || p > kHigh; }

// A sample, shared by `Lanes` lanes: lane l takes the classes l, l + Lanes, ... All lanes get the loss. Behind the last
// row there are no classes, but the lanes take part in the reductions.
template <int Lanes>
struct Sample {
  int lane, classes;        // the lane's first class; all classes
  const float* prediction;  // of the row
  const float* target;      // for losses with a target a column
  int label;                // for losses with a class index
  double scale;             // of the gradient
  float* gradient;          // null where not wanted

  __device__ __forceinline__ double sum(double value) const { return warp_reduce<Sum, Lanes>(value); }
  __device__ __forceinline__ void put(int c, double value) const {
    if (gradient != nullptr) gradient[c] = static_cast<float>(scale * value);
  }
  // Calls body(class, prediction, target) for the lane's classes.
  template <typename Body>
  __device__ __forceinline__ void each(const Body& body) const {
    for (int c = lane; c < classes; c += Lanes) {
      const double t = target != nullptr ? target[c] : c == label ? 1.0 : 0.0;
      body(c, static_cast<double>(prediction[c]), t);
    }
  }
  // log(sum exp z), without overflow.
  __device__ __forceinline__ double log_sum_exp() const {
    float most = -INFINITY;
    for (int c = lane; c < classes; c += Lanes) most = Maximum::of(most, prediction[c]);
    const double top = warp_reduce<Maximum, Lanes>(most);
    double exponentials = 0.0;
    each([&](int, double z, double) { exponentials += exp(z - top); });
    return top + log(sum(exponentials));
  }
};

template <int Lanes>
__device__ __forceinline__ double binary_logits(const Sample<Lanes>& s) {
  double loss = 0.0;
  s.each([&](int c, double z, double t) {
    const double e = exp(-fabs(z));  // at most 1
    loss += (z < 0.0 ? 0.0 : z) - z * t + log1p(e);
    s.put(c, ((z < 0.0 ? e : 1.0) / (1.0 + e) - t) / s.classes);
  });
  return s.sum(loss) / s.classes;
}

template <int Lanes>
__device__ __forceinline__ double binary(const Sample<Lanes>& s) {
  double loss = 0.0;
  s.each([&](int c, double prediction, double t) {
    const double p = clip(prediction);
    loss -= t * log(p) + (1.0 - t) * log1p(-p);
    s.put(c, clipped(prediction) ? 0.0 : (p - t) / (p * (1.0 - p)) / s.classes);
  });
  return s.sum(loss) / s.classes;
}

// With a class index the target is 1 for that class.
template <int Lanes>
__device__ __forceinline__ double cross_entropy_logits(const Sample<Lanes>& s) {
  const double normalizer = s.log_sum_exp();
  double loss = 0.0, mass = 0.0;
  s.each([&](int, double z, double t) {
    if (s.target != nullptr || t != 0.0) loss -= t * (z - normalizer);
    mass += t;
  });
  mass = s.sum(mass);
  s.each([&](int c, double z, double t) { s.put(c, exp(z - normalizer) * mass - t); });
  return s.sum(loss);
}

// With q = p / sum p: d loss / dp = (sum of t over the columns that are not clipped - t / q) / sum p.
template <int Lanes>
__device__ __forceinline__ double categorical(const Sample<Lanes>& s) {
  double total = 0.0;
  s.each([&](int, double p, double) { total += p; });
  total = s.sum(total);
  double loss = 0.0, mass = 0.0;
  s.each([&](int, double p, double t) {
    loss -= t * log(clip(p / total));
    if (!clipped(p / total)) mass += t;
  });
  mass = s.sum(mass);
  s.each([&](int c, double p, double t) {
    const double q = p / total;
    s.put(c, (mass - (clipped(q) ? 0.0 : t / q)) / total);
  });
  return s.sum(loss);
}

// The logits are log(clip(p)): their exponentials are the clipped probabilities themselves.
template <int Lanes>
__device__ __forceinline__ double sparse(const Sample<Lanes>& s) {
  double total = 0.0;
  s.each([&](int, double p, double) { total += clip(p); });
  total = s.sum(total);
  double loss = 0.0;
  s.each([&](int c, double p, double) {
    if (c == s.label) loss = log(total) - log(clip(p));
    s.put(c, clipped(p) ? 0.0 : 1.0 / total - (c == s.label ? 1.0 / clip(p) : 0.0));
  });
  return s.sum(loss);
}

template <int Lanes>
__device__ __forceinline__ double negative_log_likelihood(const Sample<Lanes>& s) {
  double loss = 0.0;
  s.each([&](int c, double log_p, double t) {
    if (c == s.label) loss = -log_p;
    s.put(c, -t);
  });
  return s.sum(loss);
}

template <int Lanes>
__device__ __forceinline__ double mean_squared_error(const Sample<Lanes>& s) {
  double loss = 0.0;
  s.each([&](int c, double p, double t) {
    loss += (p - t) * (p - t);
    s.put(c, 2.0 * (p - t) / s.classes);
  });
  return s.sum(loss) / s.classes;
}

template <int Lanes>
__device__ __forceinline__ double loss_of(LossKind kind, const Sample<Lanes>& sample) {
  switch (kind) {
    case LossKind::binary_logits:
      return binary_logits(sample);
    case LossKind::binary:
      return binary(sample);
    case LossKind::categorical_logits:
    case LossKind::sparse_logits:
      return cross_entropy_logits(sample);
    case LossKind::categorical:
      return categorical(sample);
    case LossKind::sparse:
      return sparse(sample);
    case LossKind::nll:
      return negative_log_likelihood(sample);
    case LossKind::mse:
      break;
  }
  return mean_squared_error(sample);
}

template <int Lanes>
__global__ void __launch_bounds__(kBlock)
    loss_kernel(LossShape shape, const float* __restrict__ predictions, const void* __restrict__ targets,
                const float* __restrict__ weights, float* __restrict__ gradient, double* __restrict__ block_sums) {
  constexpr int kRows = kBlock / Lanes;
  const bool takes_index = takes_class_index(shape.kind);
  double sum = 0.0;
  for (long long first = static_cast<long long>(blockIdx.x) * kRows; first < shape.rows;
       first += static_cast<long long>(gridDim.x) * kRows) {
    const auto row = static_cast<std::size_t>(first) + threadIdx.x / Lanes;
    const bool inside = row < static_cast<std::size_t>(shape.rows);
    const std::size_t at = row * static_cast<std::size_t>(shape.classes);
    double weight = inside ? weights == nullptr ? 1.0 : weights[row] : 0.0;
    int label = 0;
    if (takes_index && inside) label = static_cast<const std::int32_t*>(targets)[row];
    // A kernel cannot stop for a class number that is none: loss and gradient become NaN.
    if (label < 0 || label >= shape.classes) weight = NAN;
    const Sample<Lanes> sample{.lane = static_cast<int>(threadIdx.x) % Lanes,
                               .classes = inside ? shape.classes : 0,
                               .prediction = predictions + at,
                               .target = takes_index ? nullptr : static_cast<const float*>(targets) + at,
                               .label = label,
                               .scale = weight / shape.rows,
                               .gradient = gradient == nullptr ? nullptr : gradient + at};
    const double loss = loss_of(shape.kind, sample);
    if (inside && sample.lane == 0) sum += weight * loss;
  }
  sum = block_reduce<Sum>(sum, shared<BlockPartials<double, kBlock>>());
  if (threadIdx.x == 0) block_sums[blockIdx.x] = sum;
}

__global__ void __launch_bounds__(kBlock)
    add_totals_kernel(int rows, int blocks, const double* __restrict__ block_sums, MetricTotals* __restrict__ totals) {
  double sum = 0.0;
  for (int i = static_cast<int>(threadIdx.x); i < blocks; i += kBlock) sum += block_sums[i];
  sum = block_reduce<Sum>(sum, shared<BlockPartials<double, kBlock>>());
  if (threadIdx.x == 0) {
    totals->loss += sum;
    totals->samples += rows;
  }
}

}  // namespace

std::size_t loss_scratch_bytes(const LossShape& shape) { return blocks_of(shape) * sizeof(double); }

void loss(Stream stream, const LossShape& shape, const float* predictions, const void* targets, const float* weights,
          float* gradient, MetricTotals* totals, Scratch scratch) {
  const unsigned blocks = blocks_of(shape);
  auto* const block_sums = reinterpret_cast<double*>(scratch.data);
  launch({.name = "loss", .grid = blocks, .block = kBlock, .stream = stream},
         lanes_of(shape.classes) == 1 ? loss_kernel<1> : loss_kernel<kWarpSize>, shape, predictions, targets, weights,
         gradient, block_sums);
  launch({.name = "loss_totals", .grid = 1, .block = kBlock, .stream = stream}, add_totals_kernel, shape.rows, blocks,
         block_sums, totals);
}

}  // namespace curie::CURIE_GPU
