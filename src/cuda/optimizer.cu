// One launch for all parameters of a run, which rounds the weights to bfloat16 too where products read them so.
// Multiply-adds are written as such: every device then moves the weights by the same bits.
#include "cuda/floats.cuh"
#include "cuda/kernels.h"

namespace curie::CURIE_GPU {
namespace {

// Weight decay before the step: into the gradient (L2) or straight into the weight (decoupled).
struct Decay {
  DecayKind kind;
  float amount;

  __device__ __forceinline__ void apply(float rate, float& w, float& g) const {
    if (amount == 0.0f) return;
    if (kind == DecayKind::l2) {
      g = fmaf(amount, w, g);
    } else {
      w = fmaf(-(rate * amount), w, w);
    }
  }
};

// v is left alone when the momentum is 0.
__device__ __forceinline__ void sgd_element(const SgdArgs& args, float rate, float g, float& w, float& v) {
  Decay{args.decay_kind, args.weight_decay}.apply(rate, w, g);
  const float momentum = args.momentum;
  if (momentum == 0.0f) {
    w = fmaf(-rate, g, w);
  } else if (args.convention == Convention::keras) {
    v = fmaf(-rate, g, momentum * v);
    w = w + (args.nesterov ? fmaf(-rate, g, momentum * v) : v);
  } else {
    v = fmaf(momentum, v, g);
    w = fmaf(-rate, args.nesterov ? fmaf(momentum, v, g) : v, w);
  }
}

__global__ void __launch_bounds__(kMapBlock)
    sgd_kernel(SgdArgs args, std::size_t count, bool wide, const StepState* __restrict__ state,
               const float* __restrict__ gradient, float* __restrict__ weights, float* __restrict__ velocity,
               Bf16* __restrict__ rounded_weights) {
  const Quad quad(count, wide);
  if (quad.some == 0) return;
  const float rate = state->learning_rate * args.rate_multiplier;
  const Floats<4> g = quad.load(gradient);
  Floats<4> w = quad.load(weights), v{};
  if (args.momentum != 0.0f) v = quad.load(velocity);
  CURIE_UNROLL
  for (int i = 0; i < 4; ++i) sgd_element(args, rate, g.of[i], w.of[i], v.of[i]);
  if (args.momentum != 0.0f) quad.store(velocity, v);
  quad.store(weights, w);
  if (rounded_weights != nullptr) quad.store(rounded_weights, w);
}

// w -= step * m / (sqrt(v * variance_scale) + epsilon): both conventions, with their own step and scale.
struct AdamScalars {
  float rate, step, variance_scale;
};

__device__ __forceinline__ AdamScalars adam_scalars(const AdamArgs& args, const StepState& state) {
  const float float_rate = state.learning_rate * args.rate_multiplier;
  const double rate = float_rate, c1 = state.momentum_correction, c2 = state.variance_correction;
  const bool keras = args.convention == Convention::keras;
  return {float_rate, static_cast<float>(keras ? rate * sqrt(c2) / c1 : rate / c1),
          static_cast<float>(keras ? 1.0 : 1.0 / c2)};
}

__global__ void __launch_bounds__(kMapBlock)
    adam_kernel(AdamArgs args, float rest1, float rest2, std::size_t count, bool wide,
                const StepState* __restrict__ state, const float* __restrict__ gradient, float* __restrict__ weights,
                float* __restrict__ first_moment, float* __restrict__ second_moment,
                Bf16* __restrict__ rounded_weights) {
  AdamScalars& scalars = shared<AdamScalars>();
  if (threadIdx.x == 0) scalars = adam_scalars(args, *state);
  __syncthreads();
  const Quad quad(count, wide);
  if (quad.some == 0) return;
  const Decay decay{args.decay_kind, args.weight_decay};
  Floats<4> g = quad.load(gradient), w = quad.load(weights), m = quad.load(first_moment), v = quad.load(second_moment);
  CURIE_UNROLL
  for (int i = 0; i < 4; ++i) {
    decay.apply(scalars.rate, w.of[i], g.of[i]);
    m.of[i] = fmaf(args.beta1, m.of[i], rest1 * g.of[i]);
    v.of[i] = fmaf(args.beta2, v.of[i], rest2 * (g.of[i] * g.of[i]));
    const float spread = sqrtf(v.of[i] * scalars.variance_scale) + args.epsilon;
    w.of[i] = fmaf(-scalars.step, m.of[i] / spread, w.of[i]);
  }
  quad.store(first_moment, m);
  quad.store(second_moment, v);
  quad.store(weights, w);
  if (rounded_weights != nullptr) quad.store(rounded_weights, w);
}

float one_minus(float beta) { return static_cast<float>(1.0 - static_cast<double>(beta)); }

}  // namespace

void sgd_step(Stream stream, const SgdArgs& args, std::size_t count, const StepState* state, const float* gradient,
              float* weights, float* velocity, Bf16* rounded_weights) {
  if (count == 0) return;
  launch({.name = "sgd", .grid = quad_blocks(count), .block = kMapBlock, .stream = stream}, sgd_kernel, args, count,
         wide_enough(gradient, weights, velocity, rounded_weights), state, gradient, weights, velocity,
         rounded_weights);
}

void adam_step(Stream stream, const AdamArgs& args, std::size_t count, const StepState* state, const float* gradient,
               float* weights, float* first_moment, float* second_moment, Bf16* rounded_weights) {
  if (count == 0) return;
  launch({.name = "adam", .grid = quad_blocks(count), .block = kMapBlock, .stream = stream}, adam_kernel, args,
         one_minus(args.beta1), one_minus(args.beta2), count,
         wide_enough(gradient, weights, first_moment, second_moment, rounded_weights), state, gradient, weights,
         first_moment, second_moment, rounded_weights);
}

}  // namespace curie::CURIE_GPU
