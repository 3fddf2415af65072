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

// The bytes of arrays that bfloat16 training keeps in it, and of those that it does not.
void set_bytes(Case& made, std::initializer_list<std::size_t> stored, std::initializer_list<std::size_t> floats = {}) {
  made.bytes = float_bytes(stored) + float_bytes(floats);
  made.bf16_bytes = float_bytes(stored) / 2.0 + float_bytes(floats);
}

void add_arg_max(Case& made, std::size_t outputs) {
  made.bytes += static_cast<double>(outputs);
  made.bf16_bytes += static_cast<double>(outputs);
}

// prepare: a function of the arrays and of an element of the type that they are kept in.
template <typename Prepare>
void on_both(Case& made, const Prepare& prepare) {
  made.prepare = [=](Arrays& arrays) { return prepare(arrays, float{}); };
  made.prepare_bf16 = [=](Arrays& arrays) { return prepare(arrays, Bf16{}); };
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
  Case base{.shape = text_of(shape), .flops = shape.flops()};
  set_bytes(base, {x, w, y});
  const bool in_winograd = shape.r == 3 && shape.s == 3 && shape.stride_h == 1 && shape.stride_w == 1;
  Case forward = base;
  forward.primitive = "conv2d_forward";
  forward.in_winograd = in_winograd;
  on_both(forward, [=]<typename T>(Arrays& a, T) -> std::function<void()> {
    const T *xs = a.integers<T>(x), *ws = a.integers<T>(w);
    const float* bias = a.integers(k);
    T* ys = a.output<T>(y);
    const Scratch scratch = a.scratch(a.backend().scratch_bytes(shape));
    return [=, &b = a.on<T>()] { b.conv2d_forward(shape, xs, ws, bias, Activation::relu, ys, scratch); };
  });
  add(forward);
  Case weights = base;
  weights.primitive = "conv2d_backward_weights";
  set_bytes(weights, {x, y}, {w});
  on_both(weights, [=]<typename T>(Arrays& a, T) -> std::function<void()> {
    const T *xs = a.integers<T>(x), *dy = a.integers<T>(y);
    float *dw = a.output(w), *dbias = a.output(k);
    const Scratch scratch = a.scratch(a.backend().scratch_bytes(shape));
    return [=, &b = a.on<T>()] { b.conv2d_backward_weights(shape, xs, dy, dw, dbias, scratch); };
  });
  add(weights);
  if (first_layer) return;  // nobody wants the gradient of the images
  Case input = base;
  input.primitive = "conv2d_backward_input";
  input.in_winograd = in_winograd;
  on_both(input, [=]<typename T>(Arrays& a, T) -> std::function<void()> {
    const T *dy = a.integers<T>(y), *ws = a.integers<T>(w);
    T* dx = a.output<T>(x);
    const Scratch scratch = a.scratch(a.backend().scratch_bytes(shape));
    return [=, &b = a.on<T>()] { b.conv2d_backward_input(shape, dy, ws, dx, scratch); };
  });
  add(input);
}

