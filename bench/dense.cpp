// The fully connected layers of the recipes. The first one, 9216 -> 64 at batch 256, is the heaviest.
#include <benchmark/benchmark.h>

#include <cstddef>
#include <memory>
#include <vector>

#include "ops/backend.h"
#include "roof.h"

namespace curie {
namespace {

class DenseBench {
 public:
  explicit DenseBench(const benchmark::State& state)
      : backend(make_cpu_backend()),
        shape{static_cast<int>(state.range(0)), static_cast<int>(state.range(1)), static_cast<int>(state.range(2))},
        x(std::size_t(shape.n) * shape.in, 0.5f),
        w(std::size_t(shape.in) * shape.out, 0.25f),
        y(std::size_t(shape.n) * shape.out, 0.125f),
        bias(std::size_t(shape.out), 1.0f),
        memory(backend->scratch_bytes(shape)) {}

  Scratch scratch() { return {memory.data(), memory.size()}; }

  std::unique_ptr<Backend> backend;
  DenseShape shape;
  std::vector<float> x, w, y, bias;
  std::vector<std::byte> memory;
};

void forward(benchmark::State& state) {
  DenseBench operands(state);
  for (auto _ : state) {
    operands.backend->dense_forward(operands.shape, operands.x.data(), operands.w.data(), operands.bias.data(),
                                    Activation::relu, operands.y.data(), operands.scratch());
  }
  bench::report(state, work::dense_forward(operands.shape, true, Activation::relu));
}

void backward_input(benchmark::State& state) {
  DenseBench operands(state);
  for (auto _ : state) {
    operands.backend->dense_backward_input(operands.shape, operands.y.data(), operands.w.data(), operands.x.data(),
                                           operands.scratch());
  }
  bench::report(state, work::dense_backward_input(operands.shape));
}

void backward_weights(benchmark::State& state) {
  DenseBench operands(state);
  for (auto _ : state) {
    operands.backend->dense_backward_weights(operands.shape, operands.x.data(), operands.y.data(), operands.w.data(),
                                             operands.bias.data(), operands.scratch());
  }
  bench::report(state, work::dense_backward_weights(operands.shape, true));
}

void shapes(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"batch", "in", "out"});
  benchmark->Args({256, 9216, 64})->Args({256, 64, 1})->Args({32, 1600, 128})->Args({512, 512, 1000});
  benchmark->Args({1, 9216, 64})->Unit(benchmark::kMillisecond)->UseRealTime();
}

BENCHMARK(forward)->Name("dense_forward")->Apply(shapes);
BENCHMARK(backward_input)->Name("dense_backward_input")->Apply(shapes);
BENCHMARK(backward_weights)->Name("dense_backward_weights")->Apply(shapes);

}  // namespace
}  // namespace curie
