#include "model/parameters.h"

#include "ops/ops.h"

namespace curie {
namespace {

constexpr std::size_t kAlignment = 16;  // floats: windows start on 64-byte boundaries

std::size_t padded(const Parameter& parameter) {
  return (parameter.shape.elements() + kAlignment - 1) / kAlignment * kAlignment;
}

Tensor device_floats(Backend& backend, std::size_t count) {
  if (count == 0) return {};
  auto buffer = std::make_shared<const Buffer>(backend.allocate(count * sizeof(float)));
  return Tensor(std::move(buffer), 0, Shape{static_cast<int>(count)}, DType::f32);
}

Tensor window(const Tensor& flat, std::size_t offset, const Shape& shape) {
  return flat.rows(static_cast<int>(offset), static_cast<int>(shape.elements())).reshape(shape);
}

}  // namespace

std::vector<NamedParameter> named_parameters(Graph& graph) {
  std::vector<NamedParameter> named;
  for (Node& node : graph.nodes()) {
    for (Parameter& parameter : node.layer->parameters()) {
      named.push_back({.name = node.name + "/" + parameter.name,
                       .parameter = &parameter,
                       .trained = parameter.trainable && node.layer->trainable(),
                       .rate_multiplier = node.rate_multiplier});
    }
  }
  return named;
}

ParameterStore::ParameterStore(Graph& graph, Backend& backend, int optimizer_slots)
    : parameters_(named_parameters(graph)) {
  std::size_t total = 0;
  for (const NamedParameter& named : parameters_) {
    total += padded(*named.parameter);
    if (named.trained) trained_ += padded(*named.parameter);
  }
  weights_tensor_ = device_floats(backend, total);
  gradients_ = device_floats(backend, trained_);
  slots_ = device_floats(backend, trained_ * static_cast<std::size_t>(optimizer_slots));

  if (backend.bf16() != nullptr && total > 0) {
    rounded_ = device_zeros(backend, Shape{static_cast<int>(total)}, DType::bf16);
  }

  std::size_t trained_offset = 0;
  std::size_t other_offset = trained_;
  std::uint32_t number = 0;
  // Streams of initial values are kept apart from those of the layers (dropout) by their upper half.
  constexpr std::uint32_t kInitialValues = 0x80000000u;
  for (const NamedParameter& named : parameters_) {
    Parameter& parameter = *named.parameter;
    std::size_t& offset = named.trained ? trained_offset : other_offset;
    parameter.value = window(weights_tensor_, offset, parameter.shape);
    const bool is_rounded = parameter.factor && rounded_.defined();
    parameter.rounded = is_rounded ? window(rounded_, offset, parameter.shape) : Tensor();
    parameter.gradient = named.trained ? window(gradients_, offset, parameter.shape) : Tensor();
    if (named.trained) {
      const bool joins = !rate_groups_.empty() && rate_groups_.back().multiplier == named.rate_multiplier;
      if (!joins) rate_groups_.push_back({.first = offset, .count = 0, .multiplier = named.rate_multiplier});
      rate_groups_.back().count += padded(parameter);
    }
    offset += padded(parameter);
    std::vector<float> values(parameter.shape.elements());
    const RandomStream stream{.seed = graph.seed(), .stream = kInitialValues | number++};
    parameter.initializer.fill(stream, parameter.fans, values);
    backend.copy_to_device(parameter.value.raw(), std::as_bytes(std::span(values)).data(), parameter.value.bytes());
  }
  round(backend);
}

void ParameterStore::round(Backend& backend) const {
  if (rounded_.defined()) ops::cast(backend, weights_tensor_, rounded_);
}

std::vector<std::int32_t> ParameterStore::segment_ends() const {
  std::vector<std::int32_t> ends;
  std::size_t end = 0;
  for (const NamedParameter& named : parameters_) {
    if (!named.trained) continue;
    end += padded(*named.parameter);
    ends.push_back(static_cast<std::int32_t>(end));
  }
  return ends;
}

std::size_t ParameterStore::bytes() const {
  const auto of = [](const Tensor& tensor) { return tensor.defined() ? tensor.bytes() : 0; };
  return of(weights_tensor_) + of(gradients_) + of(slots_) + of(rounded_);
}

}  // namespace curie