void CaseList::conv_pool(Conv2dShape conv, bool first_layer) {
  shrink(conv);
  const ConvPoolShape shape{.conv = conv, .pool = 2};
  if (shape.output_elements() == 0) return;
  const std::size_t x = conv.input_elements(), w = conv.weight_elements(), y = shape.output_elements();
  const auto k = static_cast<std::size_t>(conv.k);
  const DropoutSpec dropout{.rate = kRate, .seed = 1};
  Case base{.shape = text_of(conv) + "_pool_2", .flops = conv.flops(), .in_libraries = false};
  set_bytes(base, {x, w, y});
  add_arg_max(base, y);
  Case forward = base;
  forward.primitive = "conv_pool_forward";
  on_both(forward, [=]<typename T>(Arrays& a, T) -> std::function<void()> {
    const T *xs = a.integers<T>(x), *ws = a.integers<T>(w);
    const float* bias = a.integers(k);
    T* ys = a.output<T>(y);
    std::uint8_t* arg_max = a.byte_output(y);
    const Scratch scratch = a.scratch(a.backend().scratch_bytes(shape));
    const StepState* state = a.state();
    return [=, &b = a.on<T>()] { b.conv_pool_forward(shape, xs, ws, bias, dropout, state, ys, arg_max, scratch); };
  });
  add(forward);
  Case backward = base;
  backward.primitive = "conv_pool_backward";
  backward.flops *= first_layer ? 1.0 : 2.0;
  on_both(backward, [=]<typename T>(Arrays& a, T) -> std::function<void()> {
    const T *xs = a.integers<T>(x), *ws = a.integers<T>(w), *dy = a.integers<T>(y);
    const float* bias = a.integers(k);
    T* ys = a.filled<T>(y, 0.0f);
    std::uint8_t* arg_max = a.byte_output(y);
    T* dx = first_layer ? nullptr : a.output<T>(x);
    float *dw = a.output(w), *dbias = a.output(k);
    const Scratch scratch = a.scratch(a.backend().scratch_bytes(shape));
    a.on<T>().conv_pool_forward(shape, xs, ws, bias, dropout, a.state(), ys, arg_max, scratch);
    return [=, &b = a.on<T>()] {
      b.conv_pool_backward(shape, xs, ws, ys, arg_max, dropout.rate, dy, dx, dw, dbias, scratch);
    };
  });
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
  Case forward{.primitive = "max_pool_inference", .shape = text};
  set_bytes(forward, {x, y});
  on_both(forward, [=]<typename T>(Arrays& a, T) -> std::function<void()> {
    const T* xs = a.integers<T>(x);
    T* ys = a.output<T>(y);
    return [=, &b = a.on<T>()] { b.max_pool_forward(shape, xs, ys, nullptr); };
  });
  add(forward);
  Case training = forward;
  training.primitive = "max_pool_forward";
  training.in_libraries = false;
  add_arg_max(training, y);
  on_both(training, [=]<typename T>(Arrays& a, T) -> std::function<void()> {
    const T* xs = a.integers<T>(x);
    T* ys = a.output<T>(y);
    std::uint8_t* arg_max = a.byte_output(y);
    return [=, &b = a.on<T>()] { b.max_pool_forward(shape, xs, ys, arg_max); };
  });
  add(training);
  Case backward = training;
  backward.primitive = "max_pool_backward";
  on_both(backward, [=]<typename T>(Arrays& a, T) -> std::function<void()> {
    const T *xs = a.integers<T>(x), *dy = a.integers<T>(y);
    T *ys = a.filled<T>(y, 0.0f), *dx = a.output<T>(x);
    std::uint8_t* arg_max = a.byte_output(y);
    a.on<T>().max_pool_forward(shape, xs, ys, arg_max);
    return [=, &b = a.on<T>()] { b.max_pool_backward(shape, arg_max, dy, dx); };
  });
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
  Case base{.shape = fmt::format("{}x{}_to_{}", shape.n, shape.in, shape.out), .flops = shape.flops()};
  set_bytes(base, {x, w, y});
  Case forward = base;
  forward.primitive = "dense_forward";
  on_both(forward, [=]<typename T>(Arrays& a, T) -> std::function<void()> {
    const T *xs = a.integers<T>(x), *ws = a.integers<T>(w);
    const float* bias = a.integers(units);
    T* ys = a.output<T>(y);
    const Scratch scratch = a.scratch(a.backend().scratch_bytes(shape));
    return [=, &b = a.on<T>()] { b.dense_forward(shape, xs, ws, bias, Activation::relu, ys, scratch); };
  });
  add(forward);
  Case weights = base;
  weights.primitive = "dense_backward_weights";
  set_bytes(weights, {x, y}, {w});
  on_both(weights, [=]<typename T>(Arrays& a, T) -> std::function<void()> {
    const T *xs = a.integers<T>(x), *dy = a.integers<T>(y);
    float *dw = a.output(w), *dbias = a.output(units);
    const Scratch scratch = a.scratch(a.backend().scratch_bytes(shape));
    return [=, &b = a.on<T>()] { b.dense_backward_weights(shape, xs, dy, dw, dbias, scratch); };
  });
  add(weights);
  if (first_layer) return;
  Case input = base;
  input.primitive = "dense_backward_input";
  on_both(input, [=]<typename T>(Arrays& a, T) -> std::function<void()> {
    const T *dy = a.integers<T>(y), *ws = a.integers<T>(w);
    T* dx = a.output<T>(x);
    const Scratch scratch = a.scratch(a.backend().scratch_bytes(shape));
    return [=, &b = a.on<T>()] { b.dense_backward_input(shape, dy, ws, dx, scratch); };
  });
  add(input);
}

