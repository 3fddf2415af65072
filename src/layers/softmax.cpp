#include "layers/activation.h"
#include "ops/ops.h"

namespace curie {
namespace {

class SoftmaxLayer final : public RowActivationLayer {
 public:
  using RowActivationLayer::RowActivationLayer;

  std::string_view kind() const override { return "Softmax"; }

  void forward(LayerContext& context, std::span<const Tensor> inputs, const Tensor& y) override {
    ops::softmax_forward(context.backend, rows(y), classes(y), inputs[0], y);
  }

  void backward(LayerContext& context, std::span<const Tensor>, const Tensor& y, const Tensor& dy,
                std::span<const Tensor> dinputs) override {
    if (!dinputs[0].defined()) return;
    ops::softmax_backward(context.backend, rows(y), classes(y), y, dy, dinputs[0]);
  }
};

}  // namespace

LayerPtr Softmax::make() const { return std::make_unique<SoftmaxLayer>(name); }

}  // namespace curie
