#include "layers/dropout.h"

#include "layers/checks.h"
#include "layers/config.h"
#include "ops/ops.h"

namespace curie {

DropoutLayer::DropoutLayer(const Dropout& spec) : dropped_{.rate = spec.rate}, name_(spec.name) {
  CURIE_CHECK(spec.rate >= 0.0f && spec.rate < 1.0f, usage,
              "Dropout: expected a rate in [0, 1), the fraction that is dropped, got {}", spec.rate);
}

Shape DropoutLayer::build(std::span<const Shape> inputs, std::uint64_t seed, std::uint32_t stream) {
  dropped_.seed = seed;
  dropped_.stream = stream;
  return only_input(kind(), inputs);
}

Demand DropoutLayer::demand(const Backend&, std::span<const Shape>, const Shape&, Mode mode) const {
  return {.backward_reads_input = false, .alias = mode == Mode::inference || !changes_in_training()};
}

void DropoutLayer::forward(LayerContext& context, std::span<const Tensor> inputs, const Tensor& y) {
  CURIE_ASSERT(context.mode == Mode::training, "in inference dropout shares its input's memory");
  ops::dropout(context.backend, dropped_, context.state, inputs[0], y);
}

void DropoutLayer::backward(LayerContext& context, std::span<const Tensor>, const Tensor&, const Tensor& dy,
                            std::span<const Tensor> dinputs) {
  if (!dinputs[0].defined()) return;
  ops::dropout(context.backend, dropped_, context.state, dy, dinputs[0]);
}

nlohmann::json DropoutLayer::config() const {
  return {{"kind", kind()}, {"rate", json_number(dropped_.rate)}, {"name", name_}};
}

LayerPtr Dropout::make() const { return std::make_unique<DropoutLayer>(*this); }

LayerPtr read_dropout(JsonFields& fields) {
  return Dropout{.rate = fields.number("rate"), .name = fields.text("name")}.make();
}

}  // namespace curie
