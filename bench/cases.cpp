#include "cases.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "layers/conv2d.h"
#include "layers/pool2d.h"
#include "ops/shapes.h"
#include "recipes/recipe.h"
#include "tensor/random.h"

namespace curie::bench {
namespace {

constexpr float kRate = 0.5f;  // of dropout: survivors are doubled, and stay integers

double float_bytes(std::initializer_list<std::size_t> counts) {
  double bytes = 0.0;
  for (const std::size_t count : counts) bytes += static_cast<double>(sizeof(float)) * static_cast<double>(count);
  return bytes;
}

class CaseList {
 public:
  explicit CaseList(bool shrunk) : shrunk_(shrunk) {}

  void begin(const std::string& recipe) { recipe_ = recipe; }
  void convolution(Conv2dShape shape, bool first_layer);
  void conv_pool(Conv2dShape conv, bool first_layer);
  void max_pool(PoolShape shape);
  void dense(DenseShape shape, bool first_layer);
  void batch_norm(int rows, int channels);

  std::vector<Case> cases;

 private:
  void add(Case made) {
    const auto same = std::find_if(cases.begin(), cases.end(), [&](const Case& other) {
      return other.primitive == made.primitive && other.shape == made.shape;
    });
    if (same == cases.end()) {
      made.recipes = recipe_;
      cases.push_back(std::move(made));
    } else if (same->recipes.find(recipe_) == std::string::npos) {
      same->recipes += "," + recipe_;
    }
  }
  void shrink(Conv2dShape& shape) const;

