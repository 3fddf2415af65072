#include "ops/check.h"
#include "ops/ops.h"

namespace curie::ops {
namespace {

std::size_t elements_of(const BatchNormShape& shape) { return std::size_t(shape.rows) * shape.channels; }
std::size_t channels_of(const BatchNormShape& shape) { return static_cast<std::size_t>(shape.channels); }

}  // namespace

void batch_norm_forward(Backend& backend, const BatchNormShape& shape, const Tensor& x, const Tensor& gamma,
                        const Tensor& beta, const Tensor& y, const Tensor& saved_mean, const Tensor& saved_inv_std,
                        const Tensor& running_mean, const Tensor& running_variance, Scratch scratch) {
  const Check check(backend, "batch_norm_forward");
  check.shape(shape);
  by_type(check, backend, x, [&](auto& on, auto element) {
    using T = decltype(element);
    on.batch_norm_forward(shape, check.of<T>("x", x, elements_of(shape)),
                          check.optional_f32("gamma", gamma, channels_of(shape)),
                          check.optional_f32("beta", beta, channels_of(shape)), check.of<T>("y", y, elements_of(shape)),
                          check.f32("saved_mean", saved_mean, channels_of(shape)),
                          check.f32("saved_inv_std", saved_inv_std, channels_of(shape)),
                          check.f32("running_mean", running_mean, channels_of(shape)),
                          check.f32("running_variance", running_variance, channels_of(shape)),
                          check.scratch(scratch, backend.scratch_bytes(shape)));
  });
}

void batch_norm_inference(Backend& backend, const BatchNormShape& shape, const Tensor& x, const Tensor& gamma,
                          const Tensor& beta, const Tensor& running_mean, const Tensor& running_variance,
                          const Tensor& y) {
  const Check check(backend, "batch_norm_inference");
  check.shape(shape);
  by_type(check, backend, x, [&](auto& on, auto element) {
    using T = decltype(element);
    on.batch_norm_inference(
        shape, check.of<T>("x", x, elements_of(shape)), check.optional_f32("gamma", gamma, channels_of(shape)),
        check.optional_f32("beta", beta, channels_of(shape)),
        check.f32("running_mean", running_mean, channels_of(shape)),
        check.f32("running_variance", running_variance, channels_of(shape)), check.of<T>("y", y, elements_of(shape)));
  });
}

void batch_norm_backward(Backend& backend, const BatchNormShape& shape, const Tensor& x, const Tensor& gamma,
                         const Tensor& saved_mean, const Tensor& saved_inv_std, const Tensor& dy, const Tensor& dx,
                         const Tensor& dgamma, const Tensor& dbeta, Scratch scratch) {
  const Check check(backend, "batch_norm_backward");
  check.shape(shape);
  by_type(check, backend, x, [&](auto& on, auto element) {
    using T = decltype(element);
    on.batch_norm_backward(
        shape, check.of<T>("x", x, elements_of(shape)), check.optional_f32("gamma", gamma, channels_of(shape)),
        check.f32("saved_mean", saved_mean, channels_of(shape)),
        check.f32("saved_inv_std", saved_inv_std, channels_of(shape)), check.of<T>("dy", dy, elements_of(shape)),
        check.optional_of<T>("dx", dx, elements_of(shape)), check.optional_f32("dgamma", dgamma, channels_of(shape)),
        check.optional_f32("dbeta", dbeta, channels_of(shape)), check.scratch(scratch, backend.scratch_bytes(shape)));
  });
}

void batch_norm_backward_inference(Backend& backend, const BatchNormShape& shape, const Tensor& gamma,
                                   const Tensor& running_variance, const Tensor& dy, const Tensor& dx) {
  const Check check(backend, "batch_norm_backward_inference");
  check.shape(shape);
  by_type(check, backend, dy, [&](auto& on, auto element) {
    using T = decltype(element);
    on.batch_norm_backward_inference(shape, check.optional_f32("gamma", gamma, channels_of(shape)),
                                     check.f32("running_variance", running_variance, channels_of(shape)),
                                     check.of<T>("dy", dy, elements_of(shape)),
                                     check.of<T>("dx", dx, elements_of(shape)));
  });
}

}  // namespace curie::ops
