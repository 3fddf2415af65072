#include "ops/check.h"
#include "ops/ops.h"

namespace curie::ops {
namespace {

// The arg-max is one byte.
void check_cells(const Check& check, const PoolShape& shape) {
  check.between("window cells", static_cast<double>(shape.window_h) * shape.window_w, 1.0, 256.0);
}

void check_global(const Check& check, int n, int pixels, int channels) {
  check.at_least("n", n, 1);
  check.at_least("pixels", pixels, 1);
  check.at_least("channels", channels, 1);
}

}  // namespace

void max_pool_forward(Backend& backend, const PoolShape& shape, const Tensor& x, const Tensor& y,
                      const Tensor& arg_max) {
  const Check check(backend, "max_pool_forward");
  check.shape(shape);
  check_cells(check, shape);
  by_type(check, backend, x, [&](auto& on, auto element) {
    using T = decltype(element);
    on.max_pool_forward(shape, check.of<T>("x", x, shape.input_elements()),
                        check.of<T>("y", y, shape.output_elements()),
                        check.optional_u8("arg_max", arg_max, shape.output_elements()));
  });
}

void max_pool_backward(Backend& backend, const PoolShape& shape, const Tensor& arg_max, const Tensor& dy,
                       const Tensor& dx) {
  const Check check(backend, "max_pool_backward");
  check.shape(shape);
  check_cells(check, shape);
  by_type(check, backend, dy, [&](auto& on, auto element) {
    using T = decltype(element);
    on.max_pool_backward(shape, check.u8("arg_max", arg_max, shape.output_elements()),
                         check.of<T>("dy", dy, shape.output_elements()), check.of<T>("dx", dx, shape.input_elements()));
  });
}

void average_pool_forward(Backend& backend, const PoolShape& shape, const Tensor& x, const Tensor& y) {
  const Check check(backend, "average_pool_forward");
  check.shape(shape);
  by_type(check, backend, x, [&](auto& on, auto element) {
    using T = decltype(element);
    on.average_pool_forward(shape, check.of<T>("x", x, shape.input_elements()),
                            check.of<T>("y", y, shape.output_elements()));
  });
}

void average_pool_backward(Backend& backend, const PoolShape& shape, const Tensor& dy, const Tensor& dx) {
  const Check check(backend, "average_pool_backward");
  check.shape(shape);
  by_type(check, backend, dy, [&](auto& on, auto element) {
    using T = decltype(element);
    on.average_pool_backward(shape, check.of<T>("dy", dy, shape.output_elements()),
                             check.of<T>("dx", dx, shape.input_elements()));
  });
}

void l2_pool_forward(Backend& backend, const PoolShape& shape, const Tensor& x, const Tensor& y) {
  const Check check(backend, "l2_pool_forward");
  check.shape(shape);
  by_type(check, backend, x, [&](auto& on, auto element) {
    using T = decltype(element);
    on.l2_pool_forward(shape, check.of<T>("x", x, shape.input_elements()),
                       check.of<T>("y", y, shape.output_elements()));
  });
}

void l2_pool_backward(Backend& backend, const PoolShape& shape, const Tensor& x, const Tensor& y, const Tensor& dy,
                      const Tensor& dx) {
  const Check check(backend, "l2_pool_backward");
  check.shape(shape);
  by_type(check, backend, dy, [&](auto& on, auto element) {
    using T = decltype(element);
    on.l2_pool_backward(shape, check.of<T>("x", x, shape.input_elements()),
                        check.of<T>("y", y, shape.output_elements()), check.of<T>("dy", dy, shape.output_elements()),
                        check.of<T>("dx", dx, shape.input_elements()));
  });
}

void global_average_pool_forward(Backend& backend, int n, int pixels, int channels, const Tensor& x, const Tensor& y) {
  const Check check(backend, "global_average_pool_forward");
  check_global(check, n, pixels, channels);
  by_type(check, backend, x, [&](auto& on, auto element) {
    using T = decltype(element);
    on.global_average_pool_forward(n, pixels, channels, check.of<T>("x", x, std::size_t(n) * pixels * channels),
                                   check.of<T>("y", y, std::size_t(n) * channels));
  });
}

void global_average_pool_backward(Backend& backend, int n, int pixels, int channels, const Tensor& dy,
                                  const Tensor& dx) {
  const Check check(backend, "global_average_pool_backward");
  check_global(check, n, pixels, channels);
  by_type(check, backend, dy, [&](auto& on, auto element) {
    using T = decltype(element);
    on.global_average_pool_backward(n, pixels, channels, check.of<T>("dy", dy, std::size_t(n) * channels),
                                    check.of<T>("dx", dx, std::size_t(n) * pixels * channels));
  });
}

}  // namespace curie::ops
