// What the functions of ops/ops.h refuse, and how they say it.
#include <doctest/doctest.h>

#include "ops/ops.h"
#include "support/backend.h"
#include "support/reference.h"
#include "support/throws.h"

namespace curie::test {
namespace {

struct Bench {
  std::unique_ptr<Backend> backend = test_backend(1);
  DenseShape shape{2, 3, 4};
  Tensor x = Tensor::zeros({2, 3}), w = Tensor::zeros({3, 4}), bias = Tensor::zeros({4}), y = Tensor::zeros({2, 4});
  Tensor memory = Tensor::zeros({static_cast<int>(backend->scratch_bytes(shape))}, DType::u8);
  Scratch scratch{memory.raw(), memory.bytes()};
  StepState state;
  MetricTotals totals;

  void forward() { ops::dense_forward(*backend, shape, x, w, bias, Activation::relu, y, scratch); }
};

}  // namespace

TEST_CASE("a tensor of the wrong size, type or device, or none at all") {
  Bench bench;
  bench.forward();
  bench.bias = Tensor();  // optional
  bench.forward();
  bench.w = Tensor::zeros({3, 3});
  CHECK_ERROR([&] { bench.forward(); }, usage, "dense_forward: w: expected 12 elements, got 9 in shape (3, 3)");
  bench.w = Tensor();
  CHECK_ERROR([&] { bench.forward(); }, usage,
              "dense_forward: w: expected 12 elements of f32, got an undefined tensor");
  bench.w = Tensor::zeros({3, 4}, DType::i32);
  CHECK_ERROR([&] { bench.forward(); }, usage, "dense_forward: w: expected elements of f32, got i32");
  std::byte storage[48] = {};
  const Device other{DeviceKind::cuda, 1};
  bench.w = Tensor(std::make_shared<const Buffer>(storage, 48, other, nullptr), 0, {3, 4}, DType::f32);
  CHECK_ERROR([&] { bench.forward(); }, usage, "dense_forward: w: expected a tensor on cpu, got one on cuda:1");
  bench.w = Tensor::zeros({3, 4});
  bench.bias = Tensor::zeros({5});
  CHECK_ERROR([&] { bench.forward(); }, usage, "dense_forward: bias: expected 4 elements, got 5");
}

TEST_CASE("scratch that is too small, and activations that are not fused") {
  Bench bench;
  bench.scratch.bytes -= 1;
  CHECK_ERROR([&] { bench.forward(); }, usage, "dense_forward: scratch: expected at least");
  bench.scratch = {nullptr, bench.memory.bytes()};
  CHECK_ERROR([&] { bench.forward(); }, usage, "got 0");
  const auto softmax = [&] {
    ops::dense_forward(*bench.backend, bench.shape, bench.x, bench.w, bench.bias, Activation::softmax, bench.y, {});
  };
  CHECK_ERROR(softmax, usage, "activation: expected linear or relu, got softmax");
  CHECK_ERROR([&] { ops::activation_forward(*bench.backend, Activation::none, bench.y, bench.y); }, usage,
              "activation_forward: activation (relu, sigmoid or tanh)");
}

TEST_CASE("shapes that make no sense") {
  Bench bench;
  bench.shape.out = 0;
  CHECK_ERROR([&] { bench.forward(); }, usage, "dense_forward: out: expected at least 1, got 0");
  Backend& backend = *bench.backend;
  const Tensor none;

  const Conv2dShape good{.n = 1, .h = 6, .w = 6, .c = 1, .k = 1, .r = 3, .s = 3, .p = 4, .q = 4};
  const GuardedTensor memory = scratch_for(backend, good);
  const auto conv = [&](const Conv2dShape& shape) {
    ops::conv2d_forward(backend, shape, none, none, none, Activation::none, none, as_scratch(memory));
  };
  CHECK_ERROR([&] { conv(good); }, usage, "got an undefined tensor");  // the shape itself passes
  Conv2dShape bad = good;
  bad.p = 7;
  CHECK_ERROR([&] { conv(bad); }, usage,
              "conv2d_forward: rows: expected at most 6 outputs for 6 inputs at stride 1, got 7");
  bad = good;
  bad.stride_w = 0;
  CHECK_ERROR([&] { conv(bad); }, usage,
              "columns: expected input, kernel, stride and output of at least 1, got 6, 3, 0");
  bad = good;
  bad.pad_top = 3;
  CHECK_ERROR([&] { conv(bad); }, usage, "rows: expected from 0 to 2 cells of padding for a kernel of 3, got 3");
  bad = good;
  bad.k = -1;
  CHECK_ERROR([&] { conv(bad); }, usage, "k: expected at least 1, got -1");

  const auto conv_pool = [&](int pool, float rate) {
    ops::conv_pool_forward(backend, {.conv = good, .pool = pool}, none, none, none, {.rate = rate}, nullptr, none, none,
                           {});
  };
  CHECK_ERROR([&] { conv_pool(5, 0.0f); }, usage, "conv_pool_forward: pool: expected from 1 to min(16, 4, 4), got 5");
  CHECK_ERROR([&] { conv_pool(2, 1.5f); }, usage, "dropout rate: expected a number from 0 to 1, got 1.5");
  CHECK_ERROR([&] { conv_pool(2, 0.5f); }, usage, "state: expected an address on cpu, got null");

  PoolShape pool{.n = 1, .h = 40, .w = 40, .c = 1, .window_h = 17, .window_w = 16, .p = 1, .q = 1};
  CHECK_ERROR([&] { ops::max_pool_forward(backend, pool, none, none, none); }, usage,
              "max_pool_forward: window cells: expected a number from 1 to 256, got 272");
  CHECK_ERROR([&] { ops::average_pool_forward(backend, pool, none, none); }, usage, "undefined");  // has no arg-max

  BatchNormShape norm{.rows = 2, .channels = 1, .epsilon = 0.0f};
  CHECK_ERROR([&] { ops::batch_norm_inference(backend, norm, none, none, none, none, none, none); }, usage,
              "epsilon: expected a number above 0, got 0");
  norm = {.rows = 2, .channels = 1, .epsilon = 1e-3f, .momentum = 1.5f};
  CHECK_ERROR([&] { ops::batch_norm_inference(backend, norm, none, none, none, none, none, none); }, usage,
              "momentum: expected a number from 0 to 1, got 1.5");
}

TEST_CASE("elementwise operations want equal lengths") {
  Bench bench;
  const Tensor three = Tensor::zeros({3}), four = Tensor::zeros({4});
  CHECK_ERROR([&] { ops::add(*bench.backend, three, four, four); }, usage, "add: a: expected 4 elements, got 3");
  CHECK_ERROR([&] { ops::activation_backward(*bench.backend, Activation::tanh, four, three, four); }, usage,
              "activation_backward: dy: expected 4 elements, got 3");
  CHECK_ERROR([&] { ops::fill(*bench.backend, 1.0f, Tensor()); }, usage, "fill: y: expected");
  CHECK_ERROR([&] { ops::dropout(*bench.backend, {.rate = 0.5f}, nullptr, four, four); }, usage, "state");
  ops::dropout(*bench.backend, {.rate = 0.0f}, nullptr, four, four);
  CHECK_ERROR([&] { ops::dropout(*bench.backend, {.rate = -0.5f}, &bench.state, four, four); }, usage, "rate");
  CHECK_ERROR([&] { ops::normalize_u8(*bench.backend, 4, 1, Tensor::zeros({4}, DType::u8), four, four); }, usage,
              "normalize_u8: table: expected 256 elements, got 4");
}

TEST_CASE("losses, metrics and optimizers") {
  Bench bench;
  Backend& backend = *bench.backend;
  const Tensor three = Tensor::zeros({3}), four = Tensor::zeros({4});
  const LossShape sparse{LossKind::sparse_logits, 3, 1};
  CHECK_ERROR([&] { ops::loss(backend, sparse, three, three, {}, {}, &bench.totals, bench.scratch); }, usage,
              "loss: targets: expected elements of i32, got f32");
  CHECK_ERROR([&] { ops::loss(backend, sparse, three, three, {}, {}, nullptr, bench.scratch); }, usage, "loss: totals");
  CHECK_ERROR([&] { ops::count_correct(backend, MatchRule::sparse, 3, 1, three, three, &bench.totals); }, usage,
              "count_correct: targets: expected elements of i32");
  CHECK_ERROR([&] { ops::sgd_step(backend, {.momentum = 0.9f}, &bench.state, four, four, {}); }, usage,
              "sgd_step: velocity: expected 4 elements of f32, got an undefined tensor");
  ops::sgd_step(backend, {}, &bench.state, four, four, {});
  CHECK_ERROR([&] { ops::sgd_step(backend, {}, nullptr, four, four, {}); }, usage, "sgd_step: state");
  CHECK_ERROR([&] { ops::adam_step(backend, {}, &bench.state, four, four, four, three); }, usage,
              "adam_step: second_moment: expected 4 elements, got 3");
}

}  // namespace curie::test
