#include <utility>
#include <vector>

#include "layers/checks.h"
#include "layers/config.h"
#include "layers/layers.h"
#include "ops/ops.h"

namespace curie {
namespace {

class DenseLayer final : public Layer {
 public:
  explicit DenseLayer(Dense spec) : spec_(std::move(spec)) {
    check_between(kind(), "units", spec_.units, 1, kMaxFilters);
    check_initializer(kind(), "kernel_initializer", spec_.kernel_initializer);
    check_initializer(kind(), "bias_initializer", spec_.bias_initializer);
  }

  std::string_view kind() const override { return "Dense"; }

  Shape build(std::span<const Shape> inputs, std::uint64_t, std::uint32_t) override {
    const Shape& input = only_input(kind(), inputs);
    CURIE_CHECK(input.rank() == 1, usage,
                "Dense: expected an input of shape (features), got {}; add Flatten or GlobalAveragePool2D before it",
                to_string(input));
    const Fans fans{input[0], spec_.units};
    const Shape kernel{input[0], spec_.units};
    check_elements(kind(), "a kernel", kernel);
    parameters_.push_back(
        {.name = "kernel", .shape = kernel, .initializer = spec_.kernel_initializer, .fans = fans, .factor = true});
    if (spec_.bias) {
      // PyTorch draws a bias from U(-a, a) with the kernel's fan_in, so it is given the kernel's fans.
      parameters_.push_back(
          {.name = "bias", .shape = {spec_.units}, .initializer = spec_.bias_initializer, .fans = fans});
    }
    return {spec_.units};
  }

  Demand demand(const Backend& backend, std::span<const Shape> inputs, const Shape&, Mode mode) const override {
    const bool training = mode == Mode::training;
    return {.backward_reads_input = training && trainable(),
            .backward_reads_output = training && fused_activation() == Activation::relu,
            .scratch_bytes = backend.scratch_bytes(shape(inputs[0]))};
  }

  void forward(LayerContext& context, std::span<const Tensor> inputs, const Tensor& y) override {
    ops::dense_forward(context.backend, shape(inputs[0].shape()), inputs[0],
                       factor_for(inputs[0].dtype(), parameters_[0]), bias().value, fused_activation(), y,
                       context.scratch);
  }

  void backward(LayerContext& context, std::span<const Tensor> inputs, const Tensor& y, const Tensor& dy,
                std::span<const Tensor> dinputs) override {
    const DenseShape dense = shape(inputs[0].shape());
    if (fused_activation() == Activation::relu) {
      ops::activation_backward(context.backend, Activation::relu, y, dy, dy);
    }
    const Tensor& dkernel = wanted_gradient(*this, parameters_[0]);
    if (dkernel.defined()) {
      ops::dense_backward_weights(context.backend, dense, inputs[0], dy, dkernel, wanted_gradient(*this, bias()),
                                  context.scratch);
    }
    if (dinputs[0].defined()) {
      ops::dense_backward_input(context.backend, dense, dy, factor_for(inputs[0].dtype(), parameters_[0]), dinputs[0],
                                context.scratch);
    }
  }

  std::span<Parameter> parameters() override { return parameters_; }
  ElementTypes element_types() const override { return ElementTypes::widens; }

  nlohmann::json config() const override {
    return {{"kind", kind()},
            {"units", spec_.units},
            {"activation", name_of(spec_.activation)},
            {"bias", spec_.bias},
            {"kernel_initializer", spec_.kernel_initializer.name()},
            {"bias_initializer", spec_.bias_initializer.name()},
            {"name", spec_.name}};
  }

  Activation trailing_activation() const override {
    return spec_.activation == Activation::relu ? Activation::none : spec_.activation;
  }

 private:
  Activation fused_activation() const {
    return spec_.activation == Activation::relu ? Activation::relu : Activation::none;
  }
  DenseShape shape(const Shape& input) const { return {.n = input[0], .in = input[1], .out = spec_.units}; }
  const Parameter& bias() const { return spec_.bias ? parameters_[1] : no_bias_; }

  Dense spec_;
  std::vector<Parameter> parameters_;
  Parameter no_bias_;
};

}  // namespace

LayerPtr Dense::make() const { return std::make_unique<DenseLayer>(*this); }

LayerPtr read_dense(JsonFields& fields) {
  return Dense{.units = fields.integer("units", 1, kMaxFilters),
               .activation = read_activation(fields, "activation"),
               .bias = fields.flag("bias"),
               .kernel_initializer = Initializer::from_name(fields.text("kernel_initializer")),
               .bias_initializer = Initializer::from_name(fields.text("bias_initializer")),
               .name = fields.text("name")}
      .make();
}

}  // namespace curie