void CaseList::batch_norm(int rows, int channels) {
  if (shrunk_) rows = std::min(rows, 50), channels = std::min(channels, 8);
  const BatchNormShape shape{.rows = rows, .channels = channels};
  const auto c = static_cast<std::size_t>(channels);
  const std::size_t count = static_cast<std::size_t>(rows) * c;
  Case forward{.primitive = "batch_norm_forward", .shape = fmt::format("{}x{}", rows, channels), .tolerance = 1e-4};
  set_bytes(forward, {count, count});
  on_both(forward, [=]<typename T>(Arrays& a, T) -> std::function<void()> {
    const T* x = a.integers<T>(count);
    const float *gamma = a.filled(c, 1.5f), *beta = a.filled(c, 0.5f);
    T* y = a.output<T>(count);
    float *mean = a.output(c), *inverse = a.output(c);
    float *running_mean = a.filled(c, 0.0f), *running_variance = a.filled(c, 1.0f);
    const Scratch scratch = a.scratch(a.backend().scratch_bytes(shape));
    return [=, &b = a.on<T>()] {
      b.batch_norm_forward(shape, x, gamma, beta, y, mean, inverse, running_mean, running_variance, scratch);
    };
  });
  add(forward);
  Case backward = forward;
  backward.primitive = "batch_norm_backward";
  set_bytes(backward, {count, count, count});
  on_both(backward, [=]<typename T>(Arrays& a, T) -> std::function<void()> {
    const T *x = a.integers<T>(count), *dy = a.integers<T>(count);
    const float* gamma = a.filled(c, 1.5f);
    const float *mean = a.filled(c, 0.5f), *inverse = a.filled(c, 0.5f);  // so that sums are exact
    T* dx = a.output<T>(count);
    float *dgamma = a.output(c), *dbeta = a.output(c);
    const Scratch scratch = a.scratch(a.backend().scratch_bytes(shape));
    return
        [=, &b = a.on<T>()] { b.batch_norm_backward(shape, x, gamma, mean, inverse, dy, dx, dgamma, dbeta, scratch); };
  });
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

template <typename T>
T* Arrays::place_as(const std::vector<float>& values) {
  if constexpr (std::is_same_v<T, Bf16>) {
    std::vector<Bf16> narrow(values.size());
    std::transform(values.begin(), values.end(), narrow.begin(), to_bf16);
    return reinterpret_cast<T*>(place(narrow.data(), narrow.size() * sizeof(T)));
  } else {
    return reinterpret_cast<T*>(place(values.data(), values.size() * sizeof(T)));
  }
}
template float* Arrays::place_as<float>(const std::vector<float>&);
template Bf16* Arrays::place_as<Bf16>(const std::vector<float>&);

std::vector<float> Arrays::integer_values(std::size_t count) {
  std::vector<float> values(count);
  std::uint32_t state = 0x9e3779b9u * ++stream_;
  for (float& value : values) {
    state = state * 1664525u + 1013904223u;
    value = static_cast<float>(state >> 16) * (5.0f / 65536.0f);
    value = std::floor(value) - 2.0f;
  }
  return values;
}

template <typename T>
T* Arrays::output(std::size_t count) {
  T* data = filled<T>(count, std::nanf(""));
  outputs_.push_back({reinterpret_cast<const std::byte*>(data), count, true, std::is_same_v<T, Bf16>});
  return data;
}
template float* Arrays::output<float>(std::size_t);
template Bf16* Arrays::output<Bf16>(std::size_t);

float* Arrays::output(std::size_t count) {
  float* data = output<float>(count);
  outputs_.back().stored = false;
  return data;
}

std::uint8_t* Arrays::byte_output(std::size_t count) { return reinterpret_cast<std::uint8_t*>(place(nullptr, count)); }

Scratch Arrays::scratch(std::size_t bytes) { return {place(nullptr, bytes), bytes}; }

const StepState* Arrays::state() {
  const StepState state;
  return reinterpret_cast<const StepState*>(place(&state, sizeof state));
}

std::vector<Arrays::Result> Arrays::results() const {
  std::vector<Result> all;
  for (const Output& output : outputs_) {
    std::vector<float>& values = all.emplace_back(Result{std::vector<float>(output.count), output.stored}).values;
    const auto read = [&](auto& host) {
      backend_->copy_to_host(reinterpret_cast<std::byte*>(host.data()), output.data, output.count * sizeof(host[0]));
    };
    if (output.bf16) {
      std::vector<Bf16> narrow(output.count);
      read(narrow);
      std::transform(narrow.begin(), narrow.end(), values.begin(), to_float);
    } else {
      read(values);
    }
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
