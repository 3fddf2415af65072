#include <utility>
#include <vector>

#include "layers/checks.h"
#include "layers/config.h"
#include "ops/ops.h"
#include "tensor/log.h"

namespace curie {
namespace {

class BatchNormalizationLayer final : public Layer {
 public:
  explicit BatchNormalizationLayer(BatchNormalization spec) : spec_(std::move(spec)) {
    CURIE_CHECK(spec_.momentum >= 0.0f && spec_.momentum <= 1.0f, usage,
                "BatchNormalization: expected a momentum in [0, 1], got {}; running = momentum * running + (1 - "
                "momentum) * batch",
                spec_.momentum);
    CURIE_CHECK(spec_.epsilon > 0.0f && spec_.epsilon <= 1.0f, usage,
                "BatchNormalization: expected an epsilon in (0, 1], got {}", spec_.epsilon);
  }

  std::string_view kind() const override { return "BatchNormalization"; }

  Shape build(std::span<const Shape> inputs, std::uint64_t, std::uint32_t) override {
    const Shape& input = only_input(kind(), inputs);
    const Shape channels{input[-1]};
    const auto declare = [&](const char* name, Initializer::Kind initial, bool is_trainable) {
      parameters_.push_back({.name = name, .shape = channels, .initializer = {initial}, .trainable = is_trainable});
    };
    if (spec_.scale) declare("gamma", Initializer::Kind::ones, true);
    if (spec_.center) declare("beta", Initializer::Kind::zeros, true);
    declare("moving_mean", Initializer::Kind::zeros, false);
    declare("moving_variance", Initializer::Kind::ones, false);
    return input;
  }

  Demand demand(const Backend& backend, std::span<const Shape> inputs, const Shape&, Mode mode) const override {
    if (!uses_batch(mode)) return {.backward_reads_input = false};
    const BatchNormShape batch = shape(inputs[0]);
    if (batch.rows == 1) {
      log_warning(
          "BatchNormalization: a batch of one sample has no variance, so every output is beta; train with "
          "larger batches");
    }
    return {.backward_reads_input = true,
            .saved_bytes = 2 * static_cast<std::size_t>(batch.channels) * sizeof(float),
            .scratch_bytes = backend.scratch_bytes(batch)};
  }

  void forward(LayerContext& context, std::span<const Tensor> inputs, const Tensor& y) override {
    const BatchNormShape batch = shape(inputs[0].shape());
    if (uses_batch(context.mode)) {
      ops::batch_norm_forward(context.backend, batch, inputs[0], gamma().value, beta().value, y,
                              saved(context, 0, batch), saved(context, 1, batch), moving_mean().value,
                              moving_variance().value, context.scratch);
    } else {
      ops::batch_norm_inference(context.backend, batch, inputs[0], gamma().value, beta().value, moving_mean().value,
                                moving_variance().value, y);
    }
  }

  void backward(LayerContext& context, std::span<const Tensor> inputs, const Tensor&, const Tensor& dy,
                std::span<const Tensor> dinputs) override {
    const BatchNormShape batch = shape(inputs[0].shape());
    if (uses_batch(context.mode)) {
      ops::batch_norm_backward(context.backend, batch, inputs[0], gamma().value, saved(context, 0, batch),
                               saved(context, 1, batch), dy, dinputs[0], wanted_gradient(*this, gamma()),
                               wanted_gradient(*this, beta()), context.scratch);
    } else if (dinputs[0].defined()) {
      ops::batch_norm_backward_inference(context.backend, batch, gamma().value, moving_variance().value, dy,
                                         dinputs[0]);
    }
  }

  std::span<Parameter> parameters() override { return parameters_; }
  bool changes_in_training() const override { return trainable(); }

  nlohmann::json config() const override {
    return {{"kind", kind()},
            {"momentum", json_number(spec_.momentum)},
            {"epsilon", json_number(spec_.epsilon)},
            {"center", spec_.center},
            {"scale", spec_.scale},
            {"unbiased_running_variance", spec_.unbiased_running_variance},
            {"name", spec_.name}};
  }

 private:
  // A frozen layer keeps to its running statistics, in training too, as in Keras.
  bool uses_batch(Mode mode) const { return mode == Mode::training && changes_in_training(); }

  // `input` has the batch extent.
  BatchNormShape shape(const Shape& input) const {
    const int channels = input[-1];
    return {.rows = static_cast<int>(input.elements() / static_cast<std::size_t>(channels)),
            .channels = channels,
            .epsilon = spec_.epsilon,
            .momentum = spec_.momentum,
            .unbiased_running = spec_.unbiased_running_variance};
  }

  // The batch's mean (0) or reciprocal standard deviation (1), (channels) each.
  static Tensor saved(const LayerContext& context, std::size_t which, const BatchNormShape& batch) {
    return context.saved.view(which * static_cast<std::size_t>(batch.channels) * sizeof(float), {batch.channels},
                              DType::f32);
  }

  const Parameter& gamma() const { return spec_.scale ? parameters_[0] : none_; }
  const Parameter& beta() const { return spec_.center ? parameters_[spec_.scale ? 1 : 0] : none_; }
  const Parameter& moving_mean() const { return parameters_[parameters_.size() - 2]; }
  const Parameter& moving_variance() const { return parameters_[parameters_.size() - 1]; }

  BatchNormalization spec_;
  std::vector<Parameter> parameters_;
  Parameter none_;
};

}  // namespace

LayerPtr BatchNormalization::make() const { return std::make_unique<BatchNormalizationLayer>(*this); }

LayerPtr read_batch_normalization(JsonFields& fields) {
  return BatchNormalization{.momentum = fields.number("momentum"),
                            .epsilon = fields.number("epsilon"),
                            .center = fields.flag("center"),
                            .scale = fields.flag("scale"),
                            .unbiased_running_variance = fields.flag("unbiased_running_variance"),
                            .name = fields.text("name")}
      .make();
}

}  // namespace curie
