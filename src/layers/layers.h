// Every layer's spec: aggregates for designated initialisers, with Keras' names and defaults.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "layers/layer.h"

namespace curie {

struct Extent2 {  // {.rows, .columns}, or one number for both
  int rows = 1, columns = 1;
  constexpr Extent2(int both) : rows(both), columns(both) {}
  constexpr Extent2(int r, int c) : rows(r), columns(c) {}
  friend bool operator==(const Extent2&, const Extent2&) = default;
};

// valid: none; same: output = ceil(input / stride), the odd cell goes right and below, as in Keras; or explicit cells.
struct Padding {
  enum class Kind { valid, same, cells };
  Kind kind = Kind::valid;
  int top = 0, bottom = 0, left = 0, right = 0;
  static constexpr Padding valid() { return {}; }
  static constexpr Padding same() { return {.kind = Kind::same}; }
  static constexpr Padding cells(int all) { return {Kind::cells, all, all, all, all}; }
  friend bool operator==(const Padding&, const Padding&) = default;
};

struct Conv2D {
  int filters = 1;
  Extent2 kernel = 3;
  Extent2 stride = 1;
  Padding padding = {};
  Activation activation = Activation::none;
  bool bias = true;
  Initializer kernel_initializer = {Initializer::Kind::glorot_uniform};
  Initializer bias_initializer = {Initializer::Kind::zeros};
  std::string name = {};  // empty: derived from the kind, "conv2d", "conv2d_1", ...
  LayerPtr make() const;
};

struct MaxPool2D {
  Extent2 pool = 2;
  std::optional<Extent2> stride = {};  // default: the pool's extent
  Padding padding = {};
  std::string name = {};
  LayerPtr make() const;
};

struct AveragePool2D {
  Extent2 pool = 2;
  std::optional<Extent2> stride = {};
  Padding padding = {};
  bool count_padding = false;  // PyTorch counts padded cells, Keras does not
  std::string name = {};
  LayerPtr make() const;
};

struct L2Pool2D {  // y = sqrt(sum of squares)
  Extent2 pool = 2;
  std::optional<Extent2> stride = {};
  Padding padding = {};
  std::string name = {};
  LayerPtr make() const;
};

struct GlobalAveragePool2D {
  std::string name = {};
  LayerPtr make() const;
};

struct Dense {
  int units = 1;
  Activation activation = Activation::none;
  bool bias = true;
  Initializer kernel_initializer = {Initializer::Kind::glorot_uniform};
  Initializer bias_initializer = {Initializer::Kind::zeros};
  std::string name = {};
  LayerPtr make() const;
};

struct Flatten {
  std::string name = {};
  LayerPtr make() const;
};

struct Dropout {
  float rate = 0.5f;  // the fraction dropped
  std::string name = {};
  LayerPtr make() const;
};

struct BatchNormalization {
  float momentum = 0.99f;  // running = momentum * running + (1 - momentum) * batch; PyTorch's .1 is .9 here
  float epsilon = 1e-3f;
  bool center = true, scale = true;
  bool unbiased_running_variance = true;
  std::string name = {};
  LayerPtr make() const;
  // PyTorch's defaults: momentum .1 in its sense, epsilon 1e-5.
  static BatchNormalization pytorch() { return {.momentum = 0.9f, .epsilon = 1e-5f}; }
};

struct ReLU {
  std::string name = {};
  LayerPtr make() const;
};
struct Sigmoid {
  std::string name = {};
  LayerPtr make() const;
};
struct Tanh {
  std::string name = {};
  LayerPtr make() const;
};
struct Softmax {
  std::string name = {};
  LayerPtr make() const;
};
struct LogSoftmax {
  std::string name = {};
  LayerPtr make() const;
};
struct Add {  // the sum of two inputs of one shape
  std::string name = {};
  LayerPtr make() const;
};

// The layer that `config` (from Layer::config) describes. Throws Error(file) for an unknown kind or a bad value.
LayerPtr make_layer(const nlohmann::json& config);
LayerPtr make_activation(Activation activation);

}  // namespace curie
