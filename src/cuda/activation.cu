#include "cuda/floats.cuh"
#include "cuda/kernels.h"

namespace curie::CURIE_GPU {
namespace {

struct Relu {
  __device__ float operator()(float x) const { return x < 0.0f ? 0.0f : x; }  // NaN is not below 0 and stays
};

// Sigmoid and tanh are computed in double and rounded once: half a unit in the last place, also near 0.
struct Sigmoid {
  __device__ float operator()(float x) const { return static_cast<float>(1.0 / (1.0 + exp(-static_cast<double>(x)))); }
};

struct Tanh {
  __device__ float operator()(float x) const { return static_cast<float>(tanh(static_cast<double>(x))); }
};

struct ReluGradient {
  __device__ float operator()(float y, float dy) const { return y > 0.0f ? dy : 0.0f; }
};

struct SigmoidGradient {
  __device__ float operator()(float y, float dy) const { return dy * (y * (1.0f - y)); }
};

struct TanhGradient {
  // 1 - y^2 without cancellation
  __device__ float operator()(float y, float dy) const { return dy * ((1.0f - y) * (1.0f + y)); }
};

}  // namespace

template <typename T>
void activation_forward(Stream stream, Activation activation, std::size_t count, const T* x, T* y) {
  if (activation == Activation::relu) map(stream, "relu", count, Relu(), y, x);
  if (activation == Activation::sigmoid) map(stream, "sigmoid", count, Sigmoid(), y, x);
  if (activation == Activation::tanh) map(stream, "tanh", count, Tanh(), y, x);
}

template <typename T>
void activation_backward(Stream stream, Activation activation, std::size_t count, const T* y, const T* dy, T* dx) {
  if (activation == Activation::relu) map(stream, "relu_gradient", count, ReluGradient(), dx, y, dy);
  if (activation == Activation::sigmoid) map(stream, "sigmoid_gradient", count, SigmoidGradient(), dx, y, dy);
  if (activation == Activation::tanh) map(stream, "tanh_gradient", count, TanhGradient(), dx, y, dy);
}

template void activation_forward(Stream, Activation, std::size_t, const float*, float*);
template void activation_forward(Stream, Activation, std::size_t, const Bf16*, Bf16*);
template void activation_backward(Stream, Activation, std::size_t, const float*, const float*, float*);
template void activation_backward(Stream, Activation, std::size_t, const Bf16*, const Bf16*, Bf16*);

}  // namespace curie::CURIE_GPU
