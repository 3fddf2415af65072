#include "layers/config.h"
#include "layers/pool2d.h"
#include "ops/ops.h"

namespace curie {
namespace {

class L2Pool2dLayer final : public Pool2dLayer {
 public:
  explicit L2Pool2dLayer(const L2Pool2D& spec)
      : Pool2dLayer("L2Pooling2D", spec.pool, spec.stride, spec.padding, false, spec.name) {}

  std::string_view kind() const override { return "L2Pooling2D"; }

  Demand demand(const Backend&, std::span<const Shape>, const Shape&, Mode mode) const override {
    const bool training = mode == Mode::training;
    return {.backward_reads_input = training, .backward_reads_output = training};
  }

  void forward(LayerContext& context, std::span<const Tensor> inputs, const Tensor& y) override {
    ops::l2_pool_forward(context.backend, shape(inputs[0].shape()), inputs[0], y);
  }

  void backward(LayerContext& context, std::span<const Tensor> inputs, const Tensor& y, const Tensor& dy,
                std::span<const Tensor> dinputs) override {
    if (!dinputs[0].defined()) return;
    ops::l2_pool_backward(context.backend, shape(inputs[0].shape()), inputs[0], y, dy, dinputs[0]);
  }
};

}  // namespace

LayerPtr L2Pool2D::make() const { return std::make_unique<L2Pool2dLayer>(*this); }

LayerPtr read_l2_pool2d(JsonFields& fields) {
  return L2Pool2D{.pool = read_extent(fields, "pool"),
                  .stride = read_extent(fields, "stride"),
                  .padding = read_padding(fields, "padding"),
                  .name = fields.text("name")}
      .make();
}

}  // namespace curie
