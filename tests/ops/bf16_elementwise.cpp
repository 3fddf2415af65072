// Pooling, batch normalisation and elementwise operations on bfloat16. They compute as their float32 kernels do, which
// have tests of their own, so on the same values the results are the float32 ones, rounded once, bit for bit.
#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <vector>

#include "ops/backend_bf16.h"
#include "ops/observed_backend.h"
#include "ops/ops.h"
#include "support/bf16.h"
#include "support/throws.h"

namespace curie::test {
namespace {

// Both kinds of arrays on one backend.
struct Arrays {
  Backend& backend;
  DType type;
  bool aligned;

  GuardedTensor holding(const Values& values) const {
    if (type == DType::bf16) return bf16_holding(backend, values, aligned);
    GuardedTensor guarded = blank(values.size());
    guarded.set(values);
    return guarded;
  }
  GuardedTensor blank(std::size_t count) const {
    if (type == DType::bf16) return bf16_blank(backend, count, aligned);
    return aligned ? GuardedTensor(backend, {static_cast<int>(count)}) : test::blank(backend, count);
  }
};

using Run = std::function<std::vector<Values>(const Arrays&)>;

// Every result of `run` on bf16 is that on f32, rounded.
void check_rounds_once(Backend& backend, const Run& run) {
  for (const bool aligned : {true, false}) {
    CAPTURE(aligned);
    const std::vector<Values> exact = run({backend, DType::f32, aligned}), found = run({backend, DType::bf16, aligned});
    REQUIRE(exact.size() == found.size());
    for (std::size_t i = 0; i < exact.size(); ++i) {
      CAPTURE(i);
      CHECK(same_bits(found[i], rounded(exact[i])));
    }
  }
}

Values inputs(std::size_t count, std::uint32_t stream) { return rounded(random_values(count, stream, -2.0f, 2.0f)); }

}  // namespace

TEST_CASE("bf16: activations, sums and dropout are those of float32, rounded once") {
  const auto backend = bf16_backend();
  if (backend == nullptr) return;
  const OnDevice<StepState> state(*backend, {.step = 9});
  for (const std::size_t count : {std::size_t{1}, std::size_t{3}, std::size_t{4}, std::size_t{1030}}) {
    CAPTURE(count);
    for (const Activation activation : {Activation::relu, Activation::sigmoid, Activation::tanh}) {
      check_rounds_once(*backend, [&](const Arrays& on) {
        const GuardedTensor x = on.holding(inputs(count, 1)), dy = on.holding(inputs(count, 2)), y = on.blank(count);
        // The gradient is taken at the rounded output in both cases.
        ops::activation_forward(*backend, activation, x.tensor, y.tensor);
        const Values values = values_of(y);
        const GuardedTensor at = on.holding(rounded(values)), dx = on.blank(count);
        ops::activation_backward(*backend, activation, at.tensor, dy.tensor, dx.tensor);
        return std::vector<Values>{values, values_of(dx)};
      });
    }
    check_rounds_once(*backend, [&](const Arrays& on) {
      const GuardedTensor a = on.holding(inputs(count, 3)), b = on.holding(inputs(count, 4)), y = on.blank(count);
      ops::add(*backend, a.tensor, b.tensor, y.tensor);
      return std::vector<Values>{values_of(y)};
    });
    for (const float rate : {0.0f, 0.3f, 1.0f}) {
      check_rounds_once(*backend, [&](const Arrays& on) {
        const GuardedTensor x = on.holding(inputs(count, 5)), y = on.blank(count);
        ops::dropout(*backend, {rate, 11, 2}, state.address(), x.tensor, y.tensor);
        return std::vector<Values>{values_of(y)};
      });
    }
  }
}

TEST_CASE("bf16: pooling is that of float32, rounded once") {
  const auto backend = bf16_backend();
  if (backend == nullptr) return;
  for (const int channels : {3, 8}) {
    PoolShape s;
    s.n = 2, s.h = 7, s.w = 6, s.c = channels, s.window_h = 3, s.window_w = 2, s.pad_top = 1, s.p = 4, s.q = 3;
    const std::size_t in = s.input_elements(), out = s.output_elements();
    check_rounds_once(*backend, [&](const Arrays& on) {
      const GuardedTensor x = on.holding(inputs(in, 1)), dy = on.holding(inputs(out, 2));
      const GuardedTensor arg_max = blank(*backend, out, DType::u8);
      std::vector<Values> results;
      const auto forward = [&](auto pool) {
        const GuardedTensor y = on.blank(out);
        pool(y.tensor);
        results.push_back(values_of(y));
      };
      const auto backward = [&](auto pool) {
        const GuardedTensor dx = on.blank(in);
        pool(dx.tensor);
        results.push_back(values_of(dx));
      };
      forward([&](const Tensor& y) { ops::max_pool_forward(*backend, s, x.tensor, y, arg_max.tensor); });
      backward([&](const Tensor& dx) { ops::max_pool_backward(*backend, s, arg_max.tensor, dy.tensor, dx); });
      forward([&](const Tensor& y) { ops::average_pool_forward(*backend, s, x.tensor, y); });
      backward([&](const Tensor& dx) { ops::average_pool_backward(*backend, s, dy.tensor, dx); });
      forward([&](const Tensor& y) { ops::l2_pool_forward(*backend, s, x.tensor, y); });
      const GuardedTensor norms = on.holding(rounded(results.back()));
      backward([&](const Tensor& dx) { ops::l2_pool_backward(*backend, s, x.tensor, norms.tensor, dy.tensor, dx); });
      return results;
    });
    check_rounds_once(*backend, [&](const Arrays& on) {
      const std::size_t means = std::size_t(s.n) * channels;
      const GuardedTensor x = on.holding(inputs(in, 3)), dy = on.holding(inputs(means, 4));
      const GuardedTensor y = on.blank(means), dx = on.blank(in);
      ops::global_average_pool_forward(*backend, s.n, s.h * s.w, channels, x.tensor, y.tensor);
      ops::global_average_pool_backward(*backend, s.n, s.h * s.w, channels, dy.tensor, dx.tensor);
      return std::vector<Values>{values_of(y), values_of(dx)};
    });
  }
}

TEST_CASE("bf16: batch normalisation keeps its statistics and gradients in float32") {
  const auto backend = bf16_backend();
  if (backend == nullptr) return;
  for (const int channels : {5, 12}) {
    const BatchNormShape s{.rows = 37, .channels = channels};
    const std::size_t count = std::size_t(s.rows) * channels, width = std::size_t(channels);
    std::vector<std::vector<Values>> float32;  // statistics and parameter gradients, of every run
    check_rounds_once(*backend, [&](const Arrays& on) {
      const GuardedTensor x = on.holding(inputs(count, 1)), dy = on.holding(inputs(count, 2));
      const GuardedTensor gamma = holding(*backend, random_values(width, 3)),
                          beta = holding(*backend, random_values(width, 4));
      const GuardedTensor running_mean = holding(*backend, random_values(width, 5));
      const GuardedTensor running_variance = holding(*backend, random_values(width, 6, 0.5f, 2.0f));
      const GuardedTensor mean = blank(*backend, width), spread = blank(*backend, width);
      const GuardedTensor dgamma = blank(*backend, width), dbeta = blank(*backend, width);
      const GuardedTensor memory = scratch_for(*backend, s), y = on.blank(count), dx = on.blank(count);
      const GuardedTensor inference = on.blank(count), frozen = on.blank(count);
      ops::batch_norm_inference(*backend, s, x.tensor, gamma.tensor, beta.tensor, running_mean.tensor,
                                running_variance.tensor, inference.tensor);
      ops::batch_norm_backward_inference(*backend, s, gamma.tensor, running_variance.tensor, dy.tensor, frozen.tensor);
      ops::batch_norm_forward(*backend, s, x.tensor, gamma.tensor, beta.tensor, y.tensor, mean.tensor, spread.tensor,
                              running_mean.tensor, running_variance.tensor, as_scratch(memory));
      ops::batch_norm_backward(*backend, s, x.tensor, gamma.tensor, mean.tensor, spread.tensor, dy.tensor, dx.tensor,
                               dgamma.tensor, dbeta.tensor, as_scratch(memory));
      float32.push_back({mean.values(), spread.values(), running_mean.values(), running_variance.values(),
                         dgamma.values(), dbeta.values()});
      return std::vector<Values>{values_of(y), values_of(dx), values_of(inference), values_of(frozen)};
    });
    for (const std::vector<Values>& run : float32) {
      for (std::size_t i = 0; i < run.size(); ++i) CHECK(same_bits(run[i], float32.front()[i]));
    }
  }
}

TEST_CASE("bf16: pixels and samples become bfloat16 as they are read") {
  const auto backend = bf16_backend();
  if (backend == nullptr) return;
  for (const int width : {5, 8}) {
    const int samples = 6, channels = 3;
    const std::size_t sample = std::size_t(width) * channels;
    std::vector<std::uint8_t> bytes(samples * sample);
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i * 37);
    const GuardedTensor images(*backend, {static_cast<int>(bytes.size())}, DType::u8);
    images.set(bytes);
    const GuardedTensor table = holding(*backend, random_values(std::size_t{256} * channels, 1));
    const GuardedTensor rows(*backend, {3}, DType::i32);
    rows.set(std::vector<std::int32_t>{4, 0, 4});
    check_rounds_once(*backend, [&](const Arrays& on) {
      const GuardedTensor all = on.blank(bytes.size()), some = on.blank(3 * sample);
      ops::normalize_u8(*backend, samples * std::size_t(width), channels, images.tensor, table.tensor, all.tensor);
      ops::gather_normalize_u8(*backend, std::size_t(width), channels, rows.tensor, images.tensor, table.tensor,
                               some.tensor);
      return std::vector<Values>{values_of(all), values_of(some)};
    });
    const Values floats = random_values(samples * sample, 2);
    const GuardedTensor data = holding(*backend, floats);
    check_rounds_once(*backend, [&](const Arrays& on) {
      const GuardedTensor some = on.blank(3 * sample);
      ops::gather_rows(*backend, rows.tensor, data.tensor, some.tensor);
      return std::vector<Values>{values_of(some)};
    });
  }
}