  bool shrunk_;
  std::string recipe_;
};

void CaseList::shrink(Conv2dShape& shape) const {
  if (!shrunk_) return;
  static constexpr int kExtent = 9, kChannels = 8;
  shape.n = 1;
  shape.c = std::min(shape.c, kChannels), shape.k = std::min(shape.k, kChannels);
  const auto axis = [](int& in, int& out, int kernel, int stride, int pad) {
    if (in <= kExtent) return;
    in = std::max(kExtent, kernel);
    out = (in + 2 * pad - kernel) / stride + 1;
  };
  axis(shape.h, shape.p, shape.r, shape.stride_h, shape.pad_top);
  axis(shape.w, shape.q, shape.s, shape.stride_w, shape.pad_left);
}

std::string text_of(const Conv2dShape& s) {
  return fmt::format("{}x{}x{}x{}_to_{}_by_{}x{}{}{}", s.n, s.h, s.w, s.c, s.k, s.r, s.s,
                     s.stride_h > 1 ? fmt::format("_stride_{}", s.stride_h) : "",
                     s.pad_top > 0 || s.pad_left > 0 ? fmt::format("_pad_{}", s.pad_top) : "");
}

void CaseList::convolution(Conv2dShape shape, bool first_layer) {
  shrink(shape);
  const std::size_t x = shape.input_elements(), w = shape.weight_elements(), y = shape.output_elements();
  const auto k = static_cast<std::size_t>(shape.k);
  const Case base{.primitive = {},
                  .shape = text_of(shape),
                  .recipes = {},
                  .flops = shape.flops(),
                  .bytes = float_bytes({x, w, y}),
                  .prepare = {}};
  Case forward = base;
  forward.primitive = "conv2d_forward";
  forward.prepare = [=](Arrays& a) -> std::function<void()> {
    const float *xs = a.integers(x), *ws = a.integers(w), *bias = a.integers(k);
    float* ys = a.output(y);
    const Scratch scratch = a.scratch(a.backend().scratch_bytes(shape));
    return [=, &b = a.backend()] { b.conv2d_forward(shape, xs, ws, bias, Activation::relu, ys, scratch); };
  };
  add(forward);
  Case weights = base;
  weights.primitive = "conv2d_backward_weights";
  weights.prepare = [=](Arrays& a) -> std::function<void()> {
    const float *xs = a.integers(x), *dy = a.integers(y);
    float *dw = a.output(w), *dbias = a.output(k);
    const Scratch scratch = a.scratch(a.backend().scratch_bytes(shape));
    return [=, &b = a.backend()] { b.conv2d_backward_weights(shape, xs, dy, dw, dbias, scratch); };
  };
  add(weights);
  if (first_layer) return;  // nobody wants the gradient of the images
  Case input = base;
  input.primitive = "conv2d_backward_input";
  input.prepare = [=](Arrays& a) -> std::function<void()> {
    const float *dy = a.integers(y), *ws = a.integers(w);
    float* dx = a.output(x);
    const Scratch scratch = a.scratch(a.backend().scratch_bytes(shape));
    return [=, &b = a.backend()] { b.conv2d_backward_input(shape, dy, ws, dx, scratch); };
  };
  add(input);
}

void CaseList::conv_pool(Conv2dShape conv, bool first_layer) {
  shrink(conv);
  const ConvPoolShape shape{.conv = conv, .pool = 2};
  if (shape.output_elements() == 0) return;
  const std::size_t x = conv.input_elements(), w = conv.weight_elements(), y = shape.output_elements();
  const auto k = static_cast<std::size_t>(conv.k);
  const DropoutSpec dropout{.rate = kRate, .seed = 1};
  const Case base{.primitive = {},
                  .shape = text_of(conv) + "_pool_2",
                  .recipes = {},
                  .flops = conv.flops(),
                  .bytes = float_bytes({x, w, y}) + static_cast<double>(y),
                  .in_libraries = false,
                  .prepare = {}};
  Case forward = base;
  forward.primitive = "conv_pool_forward";
  forward.prepare = [=](Arrays& a) -> std::function<void()> {
    const float *xs = a.integers(x), *ws = a.integers(w), *bias = a.integers(k);
    float* ys = a.output(y);
    std::uint8_t* arg_max = a.byte_output(y);
    const Scratch scratch = a.scratch(a.backend().scratch_bytes(shape));
    const StepState* state = a.state();
    return [=, &b = a.backend()] { b.conv_pool_forward(shape, xs, ws, bias, dropout, state, ys, arg_max, scratch); };
  };
  add(forward);
  Case backward = base;
  backward.primitive = "conv_pool_backward";
  backward.flops *= first_layer ? 1.0 : 2.0;
  backward.prepare = [=](Arrays& a) -> std::function<void()> {
    const float *xs = a.integers(x), *ws = a.integers(w), *bias = a.integers(k), *dy = a.integers(y);
    float* ys = a.filled(y, 0.0f);
    std::uint8_t* arg_max = a.byte_output(y);
    float *dx = first_layer ? nullptr : a.output(x), *dw = a.output(w), *dbias = a.output(k);
    const Scratch scratch = a.scratch(a.backend().scratch_bytes(shape));
    a.backend().conv_pool_forward(shape, xs, ws, bias, dropout, a.state(), ys, arg_max, scratch);
    return [=, &b = a.backend()] {
      b.conv_pool_backward(shape, xs, ws, ys, arg_max, dropout.rate, dy, dx, dw, dbias, scratch);
    };
  };
  add(backward);
}

void CaseList::max_pool(PoolShape shape) {
  if (shrunk_) {
    constexpr int kChannels = 8;
    shape.n = 1, shape.c = std::min(shape.c, kChannels);
  }
  const std::size_t x = shape.input_elements(), y = shape.output_elements();
  const std::string text =
      fmt::format("{}x{}x{}x{}_pool_{}x{}", shape.n, shape.h, shape.w, shape.c, shape.window_h, shape.window_w);
  Case forward{
      .primitive = "max_pool_inference", .shape = text, .recipes = {}, .bytes = float_bytes({x, y}), .prepare = {}};
  forward.prepare = [=](Arrays& a) -> std::function<void()> {
    const float* xs = a.integers(x);
    float* ys = a.output(y);
    return [=, &b = a.backend()] { b.max_pool_forward(shape, xs, ys, nullptr); };
  };
  add(forward);
  Case training = forward;
  training.primitive = "max_pool_forward";
  training.in_libraries = false;
  training.bytes += static_cast<double>(y);
  training.prepare = [=](Arrays& a) -> std::function<void()> {
    const float* xs = a.integers(x);
    float* ys = a.output(y);
    std::uint8_t* arg_max = a.byte_output(y);
    return [=, &b = a.backend()] { b.max_pool_forward(shape, xs, ys, arg_max); };
  };
  add(training);
  Case backward = training;
  backward.primitive = "max_pool_backward";
  backward.prepare = [=](Arrays& a) -> std::function<void()> {
    const float *xs = a.integers(x), *dy = a.integers(y);
    float *ys = a.filled(y, 0.0f), *dx = a.output(x);
    std::uint8_t* arg_max = a.byte_output(y);
    a.backend().max_pool_forward(shape, xs, ys, arg_max);
    return [=, &b = a.backend()] { b.max_pool_backward(shape, arg_max, dy, dx); };
  };
  add(backward);
}

void CaseList::dense(DenseShape shape, bool first_layer) {
  if (shrunk_) {
    constexpr int kWidth = 16;
    shape = {.n = 2, .in = std::min(shape.in, kWidth), .out = std::min(shape.out, kWidth)};
  }
  const std::size_t x = std::size_t(shape.n) * shape.in, w = std::size_t(shape.in) * shape.out;
  const std::size_t y = std::size_t(shape.n) * shape.out;
  const auto units = static_cast<std::size_t>(shape.out);
  const Case base{.primitive = {},
                  .shape = fmt::format("{}x{}_to_{}", shape.n, shape.in, shape.out),
                  .recipes = {},
                  .flops = shape.flops(),
                  .bytes = float_bytes({x, w, y}),
                  .prepare = {}};
  Case forward = base;
  forward.primitive = "dense_forward";
  forward.prepare = [=](Arrays& a) -> std::function<void()> {
    const float *xs = a.integers(x), *ws = a.integers(w), *bias = a.integers(units);
    float* ys = a.output(y);
    const Scratch scratch = a.scratch(a.backend().scratch_bytes(shape));
    return [=, &b = a.backend()] { b.dense_forward(shape, xs, ws, bias, Activation::relu, ys, scratch); };
  };
  add(forward);
  Case weights = base;
  weights.primitive = "dense_backward_weights";
  weights.prepare = [=](Arrays& a) -> std::function<void()> {
    const float *xs = a.integers(x), *dy = a.integers(y);
    float *dw = a.output(w), *dbias = a.output(units);
    const Scratch scratch = a.scratch(a.backend().scratch_bytes(shape));
    return [=, &b = a.backend()] { b.dense_backward_weights(shape, xs, dy, dw, dbias, scratch); };
  };
  add(weights);
  if (first_layer) return;
  Case input = base;
  input.primitive = "dense_backward_input";
  input.prepare = [=](Arrays& a) -> std::function<void()> {
    const float *dy = a.integers(y), *ws = a.integers(w);
    float* dx = a.output(x);
    const Scratch scratch = a.scratch(a.backend().scratch_bytes(shape));
    return [=, &b = a.backend()] { b.dense_backward_input(shape, dy, ws, dx, scratch); };
  };
  add(input);
}

void CaseList::batch_norm(int rows, int channels) {
  if (shrunk_) rows = std::min(rows, 50), channels = std::min(channels, 8);
  const BatchNormShape shape{.rows = rows, .channels = channels};
  const auto c = static_cast<std::size_t>(channels);
  const std::size_t count = static_cast<std::size_t>(rows) * c;
  Case forward{.primitive = "batch_norm_forward",
               .shape = fmt::format("{}x{}", rows, channels),
               .recipes = {},
               .bytes = float_bytes({count, count}),
               .tolerance = 1e-4,
               .prepare = {}};
  forward.prepare = [=](Arrays& a) -> std::function<void()> {
    const float *x = a.integers(count), *gamma = a.filled(c, 1.5f), *beta = a.filled(c, 0.5f);
    float *y = a.output(count), *mean = a.output(c), *inverse = a.output(c);
    float *running_mean = a.filled(c, 0.0f), *running_variance = a.filled(c, 1.0f);
    const Scratch scratch = a.scratch(a.backend().scratch_bytes(shape));
    return [=, &b = a.backend()] {
      b.batch_norm_forward(shape, x, gamma, beta, y, mean, inverse, running_mean, running_variance, scratch);
    };
  };
  add(forward);
  Case backward = forward;
  backward.primitive = "batch_norm_backward";
  backward.bytes = float_bytes({count, count, count});
  backward.prepare = [=](Arrays& a) -> std::function<void()> {
    const float *x = a.integers(count), *dy = a.integers(count), *gamma = a.filled(c, 1.5f);
    const float *mean = a.filled(c, 0.5f), *inverse = a.filled(c, 0.5f);  // so that sums are exact
    float *dx = a.output(count), *dgamma = a.output(c), *dbeta = a.output(c);
    const Scratch scratch = a.scratch(a.backend().scratch_bytes(shape));
    return [=, &b = a.backend()] {
      b.batch_norm_backward(shape, x, gamma, mean, inverse, dy, dx, dgamma, dbeta, scratch);
    };
  };
  add(backward);
}

void add_layers(CaseList& list, const Recipe& recipe) {
  const Model model = recipe.build(1);
  const Graph& graph = model.graph();
  const std::vector<Node>& nodes = graph.nodes();
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const Node& node = nodes[i];
    const bool first_layer = node.inputs.front() == 0;
    const Shape input = graph.shape(node.inputs.front()).with_batch(recipe.batch_size);
    const Shape output = graph.shape(node.output).with_batch(recipe.batch_size);
    if (const auto* conv = dynamic_cast<const Conv2dLayer*>(node.layer.get())) {
      const Conv2dShape shape = conv->shape(input);
      list.convolution(shape, first_layer);
      const bool pooled = i + 1 < nodes.size() && nodes[i + 1].layer->kind() == "MaxPooling2D";
      if (pooled && conv->fused_activation() == Activation::relu) list.conv_pool(shape, first_layer);
    } else if (const auto* pool = dynamic_cast<const MaxPool2dLayer*>(node.layer.get())) {
      list.max_pool(pool->shape(input));
    } else if (node.layer->kind() == "Dense") {
      list.dense({.n = recipe.batch_size, .in = input[-1], .out = output[-1]}, first_layer);
    } else if (node.layer->kind() == "BatchNormalization") {
      list.batch_norm(static_cast<int>(input.elements() / static_cast<std::size_t>(input[-1])), input[-1]);
    }
  }
}

}  // namespace

