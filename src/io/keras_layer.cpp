#include "io/keras_layer.h"

#include <algorithm>
#include <array>
#include <utility>

#include "io/bounded_json.h"
#include "layers/checks.h"
#include "tensor/json_fields.h"
#include "tensor/log.h"

namespace curie {
namespace {

using nlohmann::json;

// What a handler gets.
struct Call {
  Model& model;
  const KerasFields& fields;
  std::span<const Flow> inputs;
  const std::string& node;
  KerasVersion version;

  // A layer behind one input that has no zeros around it.
  template <typename Spec>
  Flow apply(const Spec& spec) const {
    return append(spec.make(), {plain_input()});
  }
  Flow append(LayerPtr layer, std::vector<int> values) const {
    return {with_context(fmt::format("adding layer \"{}\"", node),
                         [&] { return model.append(std::move(layer), std::move(values), node); }),
            {}};
  }
  int plain_input() const {
    if (inputs[0].zeros.kind != Padding::Kind::valid)
      fields.fail("ZeroPadding2D comes before it; Curie has zeros around an image only before Conv2D and pools");
    return inputs[0].value;
  }
  // The padding of a window that moves over the input.
  Padding window_padding() const {
    const Padding own = fields.padding();
    if (inputs[0].zeros.kind == Padding::Kind::valid) return own;
    if (own.kind != Padding::Kind::valid) fields.fail("ZeroPadding2D comes before it, and it pads by itself");
    return inputs[0].zeros;
  }
  Extent2 stride(Extent2 otherwise) const { return fields.has("strides") ? fields.extent("strides") : otherwise; }
};

void warn_of_regularizers(const Call& call) {
  for (const char* field :
       {"kernel_regularizer", "bias_regularizer", "activity_regularizer", "kernel_constraint", "bias_constraint",
        "beta_regularizer", "gamma_regularizer", "beta_constraint", "gamma_constraint"}) {
    if (call.fields.has(field))
      log_warning("layer \"{}\": its {} is left out; it matters for training only", call.node, field);
  }
}

Flow conv2d(const Call& call) {
  call.fields.expect("dilation_rate", {json::array({1, 1}), json(1)});
  call.fields.expect("groups", {json(1)});
  warn_of_regularizers(call);
  const Conv2D spec{.filters = call.fields.integer("filters", 1, kMaxFilters),
                    .kernel = call.fields.extent("kernel_size"),
                    .stride = call.stride(1),
                    .padding = call.window_padding(),
                    .activation = call.fields.activation(),
                    .bias = call.fields.flag("use_bias", true),
                    .kernel_initializer = call.fields.initializer("kernel_initializer", {}),
                    .bias_initializer = call.fields.initializer("bias_initializer", {Initializer::Kind::zeros}),
                    .name = call.node};
  return call.append(spec.make(), {call.inputs[0].value});
}

Flow max_pooling(const Call& call) {
  const Extent2 pool = call.fields.extent("pool_size");
  const bool zeros = call.inputs[0].zeros.kind != Padding::Kind::valid;
  if (zeros && !never_negative(call.model.graph(), call.inputs[0].value, call.model.normalization())) {
    call.fields.fail(
        "ZeroPadding2D comes before it, and zeros could be the maximum of negative values; Curie pads with nothing");
  }
  const MaxPool2D spec{.pool = pool, .stride = call.stride(pool), .padding = call.window_padding(), .name = call.node};
  return call.append(spec.make(), {call.inputs[0].value});
}

Flow average_pooling(const Call& call) {
  const Extent2 pool = call.fields.extent("pool_size");
  const AveragePool2D spec{.pool = pool,
                           .stride = call.stride(pool),
                           .padding = call.window_padding(),
                           .count_padding = call.inputs[0].zeros.kind != Padding::Kind::valid,
                           .name = call.node};
  return call.append(spec.make(), {call.inputs[0].value});
}

Flow global_average_pooling(const Call& call) {
  call.fields.expect("keepdims", {json(false)});
  return call.apply(GlobalAveragePool2D{.name = call.node});
}

Flow flatten(const Call& call) { return call.apply(Flatten{.name = call.node}); }

Flow dense(const Call& call) {
  warn_of_regularizers(call);
  return call.apply(Dense{.units = call.fields.integer("units", 1, kMaxFilters),
                          .activation = call.fields.activation(),
                          .bias = call.fields.flag("use_bias", true),
                          .kernel_initializer = call.fields.initializer("kernel_initializer", {}),
                          .bias_initializer = call.fields.initializer("bias_initializer", {Initializer::Kind::zeros}),
                          .name = call.node});
}

Flow dropout(const Call& call) {
  call.fields.expect("noise_shape", {});
  return call.apply(Dropout{.rate = static_cast<float>(call.fields.number("rate", 0.5)), .name = call.node});
}

Flow batch_normalization(const Call& call) {
  const int rank = call.model.graph().shape(call.inputs[0].value).rank();
  call.fields.expect("axis", {json(-1), json(rank), json::array({rank}), json::array({-1})});
  call.fields.expect("renorm", {json(false)});
  warn_of_regularizers(call);
  // Keras 2 has a kernel for images that keeps the unbiased variance; elsewhere the biased one is kept.
  return call.apply(BatchNormalization{.momentum = static_cast<float>(call.fields.number("momentum", 0.99)),
                                       .epsilon = static_cast<float>(call.fields.number("epsilon", 1e-3)),
                                       .center = call.fields.flag("center", true),
                                       .scale = call.fields.flag("scale", true),
                                       .unbiased_running_variance = call.version == KerasVersion::keras2 && rank == 3,
                                       .name = call.node});
}

Flow activation(const Call& call) {
  switch (call.fields.activation()) {
    case Activation::none:
      return call.inputs[0];
    case Activation::relu:
      return call.apply(ReLU{.name = call.node});
    case Activation::sigmoid:
      return call.apply(Sigmoid{.name = call.node});
    case Activation::tanh:
      return call.apply(Tanh{.name = call.node});
    case Activation::softmax:
      return call.apply(Softmax{.name = call.node});
    case Activation::log_softmax:
      break;
  }
  return call.apply(LogSoftmax{.name = call.node});
}

Flow relu(const Call& call) {
  for (const char* field : {"negative_slope", "threshold"})
    if (call.fields.number(field, 0.0) != 0.0) call.fields.fail(fmt::format("Curie's ReLU has no \"{}\"", field));
  if (call.fields.has("max_value")) call.fields.fail("Curie's ReLU has no \"max_value\"");
  return call.apply(ReLU{.name = call.node});
}

Flow softmax(const Call& call) {
  call.fields.expect("axis", {json(-1)});
  return call.apply(Softmax{.name = call.node});
}

Flow zero_padding(const Call& call) {
  call.plain_input();
  return {call.inputs[0].value, call.fields.cells("padding")};
}

Flow rescaling(const Call& call) {
  const double scale = call.fields.number("scale", 1.0), offset = call.fields.number("offset", 0.0);
  if (call.plain_input() != Model::kInput || !call.model.graph().nodes().empty())
    call.fields.fail("Curie scales pixels at the model's input only");
  if (scale == 0.0) call.fields.fail("expected a \"scale\" other than 0");
  const Shape& input = call.model.graph().input_shape();
  Normalization normalization{.divisor = 1.0 / scale, .mean = {}, .stddev = {}};
  if (offset != 0.0) normalization.mean.assign(static_cast<std::size_t>(input[-1]), -offset);
  call.model.set_normalization(normalization);
  return call.inputs[0];
}

Flow add(const Call& call) {
  if (call.inputs.size() != 2) call.fields.fail(fmt::format("Curie adds two values, found {}", call.inputs.size()));
  for (const Flow& input : call.inputs)
    if (input.zeros.kind != Padding::Kind::valid) call.fields.fail("ZeroPadding2D comes before it");
  return call.append(Add{.name = call.node}.make(), {call.inputs[0].value, call.inputs[1].value});
}

using Handler = Flow (*)(const Call&);
constexpr std::array<std::pair<const char*, Handler>, 14> kHandlers = {{
    {"Conv2D", conv2d},
    {"MaxPooling2D", max_pooling},
    {"AveragePooling2D", average_pooling},
    {"GlobalAveragePooling2D", global_average_pooling},
    {"Flatten", flatten},
    {"Dense", dense},
    {"Dropout", dropout},
    {"BatchNormalization", batch_normalization},
    {"Activation", activation},
    {"ReLU", relu},
    {"Softmax", softmax},
    {"ZeroPadding2D", zero_padding},
    {"Rescaling", rescaling},
    {"Add", add},
}};

}  // namespace

Flow add_keras_layer(Model& model, const KerasFields& fields, std::span<const Flow> inputs, const std::string& node,
                     KerasVersion version) {
  std::string supported;
  for (const std::pair<const char*, Handler>& known : kHandlers) {
    if (fields.class_name() == known.first) {
      if (fields.class_name() != "Add" && inputs.size() != 1)
        fields.fail(fmt::format("expected one input, found {}", inputs.size()));
      fields.expect("data_format", {json("channels_last")});
      return with_values_of_file(fmt::format("layer \"{}\"", node), [&] {
        return known.second(Call{.model = model, .fields = fields, .inputs = inputs, .node = node, .version = version});
      });
    }
    supported += fmt::format(", {}", known.first);
  }
  fields.fail(fmt::format("Curie has no such layer; it reads InputLayer{} and models made of them", supported));
}

bool never_negative(const Graph& graph, int value, const Normalization& normalization) {
  std::vector<bool> known = {normalization.divisor > 0.0 && normalization.mean.empty()};
  for (const Node& node : graph.nodes()) {
    const std::string_view kind = node.layer->kind();
    const bool keeps_sign = kind == "MaxPooling2D" || kind == "AveragePooling2D" || kind == "GlobalAveragePooling2D" ||
                            kind == "Dropout" || kind == "Flatten" || kind == "Add";
    const bool makes = kind == "ReLU" || kind == "Sigmoid" || kind == "Softmax" || kind == "L2Pooling2D" ||
                       ((kind == "Conv2D" || kind == "Dense") && node.layer->config().at("activation") == "relu");
    known.push_back(makes || (keeps_sign && std::all_of(node.inputs.begin(), node.inputs.end(), [&](int input) {
                                return known[static_cast<std::size_t>(input)];
                              })));
  }
  return known[static_cast<std::size_t>(value)];
}

}  // namespace curie
