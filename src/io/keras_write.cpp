#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

#include "io/keras_model.h"

namespace curie {
namespace {

using nlohmann::json;

struct Padded {
  json padding;  // ((top, bottom), (left, right)) of a ZeroPadding2D before the layer; null: none
  std::string own;
};

[[noreturn]] void refuse(const Node& node, const std::string& text) {
  throw_error(ErrorKind::usage, fmt::format("layer \"{}\" ({}): {}", node.name, node.layer->kind(), text));
}

json batch_shape(const Shape& shape) {
  json extents = json::array({nullptr});
  for (const int extent : shape.extents()) extents.push_back(extent);
  return extents;
}

// `padding`: as in a layer's config of Curie's.
Padded keras_padding(const json& padding) {
  if (padding.is_string()) return {nullptr, padding.get<std::string>()};
  const json cells = json::array({json::array({padding[0], padding[1]}), json::array({padding[2], padding[3]})});
  const bool none = padding == json::array({0, 0, 0, 0});
  return {none ? json(nullptr) : cells, "valid"};
}

// `padding`: as Keras has it.
Shape padded_shape(const Shape& shape, const json& padding) {
  const auto both = [&](std::size_t axis) { return padding[axis][0].get<int>() + padding[axis][1].get<int>(); };
  return {shape[0] + both(0), shape[1] + both(1), shape[2]};
}

// Where Keras has no name for the rule, the nearest: the weights are in the file.
json keras_initializer(const std::string& name) {
  if (name == "he_normal_fan_out") {
    return {
        {"class_name", "VarianceScaling"},
        {"config", {{"scale", 2.0}, {"mode", "fan_out"}, {"distribution", "untruncated_normal"}, {"seed", nullptr}}}};
  }
  if (name == "pytorch_uniform") {
    return {{"class_name", "VarianceScaling"},
            {"config", {{"scale", 1.0 / 3.0}, {"mode", "fan_in"}, {"distribution", "uniform"}, {"seed", nullptr}}}};
  }
  return name.starts_with("constant") ? "zeros" : name;
}

// The activation function inside a layer; Curie's name is Keras'.
std::string activation_of(const json& config) { return config.at("activation").get<std::string>(); }

class Writer {
 public:
  explicit Writer(const Model& model) : model_(&model) {}

  std::vector<KerasLayer> write() {
    const Shape& input = model_->graph().input_shape();
    names_ = {unused_name("input_1")};
    layers_.push_back({.class_name = "InputLayer",
                       .name = names_[0],
                       .config = {{"batch_shape", batch_shape(input)}, {"dtype", "float32"}, {"sparse", false}},
                       .inputs = {},
                       .output = input});
    const std::vector<Node>& nodes = model_->graph().nodes();
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      // A hidden activation belongs to the layer before it, in Keras' description too.
      names_.push_back(nodes[i].hidden ? names_[static_cast<std::size_t>(nodes[i].inputs[0])]
                                       : write_node(nodes[i], static_cast<int>(i)));
    }
    return std::move(layers_);
  }

 private:
  // Keras allows no "/" in names.
  static std::string keras_name(std::string name) {
    for (char& c : name)
      if (c == '/') c = '_';
    return name;
  }

  std::string unused_name(std::string name) const {
    const auto taken = [&](const std::string& wanted) {
      for (const Node& node : model_->graph().nodes())
        if (keras_name(node.name) == wanted) return true;
      for (const KerasLayer& layer : layers_)
        if (layer.name == wanted) return true;
      return false;
    };
    while (taken(name)) name += "_";
    return name;
  }

  std::string write_node(const Node& node, int index) {
    std::vector<std::string> inputs;
    for (const int input : node.inputs) inputs.push_back(names_[static_cast<std::size_t>(input)]);
    const json config = node.layer->config();
    KerasLayer layer{.class_name = std::string(node.layer->kind()),
                     .name = keras_name(node.name),
                     .config = {{"trainable", node.layer->trainable()}, {"dtype", "float32"}},
                     .inputs = inputs,
                     .output = model_->graph().shape(node.output),
                     .node = node.layer->parameters().empty() ? -1 : index};
    for (const KerasLayer& other : layers_)
      if (other.name == layer.name) refuse(node, "another layer has this name in Keras, where \"/\" becomes \"_\"");
    describe(node, config, layer);
    layers_.push_back(layer);
    return layer.name;
  }