std::byte* Arrays::place(const void* from, std::size_t bytes) {
  buffers_.push_back(backend_->allocate(std::max<std::size_t>(bytes, 1)));
  if (from != nullptr) backend_->copy_to_device(buffers_.back().data(), static_cast<const std::byte*>(from), bytes);
  return buffers_.back().data();
}

float* Arrays::integers(std::size_t count) {
  std::vector<float> values(count);
  std::uint32_t state = 0x9e3779b9u * ++stream_;
  for (float& value : values) {
    state = state * 1664525u + 1013904223u;
    value = static_cast<float>(state >> 16) * (5.0f / 65536.0f);
    value = std::floor(value) - 2.0f;
  }
  return reinterpret_cast<float*>(place(values.data(), count * sizeof(float)));
}

float* Arrays::filled(std::size_t count, float value) {
  const std::vector<float> values(count, value);
  return reinterpret_cast<float*>(place(values.data(), count * sizeof(float)));
}

float* Arrays::output(std::size_t count) {
  float* data = filled(count, std::nanf(""));
  outputs_.push_back({reinterpret_cast<const std::byte*>(data), count});
  return data;
}

std::uint8_t* Arrays::byte_output(std::size_t count) { return reinterpret_cast<std::uint8_t*>(place(nullptr, count)); }

Scratch Arrays::scratch(std::size_t bytes) { return {place(nullptr, bytes), bytes}; }

const StepState* Arrays::state() {
  const StepState state;
  return reinterpret_cast<const StepState*>(place(&state, sizeof state));
}

std::vector<std::vector<float>> Arrays::results() const {
  std::vector<std::vector<float>> all;
  for (const Output& output : outputs_) {
    std::vector<float>& values = all.emplace_back(output.count);
    backend_->copy_to_host(reinterpret_cast<std::byte*>(values.data()), output.data, output.count * sizeof(float));
  }
  return all;
}

std::vector<Case> recipe_cases(bool shrunk) {
  CaseList list(shrunk);
  for (const Recipe& recipe : all_recipes()) {
    list.begin(recipe.name);
    add_layers(list, recipe);
  }
  return list.cases;
}

}  // namespace curie::bench
