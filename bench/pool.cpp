// Pooling at the shapes of covid-cnn-64: (62, 62, 32) and (29, 29, 64), floor, batch 256; and a ResNet's first pool.
// The last column is the memory that must move, read and written once.
#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "ops/backend.h"
#include "roof.h"

namespace curie {
namespace {

class PoolBench {
 public:
  explicit PoolBench(const benchmark::State& state)
      : backend(make_cpu_backend()), shape(shape_of(state)), x(shape.input_elements()), y(shape.output_elements()) {
    arg_max.resize(y.size());
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i * 7919 % 4096);
    backend->max_pool_forward(shape, x.data(), y.data(), arg_max.data());
  }

  std::unique_ptr<Backend> backend;
  PoolShape shape;
  std::vector<float> x, y;
  std::vector<std::uint8_t> arg_max;

 private:
  // Arguments: samples, side, channels, window, stride, padding.
  static PoolShape shape_of(const benchmark::State& state) {
    const auto at = [&](int index) { return static_cast<int>(state.range(static_cast<std::size_t>(index))); };
    PoolShape shape{.n = at(0), .h = at(1), .w = at(1), .c = at(2), .window_h = at(3), .window_w = at(3)};
    shape.stride_h = shape.stride_w = at(4);
    shape.pad_top = shape.pad_left = at(5);
    shape.p = shape.q = (at(1) + 2 * at(5) - at(3)) / at(4) + 1;
    return shape;
  }
};

void max_forward(benchmark::State& state) {
  PoolBench operands(state);
  for (auto _ : state) {
    operands.backend->max_pool_forward(operands.shape, operands.x.data(), operands.y.data(), operands.arg_max.data());
  }
  bench::report(state, work::max_pool_forward(operands.shape, true));
}

void max_backward(benchmark::State& state) {
  PoolBench operands(state);
  for (auto _ : state) {
    operands.backend->max_pool_backward(operands.shape, operands.arg_max.data(), operands.y.data(), operands.x.data());
  }
  bench::report(state, work::max_pool_backward(operands.shape));
}

void average_forward(benchmark::State& state) {
  PoolBench operands(state);
  for (auto _ : state) operands.backend->average_pool_forward(operands.shape, operands.x.data(), operands.y.data());
  bench::report(state, work::average_pool_forward(operands.shape));
}

void average_backward(benchmark::State& state) {
  PoolBench operands(state);
  for (auto _ : state) operands.backend->average_pool_backward(operands.shape, operands.y.data(), operands.x.data());
  bench::report(state, work::average_pool_backward(operands.shape));
}

void shapes(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"n", "side", "c", "window", "stride", "pad"});
  benchmark->Args({256, 62, 32, 2, 2, 0})->Args({256, 29, 64, 2, 2, 0})->Args({32, 112, 64, 3, 2, 1});
  benchmark->Unit(benchmark::kMillisecond)->UseRealTime();
}

BENCHMARK(max_forward)->Name("max_pool_forward")->Apply(shapes);
BENCHMARK(max_backward)->Name("max_pool_backward")->Apply(shapes);
BENCHMARK(average_forward)->Name("average_pool_forward")->Apply(shapes);
BENCHMARK(average_backward)->Name("average_pool_backward")->Apply(shapes);

}  // namespace
}  // namespace curie
