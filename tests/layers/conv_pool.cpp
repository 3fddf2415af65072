#include "layers/conv_pool.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "support/backend.h"
#include "support/check_layer.h"

namespace curie {
namespace {

using test::test_backend;

using test::GuardedTensor;

// A convolution, its pool and its dropout, built one behind the other on `input` (of one sample).
struct Block {
  LayerPtr conv, pool, dropout;
  Shape input, middle, output;

  Block(const Conv2D& conv_spec, const MaxPool2D& pool_spec, float rate, const Shape& shape)
      : conv(conv_spec.make()), pool(pool_spec.make()), dropout(Dropout{.rate = rate}.make()), input(shape) {
    middle = conv->build(std::vector<Shape>{input}, 11, 0);
    output = pool->build(std::vector<Shape>{middle}, 11, 1);
    dropout->build(std::vector<Shape>{output}, 11, 2);
  }
  std::unique_ptr<Layer> fuse(const Backend& backend, int n, bool with_dropout) {
    return fuse_conv_pool(*conv, *pool, with_dropout ? dropout.get() : nullptr, backend, input.with_batch(n));
  }
};

struct Result {
  std::vector<float> y, dx;
  std::vector<std::vector<float>> gradients;
};

class BlockRun {
 public:
  BlockRun(Backend& backend, Block& block, int n) : backend_(backend), block_(block), n_(n) {
    x_ = tensor(block.input);
    x_.set(test::random_values(x_.tensor.elements(), 1));
    weights_ = test::random_values(block.output.with_batch(n).elements(), 2);
    std::uint32_t stream = 2;
    for (Parameter& parameter : block.conv->parameters()) {
      values_.emplace_back(backend, parameter.shape);
      values_.back().set(test::random_values(parameter.shape.elements(), ++stream, -0.5f, 0.5f));
      gradients_.emplace_back(backend, parameter.shape);
      parameter.value = values_.back().tensor;
      parameter.gradient = gradients_.back().tensor;
    }
  }

  // The three layers (or two, with `with_dropout` false) one after the other.
  Result in_steps(Mode mode, bool with_dropout) {
    const GuardedTensor z = tensor(block_.middle), dz = tensor(block_.middle);
    const GuardedTensor m = tensor(block_.output), dm = tensor(block_.output), y = tensor(block_.output);
    const bool drops = with_dropout && mode == Mode::training;
    LayerContext conv = context(*block_.conv, block_.input, block_.middle, mode);
    block_.conv->forward(conv, one(x_), z.tensor);
    LayerContext pool = context(*block_.pool, block_.middle, block_.output, mode);
    block_.pool->forward(pool, one(z), m.tensor);
    LayerContext dropout = context(*block_.dropout, block_.output, block_.output, mode);
    if (drops) block_.dropout->forward(dropout, one(m), y.tensor);
    Result result{.y = drops ? y.values() : m.values(), .dx = {}, .gradients = {}};
    if (mode == Mode::inference) return result;
    const GuardedTensor dy = tensor(block_.output), dx = tensor(block_.input);
    dy.set(weights_);
    if (drops) {
      block_.dropout->backward(dropout, one(m), y.tensor, dy.tensor, one(dm));
    } else {
      dm.set(weights_);
    }
    block_.pool->backward(pool, one(z), m.tensor, dm.tensor, one(dz));
    block_.conv->backward(conv, one(x_), z.tensor, dz.tensor, one(dx));
    return collect(std::move(result), dx);
  }

  Result fused(Layer& layer, Mode mode, bool input_gradient = true) {
    const GuardedTensor y = tensor(block_.output), dy = tensor(block_.output), dx = tensor(block_.input);
    LayerContext forward = context(layer, block_.input, block_.output, mode);
    layer.forward(forward, one(x_), y.tensor);
    CHECK(y.intact());
    CHECK(scratch_.back().intact());
    Result result{.y = y.values(), .dx = {}, .gradients = {}};
    if (mode == Mode::inference) return result;
    dy.set(weights_);
    dx.fill(test::kInfinity);
    for (const GuardedTensor& gradient : gradients_) gradient.fill(test::kInfinity);
    layer.backward(forward, one(x_), y.tensor, dy.tensor, input_gradient ? one(dx) : std::vector<Tensor>{Tensor()});
    for (const GuardedTensor& guarded : {x_, y, dy, dx}) CHECK(guarded.intact());
    for (const GuardedTensor& guarded : scratch_) CHECK(guarded.intact());
    for (const GuardedTensor& guarded : gradients_) CHECK(guarded.intact());
    return collect(std::move(result), dx);
  }

 private:
  GuardedTensor tensor(const Shape& sample) const { return {backend_, sample.with_batch(n_)}; }
  static std::vector<Tensor> one(const GuardedTensor& guarded) { return {guarded.tensor}; }

