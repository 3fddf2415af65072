#include "ops/check.h"
#include "ops/ops.h"

namespace curie::ops {
namespace {

std::size_t inputs_of(const DenseShape& shape) { return std::size_t(shape.n) * shape.in; }
std::size_t outputs_of(const DenseShape& shape) { return std::size_t(shape.n) * shape.out; }
std::size_t weights_of(const DenseShape& shape) { return std::size_t(shape.in) * shape.out; }
std::size_t units_of(const DenseShape& shape) { return static_cast<std::size_t>(shape.out); }

}  // namespace

void dense_forward(Backend& backend, const DenseShape& shape, const Tensor& x, const Tensor& w, const Tensor& bias,
                   Activation activation, const Tensor& y, Scratch scratch) {
  const Check check(backend, "dense_forward");
  check.shape(shape);
  check.fusible(activation);
  backend.dense_forward(shape, check.f32("x", x, inputs_of(shape)), check.f32("w", w, weights_of(shape)),
                        check.optional_f32("bias", bias, units_of(shape)), activation,
                        check.f32("y", y, outputs_of(shape)), check.scratch(scratch, backend.scratch_bytes(shape)));
}

void dense_backward_input(Backend& backend, const DenseShape& shape, const Tensor& dy, const Tensor& w,
                          const Tensor& dx, Scratch scratch) {
  const Check check(backend, "dense_backward_input");
  check.shape(shape);
  backend.dense_backward_input(shape, check.f32("dy", dy, outputs_of(shape)), check.f32("w", w, weights_of(shape)),
                               check.f32("dx", dx, inputs_of(shape)),
                               check.scratch(scratch, backend.scratch_bytes(shape)));
}

void dense_backward_weights(Backend& backend, const DenseShape& shape, const Tensor& x, const Tensor& dy,
                            const Tensor& dw, const Tensor& dbias, Scratch scratch) {
  const Check check(backend, "dense_backward_weights");
  check.shape(shape);
  backend.dense_backward_weights(shape, check.f32("x", x, inputs_of(shape)), check.f32("dy", dy, outputs_of(shape)),
                                 check.f32("dw", dw, weights_of(shape)),
                                 check.optional_f32("dbias", dbias, units_of(shape)),
                                 check.scratch(scratch, backend.scratch_bytes(shape)));
}

}  // namespace curie::ops
