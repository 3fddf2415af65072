#include <doctest/doctest.h>

#include "ops/ops.h"
#include "support/backend.h"
#include "support/reference.h"
#include "support/targets.h"

namespace curie::test {
namespace {

// Where tensors begin: at addresses aligned to their element alone, or to whole vectors.
enum class Placement { unaligned, aligned };

// Around vectors of 8 and 16 lanes, register tiles of 6 rows and 64 columns, row blocks of 96 and 264, depth blocks of
// 256 and depths that are split among tasks; for GPUs, around tiles of 128 x 64, depths of 16, few outputs and rows of
// whole vectors.
const DenseShape kShapes[] = {{1, 1, 1},     {1, 7, 4},      {2, 16, 16},   {5, 17, 3},   {6, 15, 63},
                              {7, 300, 65},  {13, 33, 64},   {97, 40, 130}, {256, 64, 1}, {1, 2000, 64},
                              {3, 1025, 31}, {270, 530, 20}, {132, 36, 72}, {1100, 6, 5}};

struct Results {
  Values y, dx, dw, dbias;
};

Results run(Backend& backend, const DenseShape& shape, const Values& x_values, const Values& w_values,
            const Values& bias_values, const Values& dy_values, Activation activation,
            Placement placement = Placement::unaligned) {
  const auto space = [&](const Values& like) {
    return placement == Placement::aligned ? GuardedTensor(backend, {static_cast<int>(like.size())})
                                           : blank(backend, like.size());
  };
  const auto filled = [&](const Values& values) {
    const GuardedTensor tensor = space(values);
    tensor.set(values);
    return tensor;
  };
  const GuardedTensor x = filled(x_values), w = filled(w_values), dy = filled(dy_values);
  const GuardedTensor bias = bias_values.empty() ? GuardedTensor() : filled(bias_values);
  const GuardedTensor y = space(dy_values), dx = space(x_values), dw = space(w_values);
  const GuardedTensor dbias = bias_values.empty() ? GuardedTensor() : space(bias_values);
  const GuardedTensor memory = scratch_for(backend, shape);
  ops::dense_forward(backend, shape, x.tensor, w.tensor, bias.tensor, activation, y.tensor, as_scratch(memory));
  ops::dense_backward_input(backend, shape, dy.tensor, w.tensor, dx.tensor, as_scratch(memory));
  ops::dense_backward_weights(backend, shape, x.tensor, dy.tensor, dw.tensor, dbias.tensor, as_scratch(memory));
  for (const GuardedTensor* each : {&x, &w, &dy, &bias, &y, &dx, &dw, &dbias, &memory}) CHECK(each->intact());
  CHECK(same_bits(x.values(), x_values));
  CHECK(same_bits(dy.values(), dy_values));
  return {y.values(), dx.values(), dw.values(), bias_values.empty() ? Values() : dbias.values()};
}

std::size_t inputs(const DenseShape& shape) { return std::size_t(shape.n) * shape.in; }
std::size_t outputs(const DenseShape& shape) { return std::size_t(shape.n) * shape.out; }
std::size_t weights(const DenseShape& shape) { return std::size_t(shape.in) * shape.out; }

void check_exact(Backend& backend, const DenseShape& shape, Placement placement) {
  CAPTURE(shape.n);
  CAPTURE(shape.in);
  CAPTURE(shape.out);
  const Values x = random_integers(inputs(shape), 1, 5), w = random_integers(weights(shape), 2, 5);
  const Values dy = random_integers(outputs(shape), 3, 5), bias = random_integers(std::size_t(shape.out), 4, 5);
  const Results got = run(backend, shape, x, w, bias, dy, Activation::none, placement);
  const Doubles y = reference::dense_forward(shape, widen(x), widen(w), widen(bias));
  CHECK(got.y == narrow(y));
  CHECK(got.dx == narrow(reference::dense_backward_input(shape, widen(dy), widen(w))));
  CHECK(got.dw == narrow(reference::dense_backward_weights(shape, widen(x), widen(dy))));
  CHECK(got.dbias == narrow(reference::column_sums(shape.n, shape.out, widen(dy))));

  const Results without = run(backend, shape, x, w, {}, dy, Activation::relu, placement);
  Doubles rectified = reference::dense_forward(shape, widen(x), widen(w), {});
  for (double& value : rectified) value = std::max(value, 0.0);
  CHECK(without.y == narrow(rectified));
}

// product_error: relative, of each product beside the rounding of its sum.
void check_rounding(Backend& backend, const DenseShape& shape, double product_error) {
  const Values x = random_values(inputs(shape), 1), w = random_values(weights(shape), 2);
  const Values dy = random_values(outputs(shape), 3), bias = random_values(std::size_t(shape.out), 4);
  const Results got = run(backend, shape, x, w, bias, dy, Activation::none);
  const auto scaled = [product_error](Doubles magnitude, int depth) {
    for (double& value : magnitude) value *= (depth + 2) * kUnit + product_error;
    return magnitude;
  };
  CHECK(outside(got.y, reference::dense_forward(shape, widen(x), widen(w), widen(bias)),
                scaled(reference::dense_forward(shape, absolute(x), absolute(w), absolute(bias)), shape.in)) == "");
  CHECK(outside(got.dx, reference::dense_backward_input(shape, widen(dy), widen(w)),
                scaled(reference::dense_backward_input(shape, absolute(dy), absolute(w)), shape.out)) == "");
  CHECK(outside(got.dw, reference::dense_backward_weights(shape, widen(x), widen(dy)),
                scaled(reference::dense_backward_weights(shape, absolute(x), absolute(dy)), shape.n)) == "");
  CHECK(outside(got.dbias, reference::column_sums(shape.n, shape.out, widen(dy)),
                scaled(reference::column_sums(shape.n, shape.out, absolute(dy)), shape.n)) == "");
}

}  // namespace

TEST_CASE("integers come out exactly, forward and backward") {
  for_each_target([&](const char* target) {
    CAPTURE(target);
    const std::unique_ptr<Backend> backend = test_backend(2);
    for (const DenseShape& shape : kShapes) check_exact(*backend, shape, Placement::unaligned);
  });
}

TEST_CASE("integers come out exactly at aligned addresses") {
  const std::unique_ptr<Backend> backend = test_backend(2);
  for (const DenseShape& shape : kShapes) check_exact(*backend, shape, Placement::aligned);
}

TEST_CASE("real numbers come out within depth * u * sum of magnitudes") {
  for_each_target([&](const char* target) {
    CAPTURE(target);
    const std::unique_ptr<Backend> backend = test_backend(2);
    for (const DenseShape& shape : kShapes) check_rounding(*backend, shape, 0);
  });
}

TEST_CASE("tensor cores: integers exactly, real numbers with each factor rounded to 10 bits of mantissa") {
  if (cpu_under_test()) {
    MESSAGE("skipped: the CPU has no tensor cores");
    return;
  }
  const std::unique_ptr<Backend> backend = test_backend(2, Math::tf32);
  for (const DenseShape& shape : kShapes) {
    check_exact(*backend, shape, Placement::unaligned);
    check_exact(*backend, shape, Placement::aligned);
    check_rounding(*backend, shape, 0x1.002p-10);
  }
}

TEST_CASE("the number of threads changes no bit") {
  const std::unique_ptr<Backend> one = test_backend(1);
  for (const DenseShape& shape : {DenseShape{64, 1100, 70}, DenseShape{270, 530, 20}}) {
    const Values x = random_values(inputs(shape), 1), w = random_values(weights(shape), 2);
    const Values dy = random_values(outputs(shape), 3), bias = random_values(std::size_t(shape.out), 4);
    const Results expected = run(*one, shape, x, w, bias, dy, Activation::relu);
    for (const int threads : {2, 5}) {
      const Results got = run(*test_backend(threads), shape, x, w, bias, dy, Activation::relu);
      CHECK(same_bits(got.y, expected.y));
      CHECK(same_bits(got.dx, expected.dx));
      CHECK(same_bits(got.dw, expected.dw));
      CHECK(same_bits(got.dbias, expected.dbias));
    }
  }
}

TEST_CASE("NaN and infinity stay in their own row and survive the ReLU") {
  const std::unique_ptr<Backend> backend = test_backend(2);
  const DenseShape shape{9, 21, 19};
  Values x = random_values(inputs(shape), 1);
  x[3 * 21 + 20] = std::nanf("");
  const Results got =
      run(*backend, shape, x, random_values(weights(shape), 2), {}, random_values(outputs(shape), 3), Activation::relu);
  for (std::size_t i = 0; i < got.y.size(); ++i) CHECK(std::isnan(got.y[i]) == (i / 19 == 3));
}

}  // namespace curie::test
