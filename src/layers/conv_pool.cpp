#include "layers/conv_pool.h"

#include <nlohmann/json.hpp>

#include "layers/checks.h"
#include "layers/conv2d.h"
#include "layers/dropout.h"
#include "layers/pool2d.h"
#include "ops/ops.h"

namespace curie {
namespace {

class ConvPool final : public Layer {
 public:
  ConvPool(const Conv2dLayer& conv, int pool, const DropoutSpec& dropout)
      : conv_(conv), pool_(pool), dropout_(dropout) {}

  std::string_view kind() const override { return "ConvPool"; }

  Shape build(std::span<const Shape> inputs, std::uint64_t, std::uint32_t) override {
    const ConvPoolShape one = shape(image_input(kind(), inputs).with_batch(1));
    return {one.out_h(), one.out_w(), one.conv.k};
  }

  Demand demand(const Backend& backend, std::span<const Shape> inputs, const Shape&, Mode mode) const override {
    const ConvPoolShape fused = shape(inputs[0]);
    const bool training = mode == Mode::training;
    return {.backward_reads_input = training,
            .backward_reads_output = training,
            .saved_bytes = training ? fused.output_elements() : 0,
            .scratch_bytes = backend.scratch_bytes(fused)};
  }

  void forward(LayerContext& context, std::span<const Tensor> inputs, const Tensor& y) override {
    const DropoutSpec dropped = context.mode == Mode::training ? dropout_ : DropoutSpec{};
    ops::conv_pool_forward(context.backend, shape(inputs[0].shape()), inputs[0],
                           factor_for(inputs[0].dtype(), conv_.kernel()), conv_.bias().value, dropped, context.state, y,
                           context.saved, context.scratch);
  }

  void backward(LayerContext& context, std::span<const Tensor> inputs, const Tensor& y, const Tensor& dy,
                std::span<const Tensor> dinputs) override {
    ops::conv_pool_backward(context.backend, shape(inputs[0].shape()), inputs[0],
                            factor_for(inputs[0].dtype(), conv_.kernel()), y, context.saved, dropout_.rate, dy,
                            dinputs[0], wanted_gradient(conv_, conv_.kernel()), wanted_gradient(conv_, conv_.bias()),
                            context.scratch);
  }

  nlohmann::json config() const override {
    return {{"kind", kind()}, {"conv", conv_.config()}, {"pool", pool_}, {"rate", dropout_.rate}};
  }

 private:
  // `input` has the batch extent.
  ConvPoolShape shape(const Shape& input) const { return {.conv = conv_.shape(input), .pool = pool_}; }

  const Conv2dLayer& conv_;
  int pool_;
  DropoutSpec dropout_;
};

}  // namespace

std::string why_not_fused(const Layer& conv, const Layer& pool, const Layer* dropout, const Backend& backend,
                          const Shape& conv_input_with_batch) {
  const auto* convolution = dynamic_cast<const Conv2dLayer*>(&conv);
  const auto* max_pool = dynamic_cast<const MaxPool2dLayer*>(&pool);
  if (convolution == nullptr) return "it is no convolution";
  if (max_pool == nullptr) return "no max pool follows";
  if (dropout != nullptr && dynamic_cast<const DropoutLayer*>(dropout) == nullptr) return "no dropout follows the pool";
  if (convolution->fused_activation() != Activation::relu) return "it has no ReLU";
  const Extent2 window = max_pool->pool();
  if (window.rows != window.columns) return "its pool's windows are not square";
  if (max_pool->stride() != window) return "its pool's windows overlap or leave gaps";
  const ConvPoolShape shape{.conv = convolution->shape(conv_input_with_batch), .pool = window.rows};
  // With padding that moves a window, or with windows that reach over the edge, the two-step form has other windows.
  const PoolShape windows = max_pool->shape({shape.conv.n, shape.conv.p, shape.conv.q, shape.conv.k});
  if (windows.pad_top != 0 || windows.pad_left != 0 || windows.p != shape.out_h() || windows.q != shape.out_w()) {
    return "its pool is padded";
  }
  if (!backend.fuses(shape)) return "the device gains nothing for this shape";
  return {};
}

std::unique_ptr<Layer> fuse_conv_pool(Layer& conv, const Layer& pool, const Layer* dropout, const Backend& backend,
                                      const Shape& conv_input_with_batch) {
  if (!why_not_fused(conv, pool, dropout, backend, conv_input_with_batch).empty()) return nullptr;
  const auto& convolution = dynamic_cast<const Conv2dLayer&>(conv);
  const auto& max_pool = dynamic_cast<const MaxPool2dLayer&>(pool);
  const auto* drop = dynamic_cast<const DropoutLayer*>(dropout);
  return std::make_unique<ConvPool>(convolution, max_pool.pool().rows,
                                    drop != nullptr ? drop->dropped() : DropoutSpec{});
}

}  // namespace curie
