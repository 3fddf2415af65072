// Operations that memory bounds, at the sizes of covid-cnn-64: the optimizer's 645,697 parameters, dropout and ReLU of
// one block's output, batch normalisation of the first convolution's.
#include <benchmark/benchmark.h>

#include <cstddef>
#include <memory>
#include <vector>

#include "ops/backend.h"
#include "roof.h"

namespace curie {
namespace {

constexpr std::size_t kParameters = 645697;
constexpr std::size_t kBlock = std::size_t{256} * 31 * 31 * 32;

void adam(benchmark::State& state) {
  const std::unique_ptr<Backend> backend = make_cpu_backend();
  std::vector<float> gradient(kParameters, 0.01f), weights(kParameters), first(kParameters), second(kParameters);
  const StepState step{.learning_rate = 1e-3f, .momentum_correction = 0.1f, .variance_correction = 0.001f};
  for (auto _ : state) {
    backend->adam_step({}, kParameters, &step, gradient.data(), weights.data(), first.data(), second.data());
  }
  bench::report(state, work::adam_step({}, kParameters));
}

void sgd_momentum(benchmark::State& state) {
  const std::unique_ptr<Backend> backend = make_cpu_backend();
  std::vector<float> gradient(kParameters, 0.01f), weights(kParameters), velocity(kParameters);
  const StepState step{.learning_rate = 1e-3f};
  const SgdArgs args{.momentum = 0.9f, .nesterov = true};
  for (auto _ : state) {
    backend->sgd_step(args, kParameters, &step, gradient.data(), weights.data(), velocity.data());
  }
  bench::report(state, work::sgd_step(args, kParameters));
}

void dropout(benchmark::State& state) {
  const std::unique_ptr<Backend> backend = make_cpu_backend();
  std::vector<float> x(kBlock, 1.0f), y(kBlock);
  const StepState step{.step = 5};
  for (auto _ : state) backend->dropout({.rate = 0.3f, .seed = 7}, &step, kBlock, x.data(), y.data());
  bench::report(state, work::dropout(kBlock, 0.3f));
}

void activation(benchmark::State& state, Activation kind) {
  const std::unique_ptr<Backend> backend = make_cpu_backend();
  std::vector<float> x(kBlock);
  for (std::size_t i = 0; i < kBlock; ++i) x[i] = static_cast<float>(i % 257) / 64.0f - 2.0f;
  std::vector<float> y(kBlock);
  for (auto _ : state) backend->activation_forward(kind, kBlock, x.data(), y.data());
  bench::report(state, work::activation_forward(kind, kBlock));
}

class BatchNormBench {
 public:
  BatchNormBench() : x(elements(), 0.5f), dy(elements(), 0.25f), y(elements()) {
    for (std::vector<float>* each : {&gamma, &mean, &inv_std, &running_mean, &running_variance}) each->assign(32, 1.0f);
  }
  Scratch scratch() { return {memory.data(), memory.size()}; }
  std::size_t elements() const { return std::size_t(shape.rows) * shape.channels; }

  std::unique_ptr<Backend> backend = make_cpu_backend();
  BatchNormShape shape{.rows = 64 * 62 * 62, .channels = 32};
  std::vector<float> x, dy, y, gamma, mean, inv_std, running_mean, running_variance;
  std::vector<std::byte> memory = std::vector<std::byte>(backend->scratch_bytes(shape));
};

void batch_norm_forward(benchmark::State& state) {
  BatchNormBench b;
  for (auto _ : state) {
    b.backend->batch_norm_forward(b.shape, b.x.data(), b.gamma.data(), b.gamma.data(), b.y.data(), b.mean.data(),
                                  b.inv_std.data(), b.running_mean.data(), b.running_variance.data(), b.scratch());
  }
  bench::report(state, work::batch_norm_forward(b.shape, true, true));
}

void batch_norm_backward(benchmark::State& state) {
  BatchNormBench b;
  for (auto _ : state) {
    b.backend->batch_norm_backward(b.shape, b.x.data(), b.gamma.data(), b.mean.data(), b.inv_std.data(), b.dy.data(),
                                   b.y.data(), b.running_mean.data(), b.running_variance.data(), b.scratch());
  }
  bench::report(state, work::batch_norm_backward(b.shape, true, true, true, true));
}

void normalize_u8(benchmark::State& state) {
  const std::unique_ptr<Backend> backend = make_cpu_backend();
  constexpr std::size_t kPixels = std::size_t{256} * 64 * 64;
  const std::vector<std::uint8_t> x(kPixels, 77);
  const std::vector<float> table(256, 0.5f);
  std::vector<float> y(kPixels);
  for (auto _ : state) backend->normalize_u8(kPixels, 1, x.data(), table.data(), y.data());
  bench::report(state, work::normalize_u8(kPixels, 1));
}

BENCHMARK(adam)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(sgd_momentum)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(dropout)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(activation, relu, Activation::relu)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(activation, sigmoid, Activation::sigmoid)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(activation, tanh, Activation::tanh)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(batch_norm_forward)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(batch_norm_backward)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(normalize_u8)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace curie
