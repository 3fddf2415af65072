#include "layers/checks.h"
#include "layers/config.h"
#include "layers/pool2d.h"
#include "ops/ops.h"

namespace curie {

MaxPool2dLayer::MaxPool2dLayer(const MaxPool2D& spec)
    : Pool2dLayer("MaxPooling2D", spec.pool, spec.stride, spec.padding, false, spec.name) {
  // The position of the maximum is kept in one byte.
  CURIE_CHECK(spec.pool.rows * spec.pool.columns <= 256, usage,
              "MaxPooling2D: expected a pool of at most 256 cells, got {}x{}", spec.pool.rows, spec.pool.columns);
}

Demand MaxPool2dLayer::demand(const Backend&, std::span<const Shape>, const Shape& output, Mode mode) const {
  return {.backward_reads_input = false, .saved_bytes = mode == Mode::training ? output.elements() : 0};
}

void MaxPool2dLayer::forward(LayerContext& context, std::span<const Tensor> inputs, const Tensor& y) {
  ops::max_pool_forward(context.backend, shape(inputs[0].shape()), inputs[0], y, context.saved);
}

void MaxPool2dLayer::backward(LayerContext& context, std::span<const Tensor> inputs, const Tensor&, const Tensor& dy,
                              std::span<const Tensor> dinputs) {
  if (!dinputs[0].defined()) return;
  ops::max_pool_backward(context.backend, shape(inputs[0].shape()), context.saved, dy, dinputs[0]);
}

LayerPtr MaxPool2D::make() const { return std::make_unique<MaxPool2dLayer>(*this); }

LayerPtr read_max_pool2d(JsonFields& fields) {
  return MaxPool2D{.pool = read_extent(fields, "pool"),
                   .stride = read_extent(fields, "stride"),
                   .padding = read_padding(fields, "padding"),
                   .name = fields.text("name")}
      .make();
}

}  // namespace curie