  void describe(const Node& node, const json& config, KerasLayer& layer) {
    const std::string kind = layer.class_name;
    json& out = layer.config;
    if (kind == "Conv2D") {
      set_padding(node, config, layer);
      out.update({{"filters", config.at("filters")},
                  {"kernel_size", config.at("kernel")},
                  {"strides", config.at("stride")},
                  {"data_format", "channels_last"},
                  {"dilation_rate", {1, 1}},
                  {"groups", 1}});
      set_weighted(config, out);
    } else if (kind == "MaxPooling2D" || kind == "AveragePooling2D") {
      set_padding(node, config, layer);
      out.update(
          {{"pool_size", config.at("pool")}, {"strides", config.at("stride")}, {"data_format", "channels_last"}});
    } else if (kind == "Dense") {
      out["units"] = config.at("units");
      set_weighted(config, out);
    } else if (kind == "Dropout") {
      out.update({{"rate", config.at("rate")}, {"seed", nullptr}, {"noise_shape", nullptr}});
    } else if (kind == "BatchNormalization") {
      out.update({{"axis", -1},
                  {"momentum", config.at("momentum")},
                  {"epsilon", config.at("epsilon")},
                  {"center", config.at("center")},
                  {"scale", config.at("scale")}});
    } else if (kind == "Flatten" || kind == "GlobalAveragePooling2D") {
      out["data_format"] = "channels_last";
    } else if (kind == "Softmax") {
      out["axis"] = -1;
    } else if (kind == "Sigmoid" || kind == "Tanh" || kind == "LogSoftmax") {
      layer.class_name = "Activation";
      out["activation"] = kind == "LogSoftmax" ? "log_softmax" : snake_case(kind);
    } else if (kind != "ReLU" && kind != "Add") {
      refuse(node, "Keras has no such layer; write ONNX or safetensors instead");
    }
  }

  static void set_weighted(const json& config, json& out) {
    out.update({{"activation", activation_of(config)},
                {"use_bias", config.at("bias")},
                {"kernel_initializer", keras_initializer(config.at("kernel_initializer").get<std::string>())},
                // PyTorch's rule for biases depends on the kernel, which Keras' rules cannot.
                {"bias_initializer", config.at("bias_initializer") == "pytorch_uniform"
                                         ? json("zeros")
                                         : keras_initializer(config.at("bias_initializer").get<std::string>())}});
  }

  // Keras pads with a layer of its own, which is written before this one.
  void set_padding(const Node& node, const json& config, KerasLayer& layer) {
    Padded padded = keras_padding(config.at("padding"));
    const bool average = layer.class_name == "AveragePooling2D";
    const bool counts = average && config.at("count_padding").get<bool>();
    if (counts && padded.own == "same") refuse(node, "Keras' average with padding \"same\" does not count the padding");
    if (!padded.padding.is_null()) {
      if (average && !counts) refuse(node, "Keras' average of padded cells counts them");
      const bool zeros_are_nothing = layer.class_name != "MaxPooling2D" ||
                                     never_negative(model_->graph(), node.inputs[0], model_->normalization());
      if (!zeros_are_nothing)
        refuse(node, "Keras pads with zeros, which could be the maximum of this layer's negative inputs");
      layers_.push_back({.class_name = "ZeroPadding2D",
                         .name = unused_name(layer.name + "_pad"),
                         .config = {{"trainable", true},
                                    {"dtype", "float32"},
                                    {"padding", padded.padding},
                                    {"data_format", "channels_last"}},
                         .inputs = layer.inputs,
                         .output = padded_shape(model_->graph().shape(node.inputs[0]), padded.padding)});
      layer.inputs = {layers_.back().name};
    }
    layer.config["padding"] = padded.own;
  }

