#include "catalogue/entries.h"

namespace curie {
namespace {

const std::vector<Extent> kDense = {{"n", 16}, {"in", 96}, {"out", 32}};
const std::vector<std::string> kHard = {"n=150,in=150,out=70", "n=20,in=600,out=8", "out=3"};

struct Sizes {
  DenseShape shape;
  std::size_t x, w, y, out;
};

Sizes sizes(const Operands& o) {
  const DenseShape shape{.n = o["n"], .in = o["in"], .out = o["out"]};
  const auto n = static_cast<std::size_t>(shape.n), in = static_cast<std::size_t>(shape.in);
  const auto out = static_cast<std::size_t>(shape.out);
  return {shape, n * in, in * out, n * out, out};
}

// T: what x, w and dx are kept in; Y: y and dy, which stay float32 where they are logits.
template <typename T, typename Y>
void forward(Operands& o, Y* y) {
  const Sizes s = sizes(o);
  const T* x = o.integers<T>("x", s.x);
  const T* w = o.integers<T>("w", s.w);
  const float* bias = o.integers("bias", s.out);
  o.on<T>().dense_forward(s.shape, x, w, bias, Activation::relu, y, o.scratch(o.backend().scratch_bytes(s.shape)));
}

template <typename T>
void dense_forward(Operands& o) {
  forward<T>(o, o.output<T>("y", sizes(o).y));
}

template <typename T>
void dense_logits(Operands& o) {
  forward<T>(o, o.output("y", sizes(o).y));
}

template <typename T, typename Y>
void dense_backward_input(Operands& o) {
  const Sizes s = sizes(o);
  const Y* dy = o.integers<Y>("dy", s.y);
  const T* w = o.integers<T>("w", s.w);
  T* dx = o.output<T>("dx", s.x);
  o.on<T>().dense_backward_input(s.shape, dy, w, dx, o.scratch(o.backend().scratch_bytes(s.shape)));
}

template <typename T, typename Y>
void dense_backward_weights(Operands& o) {
  const Sizes s = sizes(o);
  const T* x = o.integers<T>("x", s.x);
  const Y* dy = o.integers<Y>("dy", s.y);
  float* dw = o.output("dw", s.w);
  float* dbias = o.output("dbias", s.out);
  o.on<T>().dense_backward_weights(s.shape, x, dy, dw, dbias, o.scratch(o.backend().scratch_bytes(s.shape)));
}

}  // namespace

// Kernels on bfloat16 whose y or dy is float32 have names of their own: with float32 they are the same as the others.
std::vector<CatalogueEntry> dense_entries() {
  return {
      {"dense_forward", "matrix product + bias + ReLU", kDense, true, dense_forward<float>, dense_forward<Bf16>, kHard},
      {"dense_backward_input", "the dense layer's gradient in its input", kDense, true,
       dense_backward_input<float, float>, dense_backward_input<Bf16, Bf16>, kHard},
      {"dense_backward_weights", "the dense layer's gradients in its weights and biases", kDense, true,
       dense_backward_weights<float, float>, dense_backward_weights<Bf16, Bf16>, kHard},
      {"dense_logits", "dense_forward whose output is float32 always", kDense, true, dense_logits<float>,
       dense_logits<Bf16>, kHard},
      {"dense_logits_backward_input", "dense_backward_input from a gradient that is float32 always", kDense, true,
       dense_backward_input<float, float>, dense_backward_input<Bf16, float>, kHard},
      {"dense_logits_backward_weights", "dense_backward_weights from a gradient that is float32 always", kDense, true,
       dense_backward_weights<float, float>, dense_backward_weights<Bf16, float>, kHard},
  };
}

}  // namespace curie
