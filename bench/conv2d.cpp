// Convolutions of the recipes: covid-cnn-64's three at batch 256 (the first two as they train, fused with ReLU, max
// pool and dropout), and one early and one late layer of VGG16 and ResNet18.
#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "ops/backend.h"
#include "roof.h"
#include "tensor/random.h"

namespace curie {
namespace {

std::vector<float> noise(std::size_t count, std::uint32_t stream) {
  std::vector<float> values(count);
  const RandomStream random{.seed = 1, .stream = stream};
  for (std::size_t i = 0; i < count; ++i) values[i] = random.uniform(i) - 0.5f;
  return values;
}

// n, image extent, channels, filters, filter extent, stride, padding on each side
Conv2dShape shape_of(const benchmark::State& state) {
  const auto at = [&](std::size_t i) { return static_cast<int>(state.range(i)); };
  const int out = (at(1) + 2 * at(6) - at(4)) / at(5) + 1;
  return {at(0), at(1), at(1), at(2), at(3), at(4), at(4), at(5), at(5), at(6), at(6), out, out};
}

struct Operands {
  explicit Operands(const Conv2dShape& shape)
      : x(noise(shape.input_elements(), 1)),
        w(noise(shape.weight_elements(), 2)),
        bias(noise(static_cast<std::size_t>(shape.k), 3)),
        y(noise(shape.output_elements(), 4)) {}
  std::vector<float> x, w, bias, y;
};

enum class Direction { forward, input, weights };

Work work_of(const Conv2dShape& shape, Direction direction) {
  switch (direction) {
    case Direction::forward:
      return work::conv2d_forward(shape, true, Activation::relu);
    case Direction::input:
      return work::conv2d_backward_input(shape);
    case Direction::weights:
      break;
  }
  return work::conv2d_backward_weights(shape, true);
}

void conv2d(benchmark::State& state, Direction direction) {
  const std::unique_ptr<Backend> backend = make_cpu_backend();
  const Conv2dShape shape = shape_of(state);
  Operands o(shape);
  std::vector<std::byte> memory(backend->scratch_bytes(shape));
  const Scratch scratch{memory.data(), memory.size()};
  for (auto _ : state) {
    if (direction == Direction::forward) {
      backend->conv2d_forward(shape, o.x.data(), o.w.data(), o.bias.data(), Activation::relu, o.y.data(), scratch);
    } else if (direction == Direction::input) {
      backend->conv2d_backward_input(shape, o.y.data(), o.w.data(), o.x.data(), scratch);
    } else {
      backend->conv2d_backward_weights(shape, o.x.data(), o.y.data(), o.w.data(), o.bias.data(), scratch);
    }
  }
  bench::report(state, work_of(shape, direction));
}

void conv_pool(benchmark::State& state, bool backward) {
  const std::unique_ptr<Backend> backend = make_cpu_backend();
  const ConvPoolShape shape{.conv = shape_of(state), .pool = 2};
  const DropoutSpec dropout{.rate = static_cast<float>(state.range(7)) * 0.01f, .seed = 1};
  Operands o(shape.conv);
  std::vector<float> y(shape.output_elements());
  const std::vector<float> dy = noise(y.size(), 5);
  std::vector<std::uint8_t> arg_max(y.size());
  std::vector<float> dx(o.x.size()), dw(o.w.size()), dbias(o.bias.size());
  std::vector<std::byte> memory(backend->scratch_bytes(shape));
  const Scratch scratch{memory.data(), memory.size()};
  const StepState step;
  const auto forward = [&] {
    backend->conv_pool_forward(shape, o.x.data(), o.w.data(), o.bias.data(), dropout, &step, y.data(), arg_max.data(),
                               scratch);
  };
  forward();
  const bool first_layer = shape.conv.c == 1;
  for (auto _ : state) {
    if (!backward) {
      forward();
    } else {
      backend->conv_pool_backward(shape, o.x.data(), o.w.data(), y.data(), arg_max.data(), dropout.rate, dy.data(),
                                  first_layer ? nullptr : dx.data(), dw.data(), dbias.data(), scratch);
    }
  }
  bench::report(state, backward ? work::conv_pool_backward(shape, dropout.rate, !first_layer, true)
                                : work::conv_pool_forward(shape, true, dropout.rate, true));
}

void shapes(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"n", "hw", "c", "k", "rs", "stride", "pad"});
  benchmark->Args({256, 14, 64, 64, 3, 1, 0});
  benchmark->Args({32, 34, 32, 32, 3, 1, 0});
  benchmark->Args({8, 59, 256, 256, 3, 1, 1});
  benchmark->Args({32, 128, 3, 64, 7, 2, 3});
  benchmark->Args({32, 4, 512, 512, 3, 1, 1});
  benchmark->Unit(benchmark::kMillisecond)->UseRealTime();
}

void fused_shapes(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"n", "hw", "c", "k", "rs", "stride", "pad", "drop%"});
  benchmark->Args({256, 64, 1, 32, 3, 1, 0, 30});
  benchmark->Args({256, 31, 32, 64, 3, 1, 0, 50});
  benchmark->Unit(benchmark::kMillisecond)->UseRealTime();
}

BENCHMARK_CAPTURE(conv2d, forward, Direction::forward)->Apply(shapes);
BENCHMARK_CAPTURE(conv2d, backward_input, Direction::input)->Apply(shapes);
BENCHMARK_CAPTURE(conv2d, backward_weights, Direction::weights)->Apply(shapes);
BENCHMARK_CAPTURE(conv_pool, forward, false)->Apply(fused_shapes);
BENCHMARK_CAPTURE(conv_pool, backward, true)->Apply(fused_shapes);

}  // namespace
}  // namespace curie
