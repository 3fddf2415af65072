#include "ops/check.h"
#include "ops/ops.h"

namespace curie::ops {
namespace {

std::size_t matrix(int rows, int classes) { return std::size_t(rows) * classes; }

void check_elementwise(const Check& check, Activation activation) {
  check.between("activation (relu, sigmoid or tanh)", static_cast<double>(activation),
                static_cast<double>(Activation::relu), static_cast<double>(Activation::tanh));
}

}  // namespace

void activation_forward(Backend& backend, Activation activation, const Tensor& x, const Tensor& y) {
  const Check check(backend, "activation_forward");
  check_elementwise(check, activation);
  const std::size_t count = y.elements();
  by_type(check, backend, x, [&](auto& on, auto element) {
    using T = decltype(element);
    on.activation_forward(activation, count, check.of<T>("x", x, count), check.of<T>("y", y, count));
  });
}

void activation_backward(Backend& backend, Activation activation, const Tensor& y, const Tensor& dy, const Tensor& dx) {
  const Check check(backend, "activation_backward");
  check_elementwise(check, activation);
  const std::size_t count = dx.elements();
  by_type(check, backend, dy, [&](auto& on, auto element) {
    using T = decltype(element);
    on.activation_backward(activation, count, check.of<T>("y", y, count), check.of<T>("dy", dy, count),
                           check.of<T>("dx", dx, count));
  });
}

void softmax_forward(Backend& backend, int rows, int classes, const Tensor& x, const Tensor& y) {
  const Check check(backend, "softmax_forward");
  check.rows(rows, classes);
  backend.softmax_forward(rows, classes, check.f32("x", x, matrix(rows, classes)),
                          check.f32("y", y, matrix(rows, classes)));
}

void softmax_backward(Backend& backend, int rows, int classes, const Tensor& y, const Tensor& dy, const Tensor& dx) {
  const Check check(backend, "softmax_backward");
  check.rows(rows, classes);
  backend.softmax_backward(rows, classes, check.f32("y", y, matrix(rows, classes)),
                           check.f32("dy", dy, matrix(rows, classes)), check.f32("dx", dx, matrix(rows, classes)));
}

void log_softmax_forward(Backend& backend, int rows, int classes, const Tensor& x, const Tensor& y) {
  const Check check(backend, "log_softmax_forward");
  check.rows(rows, classes);
  backend.log_softmax_forward(rows, classes, check.f32("x", x, matrix(rows, classes)),
                              check.f32("y", y, matrix(rows, classes)));
}

void log_softmax_backward(Backend& backend, int rows, int classes, const Tensor& y, const Tensor& dy,
                          const Tensor& dx) {
  const Check check(backend, "log_softmax_backward");
  check.rows(rows, classes);
  backend.log_softmax_backward(rows, classes, check.f32("y", y, matrix(rows, classes)),
                               check.f32("dy", dy, matrix(rows, classes)), check.f32("dx", dx, matrix(rows, classes)));
}

void dropout(Backend& backend, const DropoutSpec& spec, const StepState* state, const Tensor& x, const Tensor& y) {
  const Check check(backend, "dropout");
  check.between("rate", spec.rate, 0.0, 1.0);
  if (spec.rate > 0.0f) check.not_null("state", state);
  const std::size_t count = y.elements();
  by_type(check, backend, x, [&](auto& on, auto element) {
    using T = decltype(element);
    on.dropout(spec, state, count, check.of<T>("x", x, count), check.of<T>("y", y, count));
  });
}

void add(Backend& backend, const Tensor& a, const Tensor& b, const Tensor& y) {
  const Check check(backend, "add");
  const std::size_t count = y.elements();
  by_type(check, backend, y, [&](auto& on, auto element) {
    using T = decltype(element);
    on.add(count, check.of<T>("a", a, count), check.of<T>("b", b, count), check.of<T>("y", y, count));
  });
}

void blend(Backend& backend, float alpha, const Tensor& a, float beta, const Tensor& b, const Tensor& y) {
  const Check check(backend, "blend");
  const std::size_t count = y.elements();
  backend.blend(count, alpha, check.f32("a", a, count), beta, check.f32("b", b, count), check.f32("y", y, count));
}

void fill(Backend& backend, float value, const Tensor& y) {
  const Check check(backend, "fill");
  backend.fill(y.elements(), value, check.f32("y", y, y.elements()));
}

void cast(Backend& backend, const Tensor& x, const Tensor& y) {
  const Check check(backend, "cast");
  const std::size_t count = y.elements();
  const auto bf16 = [&](const char* argument, const Tensor& tensor) {
    return reinterpret_cast<Bf16*>(check.address(argument, tensor, DType::bf16, count));
  };
  if (x.dtype() == DType::f32 && y.dtype() == DType::bf16) {
    backend.cast_to_bf16(count, check.f32("x", x, count), bf16("y", y));
    return;
  }
  CURIE_CHECK(x.dtype() == DType::bf16 && y.dtype() == DType::f32, usage,
              "cast: expected f32 to bf16 or bf16 to f32, got {} to {}", name_of(x.dtype()), name_of(y.dtype()));
  backend.cast_to_f32(count, bf16("x", x), check.f32("y", y, count));
}

void normalize_u8(Backend& backend, std::size_t pixels, int channels, const Tensor& x, const Tensor& table,
                  const Tensor& y) {
  const Check check(backend, "normalize_u8");
  check.at_least("channels", channels, 1);
  const auto width = static_cast<std::size_t>(channels);
  by_type(check, backend, y, [&](auto& on, auto element) {
    using T = decltype(element);
    on.normalize_u8(pixels, channels, check.u8("x", x, pixels * width), check.f32("table", table, width * 256),
                    check.of<T>("y", y, pixels * width));
  });
}

void gather_normalize_u8(Backend& backend, std::size_t pixels, int channels, const Tensor& rows, const Tensor& images,
                         const Tensor& table, const Tensor& y) {
  const Check check(backend, "gather_normalize_u8");
  check.at_least("channels", channels, 1);
  const std::size_t width = static_cast<std::size_t>(channels), count = rows.elements(), sample = pixels * width;
  CURIE_CHECK(sample > 0 && images.elements() % sample == 0, usage,
              "gather_normalize_u8: images: expected samples of {} elements, got {} elements", sample,
              images.elements());
  by_type(check, backend, y, [&](auto& on, auto element) {
    using T = decltype(element);
    on.gather_normalize_u8(static_cast<int>(count), pixels, channels, check.i32("rows", rows, count),
                           check.u8("images", images, images.elements()), check.f32("table", table, width * 256),
                           check.of<T>("y", y, count * sample));
  });
}

void warp_u8(Backend& backend, const WarpShape& shape, const Tensor& rows, const Tensor& warps, const Tensor& images,
             const Tensor& offset, const Tensor& factor, const Tensor& y) {
  const Check check(backend, "warp_u8");
  check.at_least("count", shape.count, 1);
  check.at_least("height", shape.height, 1);
  check.at_least("width", shape.width, 1);
  check.at_least("channels", shape.channels, 1);
  const auto count = static_cast<std::size_t>(shape.count), channels = static_cast<std::size_t>(shape.channels);
  CURIE_CHECK(images.elements() % shape.sample() == 0, usage,
              "warp_u8: images: expected samples of {} elements, got {} elements", shape.sample(), images.elements());
  const std::uint8_t* bytes = check.u8("warps", warps, count * sizeof(ImageWarp));
  CURIE_CHECK(reinterpret_cast<std::uintptr_t>(bytes) % alignof(ImageWarp) == 0, usage,
              "warp_u8: warps: expected an address that is a multiple of {}", alignof(ImageWarp));
  CURIE_CHECK(shape.samplewise == WarpSamplewise::none || shape.sample() <= kLargestSamplewise, usage,
              "warp_u8: expected samples of at most {} elements where their mean is asked for, got {}",
              kLargestSamplewise, shape.sample());
  by_type(check, backend, y, [&](auto& on, auto element) {
    using T = decltype(element);
    on.warp_u8(shape, check.i32("rows", rows, count), reinterpret_cast<const ImageWarp*>(bytes),
               check.u8("images", images, images.elements()), check.f32("offset", offset, channels),
               check.f32("factor", factor, channels), check.of<T>("y", y, count * shape.sample()));
  });
}

void gather_rows(Backend& backend, const Tensor& rows, const Tensor& x, const Tensor& y) {
  const Check check(backend, "gather_rows");
  const std::size_t count = rows.elements();
  if (x.dtype() == DType::f32 && y.dtype() == DType::bf16) {
    CURIE_CHECK(
        count > 0 && y.elements() > 0 && y.elements() % count == 0 && x.elements() % (y.elements() / count) == 0, usage,
        "gather_rows: expected {} rows in y, of as many elements as those of x; got {} elements from {}", count,
        y.elements(), x.elements());
    check.bf16().gather_rounded(static_cast<int>(count), y.elements() / count, check.i32("rows", rows, count),
                                check.f32("x", x, x.elements()), check.of<Bf16>("y", y, y.elements()));
    return;
  }
  CURIE_CHECK(count > 0 && y.elements() % count == 0 && x.dtype() == y.dtype() && size_of(x.dtype()) == 4, usage,
              "gather_rows: expected {} rows of 32-bit elements in y, of x's type; got {} elements of {} from {}",
              count, y.elements(), name_of(y.dtype()), name_of(x.dtype()));
  const std::size_t words = y.elements() / count;
  CURIE_CHECK(words > 0 && x.elements() % words == 0, usage,
              "gather_rows: x: expected rows of {} elements as y has, got {} elements", words, x.elements());
  backend.gather_rows(static_cast<int>(count), words, check.i32("rows", rows, count),
                      reinterpret_cast<const std::uint32_t*>(check.address("x", x, x.dtype(), x.elements())),
                      reinterpret_cast<std::uint32_t*>(check.address("y", y, x.dtype(), y.elements())));
}

}  // namespace curie::ops