  const Model* model_;
  std::vector<KerasLayer> layers_;
  std::vector<std::string> names_;  // of the Keras layer that makes each value
};

// Keras numbers the layers of a Functional model by their distance from the output, the farthest first, and at one
// distance in the order in which a walk from the output meets them (keras/src/ops/function.py, map_graph). Weights are
// found by that order.
std::vector<KerasLayer> in_keras_order(std::vector<KerasLayer> layers) {
  std::map<std::string, std::size_t> places;
  for (std::size_t i = 0; i < layers.size(); ++i) places.emplace(layers[i].name, i);
  std::vector<int> distance(layers.size(), 0), met(layers.size(), -1);
  for (std::size_t i = layers.size(); i-- > 0;) {
    for (const std::string& input : layers[i].inputs) {
      int& before = distance[places.at(input)];
      before = std::max(before, distance[i] + 1);
    }
  }
  int count = 0;
  std::vector<std::size_t> open = {layers.size() - 1};
  while (!open.empty()) {
    const std::size_t place = open.back();
    open.pop_back();
    if (met[place] >= 0) continue;
    met[place] = count++;
    const std::vector<std::string>& inputs = layers[place].inputs;
    for (auto input = inputs.rbegin(); input != inputs.rend(); ++input) open.push_back(places.at(*input));
  }
  std::vector<std::size_t> order(layers.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return std::pair(-distance[a], met[a]) < std::pair(-distance[b], met[b]);
  });
  std::vector<KerasLayer> sorted;
  for (const std::size_t place : order) sorted.push_back(std::move(layers[place]));
  return sorted;
}

// Whether each layer reads the one before it.
bool is_chain(const std::vector<KerasLayer>& layers) {
  for (std::size_t i = 1; i < layers.size(); ++i)
    if (layers[i].inputs != std::vector<std::string>{layers[i - 1].name}) return false;
  return true;
}

json tensor_of(const std::string& layer, const Shape& shape) {
  const json config = {
      {"shape", batch_shape(shape)}, {"dtype", "float32"}, {"keras_history", json::array({layer, 0, 0})}};
  return {{"class_name", "__keras_tensor__"}, {"config", config}};
}

json layer_json(const KerasLayer& layer, const std::map<std::string, Shape>& shapes, bool chain, KerasVersion dialect) {
  json config = layer.config;
  config["name"] = layer.name;
  json out = {{"class_name", layer.class_name}, {"config", config}};
  if (dialect == KerasVersion::keras3) {
    out.update({{"module", "keras.layers"}, {"registered_name", nullptr}});
  } else if (layer.class_name == "InputLayer") {
    out["config"]["batch_input_shape"] = config["batch_shape"];
    out["config"].erase("batch_shape");
    out["config"]["ragged"] = false;
  }
  if (chain) return out;
  out["name"] = layer.name;
  out["inbound_nodes"] = json::array();
  if (layer.inputs.empty()) return out;
  json inputs = json::array();
  if (dialect == KerasVersion::keras2) {
    for (const std::string& input : layer.inputs) inputs.push_back(json::array({input, 0, 0, json::object()}));
    out["inbound_nodes"].push_back(inputs);
    return out;
  }
  for (const std::string& input : layer.inputs) inputs.push_back(tensor_of(input, shapes.at(input)));
  // Add takes one argument, the list of its inputs.
  out["inbound_nodes"].push_back(
      {{"args", layer.inputs.size() > 1 ? json::array({inputs}) : inputs}, {"kwargs", json::object()}});
  return out;
}

}  // namespace

std::vector<KerasLayer> keras_layers(const Model& model) { return in_keras_order(Writer(model).write()); }

json keras_model_config(const std::string& name, const std::vector<KerasLayer>& layers, KerasVersion dialect) {
  const bool chain = is_chain(layers);
  json config = {{"name", name}, {"layers", json::array()}};
  std::map<std::string, Shape> shapes;
  for (const KerasLayer& layer : layers) shapes.emplace(layer.name, layer.output);
  for (const KerasLayer& layer : layers) config["layers"].push_back(layer_json(layer, shapes, chain, dialect));
  if (!chain) {
    config["input_layers"] = json::array({json::array({layers.front().name, 0, 0})});
    config["output_layers"] = json::array({json::array({layers.back().name, 0, 0})});
  }
  json out = {{"class_name", chain ? "Sequential" : "Functional"}, {"config", config}};
  if (dialect == KerasVersion::keras3) {
    out.update({{"module", chain ? "keras" : "keras.src.models.functional"},
                {"registered_name", chain ? json(nullptr) : json("Functional")}});
  }
  return out;
}

}  // namespace curie
