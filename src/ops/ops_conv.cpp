#include "ops/check.h"
#include "ops/ops.h"

namespace curie::ops {
namespace {

std::size_t outputs_of(const ConvPoolShape& shape) { return shape.output_elements(); }
std::size_t filters_of(const Conv2dShape& shape) { return static_cast<std::size_t>(shape.k); }

void check_dropout(const Check& check, float rate, const void* state) {
  check.between("dropout rate", rate, 0.0, 1.0);
  if (rate > 0.0f) check.not_null("state", state);
}

}  // namespace

void conv2d_forward(Backend& backend, const Conv2dShape& shape, const Tensor& x, const Tensor& w, const Tensor& bias,
                    Activation activation, const Tensor& y, Scratch scratch) {
  const Check check(backend, "conv2d_forward");
  check.shape(shape);
  check.fusible(activation);
  by_type(check, backend, x, [&](auto& on, auto element) {
    using T = decltype(element);
    on.conv2d_forward(shape, check.of<T>("x", x, shape.input_elements()), check.of<T>("w", w, shape.weight_elements()),
                      check.optional_f32("bias", bias, filters_of(shape)), activation,
                      check.of<T>("y", y, shape.output_elements()),
                      check.scratch(scratch, backend.scratch_bytes(shape)));
  });
}

void conv2d_backward_input(Backend& backend, const Conv2dShape& shape, const Tensor& dy, const Tensor& w,
                           const Tensor& dx, Scratch scratch) {
  const Check check(backend, "conv2d_backward_input");
  check.shape(shape);
  by_type(check, backend, dy, [&](auto& on, auto element) {
    using T = decltype(element);
    on.conv2d_backward_input(
        shape, check.of<T>("dy", dy, shape.output_elements()), check.of<T>("w", w, shape.weight_elements()),
        check.of<T>("dx", dx, shape.input_elements()), check.scratch(scratch, backend.scratch_bytes(shape)));
  });
}

void conv2d_backward_weights(Backend& backend, const Conv2dShape& shape, const Tensor& x, const Tensor& dy,
                             const Tensor& dw, const Tensor& dbias, Scratch scratch) {
  const Check check(backend, "conv2d_backward_weights");
  check.shape(shape);
  by_type(check, backend, x, [&](auto& on, auto element) {
    using T = decltype(element);
    on.conv2d_backward_weights(
        shape, check.of<T>("x", x, shape.input_elements()), check.of<T>("dy", dy, shape.output_elements()),
        check.f32("dw", dw, shape.weight_elements()), check.optional_f32("dbias", dbias, filters_of(shape)),
        check.scratch(scratch, backend.scratch_bytes(shape)));
  });
}

void conv_pool_forward(Backend& backend, const ConvPoolShape& shape, const Tensor& x, const Tensor& w,
                       const Tensor& bias, const DropoutSpec& dropout, const StepState* state, const Tensor& y,
                       const Tensor& arg_max, Scratch scratch) {
  const Check check(backend, "conv_pool_forward");
  check.shape(shape);
  check_dropout(check, dropout.rate, state);
  by_type(check, backend, x, [&](auto& on, auto element) {
    using T = decltype(element);
    on.conv_pool_forward(
        shape, check.of<T>("x", x, shape.conv.input_elements()), check.of<T>("w", w, shape.conv.weight_elements()),
        check.optional_f32("bias", bias, filters_of(shape.conv)), dropout, state,
        check.of<T>("y", y, outputs_of(shape)), check.optional_u8("arg_max", arg_max, outputs_of(shape)),
        check.scratch(scratch, backend.scratch_bytes(shape)));
  });
}

void conv_pool_backward(Backend& backend, const ConvPoolShape& shape, const Tensor& x, const Tensor& w, const Tensor& y,
                        const Tensor& arg_max, float dropout_rate, const Tensor& dy, const Tensor& dx, const Tensor& dw,
                        const Tensor& dbias, Scratch scratch) {
  const Check check(backend, "conv_pool_backward");
  check.shape(shape);
  check.between("dropout rate", dropout_rate, 0.0, 1.0);
  by_type(check, backend, x, [&](auto& on, auto element) {
    using T = decltype(element);
    on.conv_pool_backward(
        shape, check.of<T>("x", x, shape.conv.input_elements()), check.of<T>("w", w, shape.conv.weight_elements()),
        check.of<T>("y", y, outputs_of(shape)), check.u8("arg_max", arg_max, outputs_of(shape)), dropout_rate,
        check.of<T>("dy", dy, outputs_of(shape)), check.optional_of<T>("dx", dx, shape.conv.input_elements()),
        check.f32("dw", dw, shape.conv.weight_elements()), check.optional_f32("dbias", dbias, filters_of(shape.conv)),
        check.scratch(scratch, backend.scratch_bytes(shape)));
  });
}

}  // namespace curie::ops
