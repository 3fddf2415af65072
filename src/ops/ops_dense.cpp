#include "ops/check.h"
#include "ops/ops.h"

namespace curie::ops {
namespace {

std::size_t inputs_of(const DenseShape& shape) { return std::size_t(shape.n) * shape.in; }
std::size_t outputs_of(const DenseShape& shape) { return std::size_t(shape.n) * shape.out; }
std::size_t weights_of(const DenseShape& shape) { return std::size_t(shape.in) * shape.out; }
std::size_t units_of(const DenseShape& shape) { return static_cast<std::size_t>(shape.out); }

// Calls call(operations, T(), Output()): beside bfloat16 inputs the outputs may be float32.
template <typename Call>
void by_types(const Check& check, Backend& backend, const Tensor& input, const Tensor& output, Call call) {
  if (input.dtype() != DType::bf16) return call(backend, float(), float());
  if (output.dtype() == DType::bf16) return call(check.bf16(), Bf16(), Bf16());
  call(check.bf16(), Bf16(), float());
}

}  // namespace

void dense_forward(Backend& backend, const DenseShape& shape, const Tensor& x, const Tensor& w, const Tensor& bias,
                   Activation activation, const Tensor& y, Scratch scratch) {
  const Check check(backend, "dense_forward");
  check.shape(shape);
  check.fusible(activation);
  by_types(check, backend, x, y, [&](auto& on, auto element, auto result) {
    using T = decltype(element);
    using Output = decltype(result);
    on.dense_forward(shape, check.of<T>("x", x, inputs_of(shape)), check.of<T>("w", w, weights_of(shape)),
                     check.optional_f32("bias", bias, units_of(shape)), activation,
                     check.of<Output>("y", y, outputs_of(shape)), check.scratch(scratch, backend.scratch_bytes(shape)));
  });
}

void dense_backward_input(Backend& backend, const DenseShape& shape, const Tensor& dy, const Tensor& w,
                          const Tensor& dx, Scratch scratch) {
  const Check check(backend, "dense_backward_input");
  check.shape(shape);
  by_types(check, backend, dx, dy, [&](auto& on, auto element, auto result) {
    using T = decltype(element);
    using Output = decltype(result);
    on.dense_backward_input(shape, check.of<Output>("dy", dy, outputs_of(shape)),
                            check.of<T>("w", w, weights_of(shape)), check.of<T>("dx", dx, inputs_of(shape)),
                            check.scratch(scratch, backend.scratch_bytes(shape)));
  });
}

void dense_backward_weights(Backend& backend, const DenseShape& shape, const Tensor& x, const Tensor& dy,
                            const Tensor& dw, const Tensor& dbias, Scratch scratch) {
  const Check check(backend, "dense_backward_weights");
  check.shape(shape);
  by_types(check, backend, x, dy, [&](auto& on, auto element, auto result) {
    using T = decltype(element);
    using Output = decltype(result);
    on.dense_backward_weights(shape, check.of<T>("x", x, inputs_of(shape)),
                              check.of<Output>("dy", dy, outputs_of(shape)), check.f32("dw", dw, weights_of(shape)),
                              check.optional_f32("dbias", dbias, units_of(shape)),
                              check.scratch(scratch, backend.scratch_bytes(shape)));
  });
}

}  // namespace curie::ops
