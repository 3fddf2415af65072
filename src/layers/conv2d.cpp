#include "layers/conv2d.h"

#include <utility>

#include "layers/checks.h"
#include "layers/config.h"
#include "ops/ops.h"

namespace curie {

Conv2dLayer::Conv2dLayer(Conv2D spec) : spec_(std::move(spec)) {
  check_between(kind(), "filters", spec_.filters, 1, kMaxFilters);
  check_extent(kind(), "kernel", spec_.kernel);
  check_extent(kind(), "stride", spec_.stride);
  check_padding(kind(), spec_.padding, spec_.kernel);
  check_initializer(kind(), "kernel_initializer", spec_.kernel_initializer);
  check_initializer(kind(), "bias_initializer", spec_.bias_initializer);
}

Shape Conv2dLayer::build(std::span<const Shape> inputs, std::uint64_t, std::uint32_t) {
  const Shape& input = image_input(kind(), inputs);
  const Conv2dShape one = shape(input.with_batch(1));
  const Shape output{one.p, one.q, one.k};
  check_elements(kind(), "an output", output);
  const Shape kernel{one.k, one.r, one.s, one.c};
  check_elements(kind(), "a kernel", kernel);
  const int cells = one.r * one.s;
  const Fans fans{cells * one.c, cells * one.k};
  parameters_.push_back(
      {.name = "kernel", .shape = kernel, .initializer = spec_.kernel_initializer, .fans = fans, .factor = true});
  if (spec_.bias) {
    // PyTorch draws a bias from U(-a, a) with the kernel's fan_in, so it is given the kernel's fans.
    parameters_.push_back({.name = "bias", .shape = {one.k}, .initializer = spec_.bias_initializer, .fans = fans});
  }
  return output;
}

Conv2dShape Conv2dLayer::shape(const Shape& input) const {
  const Windows windows = windows_on(kind(), input.sample(), spec_.kernel, spec_.stride, spec_.padding);
  return {.n = input[0],
          .h = input[1],
          .w = input[2],
          .c = input[3],
          .k = spec_.filters,
          .r = spec_.kernel.rows,
          .s = spec_.kernel.columns,
          .stride_h = spec_.stride.rows,
          .stride_w = spec_.stride.columns,
          .pad_top = windows.rows.pad_before,
          .pad_left = windows.columns.pad_before,
          .p = windows.rows.out,
          .q = windows.columns.out};
}

Activation Conv2dLayer::fused_activation() const {
  return spec_.activation == Activation::relu ? Activation::relu : Activation::none;
}

Activation Conv2dLayer::trailing_activation() const {
  return spec_.activation == Activation::relu ? Activation::none : spec_.activation;
}

Demand Conv2dLayer::demand(const Backend& backend, std::span<const Shape> inputs, const Shape&, Mode mode) const {
  const bool training = mode == Mode::training;
  return {.backward_reads_input = training && trainable(),
          .backward_reads_output = training && fused_activation() == Activation::relu,
          .scratch_bytes = backend.scratch_bytes(shape(inputs[0]))};
}

void Conv2dLayer::forward(LayerContext& context, std::span<const Tensor> inputs, const Tensor& y) {
  ops::conv2d_forward(context.backend, shape(inputs[0].shape()), inputs[0], factor_for(inputs[0].dtype(), kernel()),
                      bias().value, fused_activation(), y, context.scratch);
}

void Conv2dLayer::backward(LayerContext& context, std::span<const Tensor> inputs, const Tensor& y, const Tensor& dy,
                           std::span<const Tensor> dinputs) {
  const Conv2dShape conv = shape(inputs[0].shape());
  if (fused_activation() == Activation::relu) {
    ops::activation_backward(context.backend, Activation::relu, y, dy, dy);
  }
  const Tensor& dkernel = wanted_gradient(*this, kernel());
  if (dkernel.defined()) {
    ops::conv2d_backward_weights(context.backend, conv, inputs[0], dy, dkernel, wanted_gradient(*this, bias()),
                                 context.scratch);
  }
  if (dinputs[0].defined()) {
    ops::conv2d_backward_input(context.backend, conv, dy, factor_for(dy.dtype(), kernel()), dinputs[0],
                               context.scratch);
  }
}

nlohmann::json Conv2dLayer::config() const {
  return {{"kind", kind()},
          {"filters", spec_.filters},
          {"kernel", to_json(spec_.kernel)},
          {"stride", to_json(spec_.stride)},
          {"padding", to_json(spec_.padding)},
          {"activation", name_of(spec_.activation)},
          {"bias", spec_.bias},
          {"kernel_initializer", spec_.kernel_initializer.name()},
          {"bias_initializer", spec_.bias_initializer.name()},
          {"name", spec_.name}};
}

LayerPtr read_conv2d(JsonFields& fields) {
  return Conv2D{.filters = fields.integer("filters", 1, kMaxFilters),
                .kernel = read_extent(fields, "kernel"),
                .stride = read_extent(fields, "stride"),
                .padding = read_padding(fields, "padding"),
                .activation = read_activation(fields, "activation"),
                .bias = fields.flag("bias"),
                .kernel_initializer = Initializer::from_name(fields.text("kernel_initializer")),
                .bias_initializer = Initializer::from_name(fields.text("bias_initializer")),
                .name = fields.text("name")}
      .make();
}

LayerPtr Conv2D::make() const { return std::make_unique<Conv2dLayer>(*this); }

}  // namespace curie