TEST_CASE("bf16: optimizers move float32 weights as ever and round them in the same pass") {
  const auto backend = bf16_backend();
  if (backend == nullptr) return;
  Bf16Operations& on = *backend->bf16();
  const OnDevice<StepState> state(*backend, {.step = 1, .learning_rate = 0.01f});
  for (const std::size_t count : {std::size_t{3}, std::size_t{1029}}) {
    for (const bool adam : {false, true}) {
      CAPTURE(adam);
      const auto run = [&](bool rounds) {
        const GuardedTensor gradient = holding(*backend, random_values(count, 1));
        const GuardedTensor weights = holding(*backend, random_values(count, 2));
        const GuardedTensor first = holding(*backend, random_values(count, 3));
        const GuardedTensor second = holding(*backend, random_values(count, 4, 0.0f, 1.0f));
        const GuardedTensor narrow = bf16_blank(*backend, count, true);
        const auto at = [](const GuardedTensor& array) { return array.tensor.data<float>(); };
        auto* narrow_at = narrow.tensor.data<Bf16>();
        if (rounds && adam) {
          on.adam_step({}, count, state.address(), at(gradient), at(weights), at(first), at(second), narrow_at);
        } else if (rounds) {
          on.sgd_step({.momentum = 0.9f}, count, state.address(), at(gradient), at(weights), at(first), narrow_at);
        } else if (adam) {
          backend->adam_step({}, count, state.address(), at(gradient), at(weights), at(first), at(second));
        } else {
          backend->sgd_step({.momentum = 0.9f}, count, state.address(), at(gradient), at(weights), at(first));
        }
        const Values moved = values_of(weights);
        if (rounds) CHECK(same_bits(values_of(narrow), rounded(moved)));
        return std::vector<Values>{moved, values_of(first), values_of(second)};
      };
      const std::vector<Values> plain = run(false), rounding = run(true);
      for (std::size_t i = 0; i < plain.size(); ++i) CHECK(same_bits(plain[i], rounding[i]));
    }
  }
}

