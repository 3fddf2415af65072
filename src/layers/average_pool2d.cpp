#include "layers/config.h"
#include "layers/pool2d.h"
#include "ops/ops.h"

namespace curie {
namespace {

class AveragePool2dLayer final : public Pool2dLayer {
 public:
  explicit AveragePool2dLayer(const AveragePool2D& spec)
      : Pool2dLayer("AveragePooling2D", spec.pool, spec.stride, spec.padding, spec.count_padding, spec.name),
        count_padding_(spec.count_padding) {}

  std::string_view kind() const override { return "AveragePooling2D"; }

  Demand demand(const Backend&, std::span<const Shape>, const Shape&, Mode) const override {
    return {.backward_reads_input = false};
  }

  void forward(LayerContext& context, std::span<const Tensor> inputs, const Tensor& y) override {
    ops::average_pool_forward(context.backend, shape(inputs[0].shape()), inputs[0], y);
  }

  void backward(LayerContext& context, std::span<const Tensor> inputs, const Tensor&, const Tensor& dy,
                std::span<const Tensor> dinputs) override {
    if (!dinputs[0].defined()) return;
    ops::average_pool_backward(context.backend, shape(inputs[0].shape()), dy, dinputs[0]);
  }

  nlohmann::json config() const override {
    nlohmann::json config = Pool2dLayer::config();
    config["count_padding"] = count_padding_;
    return config;
  }

 private:
  bool count_padding_;
};

}  // namespace

LayerPtr AveragePool2D::make() const { return std::make_unique<AveragePool2dLayer>(*this); }

LayerPtr read_average_pool2d(JsonFields& fields) {
  return AveragePool2D{.pool = read_extent(fields, "pool"),
                       .stride = read_extent(fields, "stride"),
                       .padding = read_padding(fields, "padding"),
                       .count_padding = fields.flag("count_padding"),
                       .name = fields.text("name")}
      .make();
}

}  // namespace curie
