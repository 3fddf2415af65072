// The dropout layer's class, for those who fuse it with its neighbours.
#pragma once

#include "layers/layers.h"

namespace curie {

class DropoutLayer final : public Layer {
 public:
  explicit DropoutLayer(const Dropout& spec);

  std::string_view kind() const override { return "Dropout"; }
  Shape build(std::span<const Shape> inputs, std::uint64_t seed, std::uint32_t stream) override;
  Demand demand(const Backend& backend, std::span<const Shape> inputs, const Shape& output, Mode mode) const override;
  void forward(LayerContext& context, std::span<const Tensor> inputs, const Tensor& y) override;
  void backward(LayerContext& context, std::span<const Tensor> inputs, const Tensor& y, const Tensor& dy,
                std::span<const Tensor> dinputs) override;
  nlohmann::json config() const override;
  bool changes_in_training() const override { return trainable() && dropped_.rate > 0.0f; }

  // Which elements are dropped in training; valid after build.
  const DropoutSpec& dropped() const { return dropped_; }

 private:
  DropoutSpec dropped_;
  std::string name_;
};

}  // namespace curie
