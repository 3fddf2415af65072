#include <utility>

#include "layers/checks.h"
#include "layers/config.h"
#include "ops/ops.h"

namespace curie {
namespace {

class GlobalAveragePool2dLayer final : public Layer {
 public:
  explicit GlobalAveragePool2dLayer(std::string name) : name_(std::move(name)) {}

  std::string_view kind() const override { return "GlobalAveragePooling2D"; }

  Shape build(std::span<const Shape> inputs, std::uint64_t, std::uint32_t) override {
    return {image_input(kind(), inputs)[2]};
  }

  Demand demand(const Backend&, std::span<const Shape>, const Shape&, Mode) const override {
    return {.backward_reads_input = false};
  }

  void forward(LayerContext& context, std::span<const Tensor> inputs, const Tensor& y) override {
    const Shape& x = inputs[0].shape();
    ops::global_average_pool_forward(context.backend, x[0], x[1] * x[2], x[3], inputs[0], y);
  }

  void backward(LayerContext& context, std::span<const Tensor> inputs, const Tensor&, const Tensor& dy,
                std::span<const Tensor> dinputs) override {
    if (!dinputs[0].defined()) return;
    const Shape& x = inputs[0].shape();
    ops::global_average_pool_backward(context.backend, x[0], x[1] * x[2], x[3], dy, dinputs[0]);
  }

  nlohmann::json config() const override { return {{"kind", kind()}, {"name", name_}}; }

 private:
  std::string name_;
};

}  // namespace

LayerPtr GlobalAveragePool2D::make() const { return std::make_unique<GlobalAveragePool2dLayer>(name); }

}  // namespace curie
