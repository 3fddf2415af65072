// What the pooling layers share.
#pragma once

#include <optional>
#include <string>

#include "layers/layers.h"

namespace curie {

class Pool2dLayer : public Layer {
 public:
  Shape build(std::span<const Shape> inputs, std::uint64_t seed, std::uint32_t stream) override;
  nlohmann::json config() const override;

  Extent2 pool() const { return pool_; }
  Extent2 stride() const { return stride_; }
  const Padding& padding() const { return padding_; }
  // `input` has the batch extent.
  PoolShape shape(const Shape& input) const;

 protected:
  Pool2dLayer(std::string_view kind, Extent2 pool, std::optional<Extent2> stride, const Padding& padding,
              bool count_padding, std::string name);

 private:
  Extent2 pool_, stride_;
  Padding padding_;
  bool count_padding_;
  std::string name_;
};

class MaxPool2dLayer final : public Pool2dLayer {
 public:
  explicit MaxPool2dLayer(const MaxPool2D& spec);

  std::string_view kind() const override { return "MaxPooling2D"; }
  Demand demand(const Backend& backend, std::span<const Shape> inputs, const Shape& output, Mode mode) const override;
  void forward(LayerContext& context, std::span<const Tensor> inputs, const Tensor& y) override;
  void backward(LayerContext& context, std::span<const Tensor> inputs, const Tensor& y, const Tensor& dy,
                std::span<const Tensor> dinputs) override;
};

}  // namespace curie
