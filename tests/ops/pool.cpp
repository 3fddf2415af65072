#include <doctest/doctest.h>

#include "ops/ops.h"
#include "support/backend.h"
#include "support/reference.h"
#include "support/targets.h"

namespace curie::test {
namespace {

using reference::Pooled;
using reference::Pooling;

struct Geometry {
  int h, w, window_h, window_w, stride_h, stride_w, pad_top, pad_left, p, q;
  bool count_padding = false;
};

const Geometry kGeometries[] = {
    {1, 1, 1, 1, 1, 1, 0, 0, 1, 1},     {4, 6, 2, 2, 2, 2, 0, 0, 2, 3},        {7, 5, 2, 2, 2, 2, 0, 0, 3, 2},
    {7, 7, 3, 3, 2, 2, 1, 1, 4, 4},     {7, 7, 3, 3, 2, 2, 1, 1, 4, 4, true},  {5, 6, 3, 3, 1, 1, 0, 0, 3, 4},
    {9, 8, 2, 3, 3, 2, 0, 0, 3, 3},     {5, 5, 2, 2, 2, 2, 0, 0, 3, 3},  // same: padding below and right
    {16, 16, 16, 16, 1, 1, 0, 0, 1, 1}, {6, 11, 1, 2, 4, 5, 0, 1, 2, 3, true},
};
const int kChannels[] = {1, 3, 7, 8, 15, 16, 17, 33, 64};

PoolShape make_shape(const Geometry& g, int n, int c) {
  PoolShape shape{.n = n, .h = g.h, .w = g.w, .c = c, .window_h = g.window_h, .window_w = g.window_w};
  shape.stride_h = g.stride_h;
  shape.stride_w = g.stride_w;
  shape.pad_top = g.pad_top;
  shape.pad_left = g.pad_left;
  shape.p = g.p;
  shape.q = g.q;
  shape.count_padding = g.count_padding;
  return shape;
}

struct Results {
  Values y, dx;
  std::vector<std::uint8_t> arg_max;
};

Results run(Backend& backend, Pooling kind, const PoolShape& shape, const Values& x_values, const Values& dy_values) {
  const GuardedTensor x = holding(backend, x_values), dy = holding(backend, dy_values);
  const GuardedTensor y = blank(backend, shape.output_elements()), dx = blank(backend, shape.input_elements());
  const GuardedTensor arg_max = blank(backend, shape.output_elements(), DType::u8);
  switch (kind) {
    case Pooling::max: {
      ops::max_pool_forward(backend, shape, x.tensor, y.tensor, Tensor());
      const Values without = y.values();
      ops::max_pool_forward(backend, shape, x.tensor, y.tensor, arg_max.tensor);
      CHECK(same_bits(without, y.values()));
      ops::max_pool_backward(backend, shape, arg_max.tensor, dy.tensor, dx.tensor);
      break;
    }
    case Pooling::average:
      ops::average_pool_forward(backend, shape, x.tensor, y.tensor);
      ops::average_pool_backward(backend, shape, dy.tensor, dx.tensor);
      break;
    case Pooling::l2:
      ops::l2_pool_forward(backend, shape, x.tensor, y.tensor);
      ops::l2_pool_backward(backend, shape, x.tensor, y.tensor, dy.tensor, dx.tensor);
  }
  for (const GuardedTensor* each : {&x, &dy, &y, &dx, &arg_max}) CHECK(each->intact());
  return {y.values(), dx.values(), arg_max.values<std::uint8_t>()};
}

}  // namespace

TEST_CASE("max pooling: values, positions and gradients of integers are exact, ties included") {
  for_each_target([&](const char* target) {
    CAPTURE(target);
    const std::unique_ptr<Backend> backend = test_backend(2);
    for (const Geometry& geometry : kGeometries) {
      for (const int channels : kChannels) {
        const PoolShape shape = make_shape(geometry, 3, channels);
        CAPTURE(shape.h);
        CAPTURE(shape.c);
        const Values x = random_integers(shape.input_elements(), 1, 3);  // many ties
        const Values dy = random_integers(shape.output_elements(), 2, 9);
        const Pooled expected = pool_forward(Pooling::max, shape, x);
        const Results got = run(*backend, Pooling::max, shape, x, dy);
        CHECK(got.y == narrow(expected.y));
        CHECK(got.arg_max == expected.arg_max);
        CHECK(got.dx == narrow(pool_backward(Pooling::max, shape, x, expected, dy)));
      }
    }
  });
}

TEST_CASE("padding never wins a maximum") {
  const std::unique_ptr<Backend> backend = test_backend(1);
  const PoolShape shape = make_shape(kGeometries[3], 1, 5);
  const Values x(shape.input_elements(), -7.0f);
  const Results got = run(*backend, Pooling::max, shape, x, Values(shape.output_elements(), 1.0f));
  CHECK(got.y == Values(shape.output_elements(), -7.0f));
}

TEST_CASE("the first NaN of a window is its maximum, wherever it stands") {
  for_each_target([&](const char* target) {
    CAPTURE(target);
    const std::unique_ptr<Backend> backend = test_backend(1);
    for (const int channels : {1, 16, 19}) {
      const PoolShape shape = make_shape({2, 2, 2, 2, 2, 2, 0, 0, 1, 1}, 1, channels);
      for (std::size_t where = 0; where < 4; ++where) {
        Values x = random_values(shape.input_elements(), 5);
        for (std::size_t c = 0; c < std::size_t(channels); ++c) {
          x[where * channels + c] = std::nanf("");
          x[3 * std::size_t(channels) + c] = std::nanf("");
        }
        const Results got = run(*backend, Pooling::max, shape, x, Values(shape.output_elements(), 2.0f));
        for (std::size_t c = 0; c < std::size_t(channels); ++c) {
          CHECK(std::isnan(got.y[c]));
          CHECK(got.arg_max[c] == where);
          CHECK(got.dx[where * channels + c] == 2.0f);
        }
      }
    }
    // Minus infinity everywhere is a maximum like any other.
    const PoolShape shape = make_shape({2, 2, 2, 2, 2, 2, 0, 0, 1, 1}, 1, 17);
    const Results got =
        run(*backend, Pooling::max, shape, Values(shape.input_elements(), -kInfinity), Values(17, 1.0f));
    CHECK(got.y == Values(17, -kInfinity));
    CHECK(got.arg_max == std::vector<std::uint8_t>(17, 0));
  });
}

TEST_CASE("average and L2 pooling agree with the loops in double") {
  for_each_target([&](const char* target) {
    CAPTURE(target);
    const std::unique_ptr<Backend> backend = test_backend(2);
    for (const Pooling kind : {Pooling::average, Pooling::l2}) {
      for (const Geometry& geometry : kGeometries) {
        for (const int channels : kChannels) {
          const PoolShape shape = make_shape(geometry, 2, channels);
          CAPTURE(shape.h);
          CAPTURE(shape.c);
          const Values x = random_values(shape.input_elements(), 1), dy = random_values(shape.output_elements(), 2);
          const Pooled expected = pool_forward(kind, shape, x);
          const Results got = run(*backend, kind, shape, x, dy);
          // Inputs are below 1: a sum of `cells` of them, a division or a root.
          const int cells = shape.window_h * shape.window_w;
          CHECK(outside(got.y, expected.y, Doubles(got.y.size(), (cells + 2) * kUnit * cells)) == "");
          // An input takes part in at most ceil(window / stride)^2 windows; |dx / dy| of one is at most 1. The root in
          // the divisor carries (cells / 2 + 1) roundings.
          const double windows =
              std::ceil(double(shape.window_h) / shape.stride_h) * std::ceil(double(shape.window_w) / shape.stride_w);
          const double bound = windows * (windows + cells + 4) * kUnit;
          CHECK(outside(got.dx, pool_backward(kind, shape, x, expected, dy), Doubles(got.dx.size(), bound)) == "");
        }
      }
    }
  });
}

TEST_CASE("average pooling of integers is one exact sum and one division; an L2 norm one exact sum and one root") {
  const std::unique_ptr<Backend> backend = test_backend(1);
  for (const Geometry& geometry : kGeometries) {
    const PoolShape shape = make_shape(geometry, 1, 18);
    const Values x = random_integers(shape.input_elements(), 1, 20), dy(shape.output_elements(), 1.0f);
    Doubles sums(shape.output_elements(), 0.0), squares = sums, divisors = sums;
    reference::for_cells(shape, [&](std::size_t out, std::size_t in, int, int cells) {
      sums[out] += x[in];
      squares[out] += double(x[in]) * x[in];
      divisors[out] = cells;
    });
    const Results average = run(*backend, Pooling::average, shape, x, dy),
                  l2 = run(*backend, Pooling::l2, shape, x, dy);
    for (std::size_t i = 0; i < sums.size(); ++i) {
      CHECK(average.y[i] == static_cast<float>(sums[i]) / static_cast<float>(divisors[i]));
      CHECK(l2.y[i] == std::sqrt(static_cast<float>(squares[i])));
    }
  }
}

TEST_CASE("the corner of a padded average: PyTorch counts the padding, Keras does not") {
  const std::unique_ptr<Backend> backend = test_backend(1);
  PoolShape shape = make_shape({5, 5, 3, 3, 2, 2, 1, 1, 3, 3}, 1, 1);
  Values x(25);
  for (std::size_t i = 0; i < 25; ++i) x[i] = static_cast<float>(i);
  CHECK(run(*backend, Pooling::average, shape, x, Values(9, 1.0f)).y[0] == 3.0f);
  shape.count_padding = true;
  CHECK(run(*backend, Pooling::average, shape, x, Values(9, 1.0f)).y[0] == 12.0f / 9.0f);
}

TEST_CASE("the gradient of an L2 norm of zeros is 0") {
  const std::unique_ptr<Backend> backend = test_backend(1);
  const PoolShape shape = make_shape({2, 2, 2, 2, 2, 2, 0, 0, 1, 1}, 1, 20);
  const Results got = run(*backend, Pooling::l2, shape, Values(80, 0.0f), Values(20, 3.0f));
  CHECK(got.dx == Values(80, 0.0f));
}

TEST_CASE("global average pooling") {
  for_each_target([&](const char* target) {
    CAPTURE(target);
    const std::unique_ptr<Backend> backend = test_backend(2);
    for (const int channels : {1, 4, 7, 8, 9, 16, 31}) {
      for (const int pixels : {1, 6, 49}) {
        const std::size_t elements = std::size_t(3) * pixels * channels, outputs = std::size_t(3) * channels;
        const GuardedTensor x = holding(*backend, random_values(elements, 1)), y = blank(*backend, outputs);
        ops::global_average_pool_forward(*backend, 3, pixels, channels, x.tensor, y.tensor);
        Doubles means(outputs, 0.0);
        const Values x_values = x.values();
        for (std::size_t i = 0; i < elements; ++i) {
          means[i / (std::size_t(pixels) * channels) * channels + i % channels] += double(x_values[i]) / pixels;
        }
        CHECK(outside(y.values(), means, Doubles(outputs, 1.01 * kUnit)) == "");  // summed in double, rounded once

        const GuardedTensor dy = holding(*backend, random_values(outputs, 2)), dx = blank(*backend, elements);
        ops::global_average_pool_backward(*backend, 3, pixels, channels, dy.tensor, dx.tensor);
        const Values dy_values = dy.values(), dx_values = dx.values();
        for (std::size_t i = 0; i < elements; ++i) {
          const float gradient = dy_values[i / (std::size_t(pixels) * channels) * channels + i % channels];
          CHECK(dx_values[i] == gradient / static_cast<float>(pixels));
        }
        for (const GuardedTensor* each : {&x, &y, &dy, &dx}) CHECK(each->intact());
      }
    }
  });
}

TEST_CASE("more samples, or more rows of pixels, than a grid has blocks") {
  const std::unique_ptr<Backend> backend = test_backend(2);
  for (const bool tall : {false, true}) {
    const int many = 65540;
    const PoolShape shape =
        tall ? make_shape({many, 1, 2, 1, 1, 1, 0, 0, many - 1, 1}, 1, 1) : make_shape(kGeometries[0], many, 1);
    const Values x = random_integers(shape.input_elements(), 1, 3), dy = random_integers(shape.output_elements(), 2, 9);
    const Pooled expected = pool_forward(Pooling::max, shape, x);
    const Results got = run(*backend, Pooling::max, shape, x, dy);
    CHECK(got.y == narrow(expected.y));
    CHECK(got.arg_max == expected.arg_max);
    CHECK(got.dx == narrow(pool_backward(Pooling::max, shape, x, expected, dy)));
  }
}

TEST_CASE("the number of threads changes no bit") {
  const std::unique_ptr<Backend> one = test_backend(1), many = test_backend(4);
  for (const Pooling kind : {Pooling::max, Pooling::average, Pooling::l2}) {
    for (const Geometry& geometry : kGeometries) {
      const PoolShape shape = make_shape(geometry, 5, 21);
      const Values x = random_values(shape.input_elements(), 1), dy = random_values(shape.output_elements(), 2);
      const Results a = run(*one, kind, shape, x, dy), b = run(*many, kind, shape, x, dy);
      CHECK(same_bits(a.y, b.y));
      CHECK(same_bits(a.dx, b.dx));
      CHECK(a.arg_max == b.arg_max);
    }
  }
}

}  // namespace curie::test