  LayerContext context(const Layer& layer, const Shape& input, const Shape& output, Mode mode) {
    const Demand demand = layer.demand(backend_, std::vector<Shape>{input.with_batch(n_)}, output.with_batch(n_), mode);
    scratch_.emplace_back(backend_, Shape{static_cast<int>(demand.scratch_bytes)}, DType::u8);
    LayerContext result{.backend = backend_,
                        .mode = mode,
                        .state = state_.address(),
                        .scratch = {scratch_.back().tensor.raw(), demand.scratch_bytes}};
    if (demand.saved_bytes > 0) {
      scratch_.emplace_back(backend_, Shape{static_cast<int>(demand.saved_bytes)}, DType::u8);
      result.saved = scratch_.back().tensor;
    }
    return result;
  }

  Result collect(Result result, const GuardedTensor& dx) const {
    result.dx = dx.values();
    for (const GuardedTensor& gradient : gradients_) result.gradients.push_back(gradient.values());
    return result;
  }

  Backend& backend_;
  Block& block_;
  int n_;
  test::OnDevice<StepState> state_{backend_, {.step = 6}};
  GuardedTensor x_;
  std::vector<GuardedTensor> values_, gradients_, scratch_;
  std::vector<float> weights_;
};

// Two sums of `terms` products below `size` each, in different orders.
void check_close(const std::vector<float>& a, const std::vector<float>& b, int terms, double size) {
  REQUIRE(a.size() == b.size());
  double largest = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double error = std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
    largest = error <= largest ? largest : error;  // NaN is kept
  }
  CHECK(largest <= 2.0 * terms * 0x1p-24 * terms * size);
}

void check_block(const Conv2D& conv, float rate, const Shape& input, int n, bool with_dropout) {
  CAPTURE(to_string(input));
  CAPTURE(n);
  CAPTURE(with_dropout);
  const std::unique_ptr<Backend> backend = test_backend(2);
  Block block(conv, MaxPool2D{}, rate, input);
  const std::unique_ptr<Layer> fused = block.fuse(*backend, n, with_dropout);
  REQUIRE(fused != nullptr);
  CHECK(fused->parameters().empty());
  CHECK(fused->build(std::vector<Shape>{input}, 0, 0) == block.output);
  BlockRun run(*backend, block, n);
  const int terms = 9 * input[2];
  for (const Mode mode : {Mode::training, Mode::inference}) {
    const Result expected = run.in_steps(mode, with_dropout);
    const Result result = run.fused(*fused, mode);
    check_close(result.y, expected.y, terms, 1.0 / (1.0 - rate));
    for (std::size_t i = 0; i < result.y.size(); ++i) REQUIRE((result.y[i] == 0.0f) == (expected.y[i] == 0.0f));
    if (mode == Mode::inference) continue;
    check_close(result.dx, expected.dx, 9 * conv.filters, 1.0 / (1.0 - rate));
    REQUIRE(result.gradients.size() == expected.gradients.size());
    const int pixels = n * block.output[0] * block.output[1];
    for (std::size_t i = 0; i < result.gradients.size(); ++i) {
      check_close(result.gradients[i], expected.gradients[i], pixels, 1.0 / (1.0 - rate));
    }
    const Result without_dx = run.fused(*fused, mode, false);
    for (std::size_t i = 0; i < result.gradients.size(); ++i) {
      CHECK(test::same_bits(without_dx.gradients[i], result.gradients[i]));
    }
  }
}

TEST_CASE("ConvPool: the same as its three layers, forward and backward") {
  for (const bool with_dropout : {false, true}) {
    check_block({.filters = 32, .activation = Activation::relu}, 0.3f, {14, 14, 1}, 3, with_dropout);
    check_block({.filters = 64, .activation = Activation::relu}, 0.5f, {11, 9, 32}, 2, with_dropout);
  }
}

TEST_CASE("ConvPool: what cannot be fused is left alone") {
  const std::unique_ptr<Backend> backend = test_backend(1);
  const Shape input{14, 14, 1};
  const Conv2D relu{.filters = 32, .activation = Activation::relu};
  const auto fuses = [&](const Conv2D& conv, const MaxPool2D& pool) {
    return Block(conv, pool, 0.5f, input).fuse(*backend, 4, true) != nullptr;
  };
  REQUIRE(fuses(relu, MaxPool2D{}));
  CHECK_FALSE(fuses({.filters = 32}, MaxPool2D{}));
  CHECK_FALSE(fuses({.filters = 32, .activation = Activation::tanh}, MaxPool2D{}));
  CHECK_FALSE(fuses(relu, {.pool = 2, .stride = 1}));
  CHECK_FALSE(fuses(relu, {.pool = {2, 1}}));
  CHECK_FALSE(fuses(relu, {.pool = 3, .padding = Padding::cells(1)}));
  CHECK_FALSE(fuses(relu, {.pool = 5, .padding = Padding::same()}));

  Block block(relu, MaxPool2D{}, 0.5f, input);
  CHECK(fuse_conv_pool(*block.conv, *block.dropout, nullptr, *backend, input.with_batch(4)) == nullptr);
  CHECK(fuse_conv_pool(*block.pool, *block.pool, nullptr, *backend, input.with_batch(4)) == nullptr);
  CHECK(fuse_conv_pool(*block.conv, *block.pool, block.pool.get(), *backend, input.with_batch(4)) == nullptr);
}

}  // namespace
}  // namespace curie
