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

void dense_forward(Operands& o) {
  const Sizes s = sizes(o);
  const float* x = o.integers("x", s.x);
  const float* w = o.integers("w", s.w);
  const float* bias = o.integers("bias", s.out);
  float* y = o.output("y", s.y);
  o.backend().dense_forward(s.shape, x, w, bias, Activation::relu, y, o.scratch(o.backend().scratch_bytes(s.shape)));
}

void dense_backward_input(Operands& o) {
  const Sizes s = sizes(o);
  const float* dy = o.integers("dy", s.y);
  const float* w = o.integers("w", s.w);
  float* dx = o.output("dx", s.x);
  o.backend().dense_backward_input(s.shape, dy, w, dx, o.scratch(o.backend().scratch_bytes(s.shape)));
}

void dense_backward_weights(Operands& o) {
  const Sizes s = sizes(o);
  const float* x = o.integers("x", s.x);
  const float* dy = o.integers("dy", s.y);
  float* dw = o.output("dw", s.w);
  float* dbias = o.output("dbias", s.out);
  o.backend().dense_backward_weights(s.shape, x, dy, dw, dbias, o.scratch(o.backend().scratch_bytes(s.shape)));
}

}  // namespace

std::vector<CatalogueEntry> dense_entries() {
  return {
      {"dense_forward", "matrix product + bias + ReLU", kDense, true, dense_forward, kHard},
      {"dense_backward_input", "the dense layer's gradient in its input", kDense, true, dense_backward_input, kHard},
      {"dense_backward_weights", "the dense layer's gradients in its weights and biases", kDense, true,
       dense_backward_weights, kHard},
  };
}

}  // namespace curie
