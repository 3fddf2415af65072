// The three matrix multiplications of a fully connected layer, and the sums beside them.
//
//   forward   y  (n, out)  = x (n, in)   * w (in, out)     the depth `in` is long and y small: split and summed up
//   input     dx (n, in)   = dy (n, out) * w^T             w is transposed a block at a time
//   weights   dw (in, out) = x^T         * dy (n, out)     x is copied a block at a time: its columns lie far apart
#include "cpu/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/dense.cpp"
#include <hwy/foreach_target.h>
// Highway's per-target headers must follow foreach_target.
#include <hwy/highway.h>

#include "cpu/backend.h"
#include "cpu/gemm-inl.h"
#include "cpu/gemm.h"
#include "cpu/runs.h"

HWY_BEFORE_NAMESPACE();
namespace curie::HWY_NAMESPACE {
namespace {

void multiply(const Gemm& gemm, const GemmTask& task, float* c, std::size_t c_stride, float* packed) {
  multiply_block(gemm, task, c, c_stride, packed);
}

// y[row] = activation(sum over `splits` partial results + bias) for `columns` columns. parts may be y with one split.
void finish_row(std::size_t columns, const float* parts, std::size_t part_stride, std::size_t splits, const float* bias,
                bool relu, float* y) {
  const Floats d;
  const std::size_t lanes = hn::Lanes(d);
  for (std::size_t i = 0; i < columns; i += lanes) {
    const std::size_t length = columns - i;
    auto sum = load_up_to(d, parts + i, length);
    for (std::size_t s = 1; s < splits; ++s) sum = hn::Add(sum, load_up_to(d, parts + s * part_stride + i, length));
    if (bias != nullptr) sum = hn::Add(sum, load_up_to(d, bias + i, length));
    if (relu) sum = hn::IfThenElse(hn::Lt(sum, hn::Zero(d)), hn::Zero(d), sum);  // keeps NaN
    store_up_to(sum, d, y + i, length);
  }
}

// to[o] = sum over n of rows[n][o], o < columns, in the order of n.
void sum_rows(std::size_t n, std::size_t columns, const float* rows, std::size_t stride, float* to) {
  const Floats d;
  const std::size_t lanes = hn::Lanes(d);
  for (std::size_t i = 0; i < columns; i += lanes) {
    const std::size_t length = columns - i;
    auto sum = hn::Zero(d);
    for (std::size_t r = 0; r < n; ++r) sum = hn::Add(sum, load_up_to(d, rows + r * stride + i, length));
    store_up_to(sum, d, to + i, length);
  }
}

}  // namespace
}  // namespace curie::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace curie {
namespace {

HWY_EXPORT(multiply);
HWY_EXPORT(finish_row);
HWY_EXPORT(sum_rows);

GemmPlan forward_plan(const DenseShape& shape) {
  return GemmPlan(std::size_t(shape.n), std::size_t(shape.out), std::size_t(shape.in), false);
}
GemmPlan input_plan(const DenseShape& shape) {
  return GemmPlan(std::size_t(shape.n), std::size_t(shape.in), std::size_t(shape.out), false);
}
GemmPlan weights_plan(const DenseShape& shape) {
  return GemmPlan(std::size_t(shape.in), std::size_t(shape.out), std::size_t(shape.n), true);
}

std::size_t partial_floats(const GemmPlan& plan, std::size_t elements) {
  return plan.splits() > 1 ? plan.splits() * elements : 0;
}

// c = activation(A * B + bias). Scratch: the workers' packed blocks, then the partial results.
void run_gemm(ThreadPool& pool, const Gemm& gemm, const GemmPlan& plan, const float* bias, bool relu, float* c,
              Scratch scratch) {
  float* const packs = reinterpret_cast<float*>(scratch.data);
  const std::size_t splits = plan.splits(), elements = gemm.rows * gemm.columns;
  float* const target = splits > 1 ? packs + static_cast<std::size_t>(pool.threads()) * kGemmPack : c;
  pool.run(static_cast<int>(plan.tasks()), [&](int index, int worker) {
    const GemmTask task = plan.task(static_cast<std::size_t>(index));
    const std::size_t split = static_cast<std::size_t>(index) % splits;
    HWY_DYNAMIC_DISPATCH(multiply)
    (gemm, task, target + split * elements + task.first_row * gemm.columns + task.first_column, gemm.columns,
     packs + static_cast<std::size_t>(worker) * kGemmPack);
  });
  if (splits == 1 && bias == nullptr && !relu) return;
  for_runs(pool, gemm.rows, std::max<std::size_t>(1, kRun / gemm.columns), [&](std::size_t first, std::size_t count) {
    for (std::size_t row = first; row < first + count; ++row) {
      HWY_DYNAMIC_DISPATCH(finish_row)
      (gemm.columns, target + row * gemm.columns, elements, splits, bias, relu, c + row * gemm.columns);
    }
  });
}

}  // namespace

std::size_t CpuBackend::scratch_bytes(const DenseShape& shape) const {
  const std::size_t n = std::size_t(shape.n), in = std::size_t(shape.in), out = std::size_t(shape.out);
  const std::size_t partial =
      std::max({partial_floats(forward_plan(shape), n * out), partial_floats(input_plan(shape), n * in),
                partial_floats(weights_plan(shape), in * out)});
  return (static_cast<std::size_t>(pool_.threads()) * kGemmPack + partial) * sizeof(float);
}

void CpuBackend::dense_forward(const DenseShape& shape, const float* x, const float* w, const float* bias,
                               Activation activation, float* y, Scratch scratch) {
  const std::size_t n = std::size_t(shape.n), in = std::size_t(shape.in), out = std::size_t(shape.out);
  run_gemm(pool_, {n, out, in, x, in, false, w, out, false}, forward_plan(shape), bias, activation == Activation::relu,
           y, scratch);
}

void CpuBackend::dense_backward_input(const DenseShape& shape, const float* dy, const float* w, float* dx,
                                      Scratch scratch) {
  const std::size_t n = std::size_t(shape.n), in = std::size_t(shape.in), out = std::size_t(shape.out);
  run_gemm(pool_, {n, in, out, dy, out, false, w, out, true}, input_plan(shape), nullptr, false, dx, scratch);
}

void CpuBackend::dense_backward_weights(const DenseShape& shape, const float* x, const float* dy, float* dw,
                                        float* dbias, Scratch scratch) {
  const std::size_t n = std::size_t(shape.n), in = std::size_t(shape.in), out = std::size_t(shape.out);
  run_gemm(pool_, {in, out, n, x, in, true, dy, out, false}, weights_plan(shape), nullptr, false, dw, scratch);
  if (dbias == nullptr) return;
  for_runs(pool_, out, kGemmColumns, [&](std::size_t first, std::size_t count) {
    HWY_DYNAMIC_DISPATCH(sum_rows)(n, count, dy + first, out, dbias + first);
  });
}

}  // namespace curie
#endif
