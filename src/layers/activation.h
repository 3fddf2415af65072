// What the activation layers share: the output has the input's shape, and backward reads the output only.
#pragma once

#include <string>
#include <utility>

#include "layers/layers.h"

namespace curie {

class ActivationLayer : public Layer {
 public:
  explicit ActivationLayer(std::string name) : name_(std::move(name)) {}
  Shape build(std::span<const Shape> inputs, std::uint64_t seed, std::uint32_t stream) override;
  Demand demand(const Backend& backend, std::span<const Shape> inputs, const Shape& output, Mode mode) const override;
  nlohmann::json config() const override;

 private:
  std::string name_;
};

// Rows of classes: softmax and log_softmax work along the last axis.
class RowActivationLayer : public ActivationLayer {
 public:
  using ActivationLayer::ActivationLayer;
  ElementTypes element_types() const override { return ElementTypes::float32; }
  Shape build(std::span<const Shape> inputs, std::uint64_t seed, std::uint32_t stream) override;

 protected:
  static int classes(const Tensor& y) { return y.shape()[-1]; }
  static int rows(const Tensor& y) { return static_cast<int>(y.elements() / static_cast<std::size_t>(classes(y))); }
};

// relu, sigmoid or tanh.
LayerPtr make_elementwise(Activation activation, std::string_view kind, std::string name);

}  // namespace curie
