#include "layers/activation.h"

#include "layers/checks.h"
#include "layers/config.h"
#include "ops/ops.h"
#include "tensor/log.h"

namespace curie {
namespace {

class ElementwiseLayer final : public ActivationLayer {
 public:
  ElementwiseLayer(Activation activation, std::string_view kind, std::string name)
      : ActivationLayer(std::move(name)), activation_(activation), kind_(kind) {}

  std::string_view kind() const override { return kind_; }

  void forward(LayerContext& context, std::span<const Tensor> inputs, const Tensor& y) override {
    ops::activation_forward(context.backend, activation_, inputs[0], y);
  }

  void backward(LayerContext& context, std::span<const Tensor>, const Tensor& y, const Tensor& dy,
                std::span<const Tensor> dinputs) override {
    if (!dinputs[0].defined()) return;
    ops::activation_backward(context.backend, activation_, y, dy, dinputs[0]);
  }

 private:
  Activation activation_;
  std::string_view kind_;
};

}  // namespace

Shape ActivationLayer::build(std::span<const Shape> inputs, std::uint64_t, std::uint32_t) {
  return only_input(kind(), inputs);
}

Demand ActivationLayer::demand(const Backend&, std::span<const Shape>, const Shape&, Mode mode) const {
  return {.backward_reads_input = false, .backward_reads_output = mode == Mode::training};
}

nlohmann::json ActivationLayer::config() const { return {{"kind", kind()}, {"name", name_}}; }

Shape RowActivationLayer::build(std::span<const Shape> inputs, std::uint64_t seed, std::uint32_t stream) {
  const Shape shape = ActivationLayer::build(inputs, seed, stream);
  if (shape[-1] == 1) {
    log_warning("{}: over a single class the result is constant; for two classes use one unit with sigmoid, or two",
                kind());
  }
  return shape;
}

LayerPtr make_elementwise(Activation activation, std::string_view kind, std::string name) {
  return std::make_unique<ElementwiseLayer>(activation, kind, std::move(name));
}

}  // namespace curie
