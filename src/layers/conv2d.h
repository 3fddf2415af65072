// The convolution layer's class, for those who fuse it with its neighbours.
#pragma once

#include <vector>

#include "layers/layers.h"

namespace curie {

class Conv2dLayer final : public Layer {
 public:
  explicit Conv2dLayer(Conv2D spec);

  std::string_view kind() const override { return "Conv2D"; }
  Shape build(std::span<const Shape> inputs, std::uint64_t seed, std::uint32_t stream) override;
  Demand demand(const Backend& backend, std::span<const Shape> inputs, const Shape& output, Mode mode) const override;
  void forward(LayerContext& context, std::span<const Tensor> inputs, const Tensor& y) override;
  void backward(LayerContext& context, std::span<const Tensor> inputs, const Tensor& y, const Tensor& dy,
                std::span<const Tensor> dinputs) override;
  std::span<Parameter> parameters() override { return parameters_; }
  nlohmann::json config() const override;
  Activation trailing_activation() const override;

  // None or relu: what the layer computes itself.
  Activation fused_activation() const;
  // `input` has the batch extent.
  Conv2dShape shape(const Shape& input) const;
  const Parameter& kernel() const { return parameters_[0]; }
  const Parameter& bias() const { return spec_.bias ? parameters_[1] : no_bias_; }  // its tensors may be undefined

 private:
  Conv2D spec_;
  std::vector<Parameter> parameters_;
  Parameter no_bias_;
};

}  // namespace curie