TEST_CASE("bf16: an observer sees these primitives too, with half of the bytes") {
  struct Log final : BackendObserver {
    void primitive_begins() override {}
    void primitive_ended(const PrimitiveCall& call) override {
      names.emplace_back(call.primitive);
      bytes.push_back(call.work.bytes);
    }
    std::vector<std::string> names;
    std::vector<double> bytes;
  } log;
  auto backend = bf16_backend();
  if (backend == nullptr) return;
  const ObservedBackend observed = observe(std::move(backend));
  Bf16Operations* const operations = observed.backend->bf16();
  REQUIRE(operations != nullptr);
  const Tensor x = device_zeros(*observed.backend, {100}, DType::bf16);
  const Tensor y = device_zeros(*observed.backend, {100}, DType::bf16);
  operations->add(100, x.data<Bf16>(), x.data<Bf16>(), y.data<Bf16>());
  CHECK(log.names.empty());
  observed.handle->set_observer(&log);
  operations->add(100, x.data<Bf16>(), x.data<Bf16>(), y.data<Bf16>());
  observed.backend->synchronize();
  CHECK(log.names == std::vector<std::string>{"add"});
  CHECK(log.bytes == std::vector<double>{600.0});
}

TEST_CASE("a backend that was not made for bf16 says so when it is handed some") {
  const auto backend = test_backend();
  CHECK(backend->bf16() == nullptr);
  const GuardedTensor x = bf16_holding(*backend, Values{1, 2, 3, 4}, true), y = bf16_blank(*backend, 4, true);
  CHECK_ERROR(([&] { ops::activation_forward(*backend, Activation::relu, x.tensor, y.tensor); }), usage,
              "activation_forward: bf16 elements need a GPU's kernels made with --math bf16");
  CHECK_ERROR(([&] { make_backend("cpu", {.math = Math::bf16}); }), usage,
              "math bf16: the CPU computes in float32; use --math exact, or a GPU");
  CHECK(math_named("bf16") == Math::bf16);
  CHECK_ERROR(([&] { math_named("fp16"); }), usage, "expected exact, winograd, tf32 or bf16, got \"fp16\"");
}

}  // namespace curie::test
