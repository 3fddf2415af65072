#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <utility>

#include "io/bounded_json.h"
#include "io/keras_layer.h"
#include "io/keras_model.h"
#include "io/safetensors_header.h"
#include "model/graph.h"
#include "tensor/json_fields.h"
#include "tensor/log.h"

namespace curie {
namespace {

using nlohmann::json;

constexpr int kDeepestModel = 8;
constexpr std::size_t kMaxLayers = 5'000;

const json& member(const json& object, const char* name, const std::string& file, std::string_view what) {
  const bool there = object.is_object() && object.contains(name);
  CURIE_CHECK(there, file, "{}: expected {} to have a \"{}\", found {}", file, what, name, brief(object));
  return object[name];
}

std::string text(const json& object, const char* name, const std::string& file, std::string_view what) {
  const json& value = member(object, name, file, what);
  CURIE_CHECK(value.is_string(), file, "{}: expected \"{}\" of {} to be text, found {}", file, name, what,
              brief(value));
  return value.get<std::string>();
}

bool is_model(const std::string& class_name) {
  return class_name == "Sequential" || class_name == "Functional" || class_name == "Model";
}

// A layer as the description lists it.
struct Item {
  const json* layer = nullptr;
  std::string class_name, name;
  std::vector<std::string> inputs;  // names of layers; of a Functional model only
  std::size_t position = 0;         // in the list
};

// The models around a layer, outermost first: their names and positions.
struct Around {
  std::vector<std::string> names;
  std::vector<std::size_t> positions;
};

// Every tensor that a call's arguments mention, in order: Keras 3's form.
void collect_tensors(const json& value, std::vector<std::string>& names) {
  if (value.is_object() && value.contains("config") && value.value("class_name", json()) == "__keras_tensor__") {
    const json history = value["config"].is_object() ? value["config"].value("keras_history", json()) : json();
    if (history.is_array() && !history.empty() && history[0].is_string()) names.push_back(history[0]);
  } else if (value.is_structured()) {
    for (const json& inner : value) collect_tensors(inner, names);
  }
}

class Reader {
 public:
  Reader(const std::string& file, KerasVersion version, GroupNumbering numbering)
      : file_(&file), version_(version), numbering_(numbering) {}

  KerasModel read(const json& config) {
    const std::string name = model_name(config);
    const Shape input = input_shape(config, 0);
    Model model = with_values_of_file(*file_, [&] { return Model(input, 1, name); });
    model_ = &model;
    const Flow output = read_model(config, {Model::kInput, {}}, {}, "", true, 0);
    CURIE_CHECK(!model.graph().nodes().empty(), file, "{}: the model has no layers", *file_);
    CURIE_CHECK(output.zeros.kind == Padding::Kind::valid && output.value == model.graph().output(), file,
                "{}: the model's output is not that of its last layer", *file_);
    if (!policies_.empty()) {
      log_warning("{}: its layers compute in {}, Curie computes in float32: answers differ by rounding", *file_,
                  fmt::join(policies_, ", "));
    }
    std::sort(places_.begin(), places_.end(),
              [](const KerasPlace& a, const KerasPlace& b) { return a.positions < b.positions; });
    return {std::move(model), std::move(places_), scales_};
  }

 private:
  std::string model_name(const json& config) const {
    const json& inner = member(config, "config", *file_, "the model");
    return inner.is_object() && inner.contains("name") && inner["name"].is_string() ? inner["name"].get<std::string>()
                                                                                    : "model";
  }

  // The layers of a model, in the description's order.
  std::vector<Item> items(const json& config) const {
    const std::string class_name = text(config, "class_name", *file_, "the model");
    CURIE_CHECK(is_model(class_name), file, "{}: expected a Sequential or Functional model, found {}", *file_,
                quote_name(class_name));
    const json& inner = member(config, "config", *file_, "the model");
    // Keras before 2.2.3 wrote a Sequential's layers without a name around them.
    const json& layers = inner.is_array() ? inner : member(inner, "layers", *file_, "the model");
    CURIE_CHECK(layers.is_array() && !layers.empty() && layers.size() <= kMaxLayers, file,
                "{}: expected a model of 1 to {} layers, found {}", *file_, kMaxLayers, layers.size());
    std::vector<Item> items;
    for (const json& layer : layers) {
      Item item{.layer = &layer,
                .class_name = text(layer, "class_name", *file_, "a layer"),
                .name = {},
                .inputs = {},
                .position = items.size()};
      const json& layer_config = member(layer, "config", *file_, "a layer");
      item.name = layer.contains("name") ? text(layer, "name", *file_, "a layer")
                                         : (layer_config.is_object() ? text(layer_config, "name", *file_, "a layer")
                                                                     : snake_case(item.class_name));
      if (class_name != "Sequential") item.inputs = inputs_of(layer, item.name);
      items.push_back(std::move(item));
    }
    return items;
  }

  std::vector<std::string> inputs_of(const json& layer, const std::string& name) const {
    const json& calls = member(layer, "inbound_nodes", *file_, "a layer of a Functional model");
    CURIE_CHECK(calls.is_array() && calls.size() <= 1, file,
                "{}: layer {} is used {} times; Curie's layers are used once", *file_, quote_name(name), calls.size());
    std::vector<std::string> inputs;
    if (calls.empty()) return inputs;
    if (calls[0].is_object()) {
      collect_tensors(calls[0].value("args", json::array()), inputs);
      collect_tensors(calls[0].value("kwargs", json::array()), inputs);
    } else {
      for (const json& input : calls[0]) {
        CURIE_CHECK(input.is_array() && !input.empty() && input[0].is_string(), file,
                    "{}: layer {}: expected an input as [name, node, tensor], found {}", *file_, quote_name(name),
                    brief(input));
        inputs.push_back(input[0].get<std::string>());
      }
    }
    return inputs;
  }

  // Without the batch extent.
  Shape shape_from(const json& extents, const std::string& what) const {
    std::vector<int> shape;
    bool right = extents.is_array() && extents.size() >= 2 && extents.size() <= Shape::kMaxRank;
    for (std::size_t i = 1; right && i < extents.size(); ++i) {
      right = extents[i].is_number_integer() && extents[i].get<double>() >= 1 && extents[i].get<double>() <= 1 << 20;
      if (right) shape.push_back(extents[i].get<int>());
    }
    CURIE_CHECK(right, file,
                "{}: {}: expected an input shape such as [null, 64, 64, 1], found {}; a model for images of any size "
                "must be given one before it is saved",
                *file_, what, brief(extents));
    return Shape(std::span<const int>(shape));
  }

  Shape input_shape(const json& config, int depth) const {
    CURIE_CHECK(depth < kDeepestModel, file, "{}: models are nested more than {} deep", *file_, kDeepestModel);
    const std::vector<Item> all = items(config);
    const json& inner = config["config"];
    auto first = all.begin();
    if (config["class_name"] != "Sequential") {
      const std::string name = end_of(inner, "input_layers");
      first = std::find_if(all.begin(), all.end(), [&](const Item& item) { return item.name == name; });
      CURIE_CHECK(first != all.end(), file, "{}: there is no layer {}, the input", *file_, quote_name(name));
    }
    const json& layer = (*first->layer)["config"];
    for (const char* field : {"batch_input_shape", "batch_shape"}) {
      if (layer.is_object() && layer.contains(field)) return shape_from(layer[field], first->name);
    }
    if (is_model(first->class_name)) return input_shape(*first->layer, depth + 1);
    // A Sequential model that was not given a shape, but has seen one.
    if (inner.is_object() && inner.contains("build_input_shape"))
      return shape_from(inner["build_input_shape"], "the model");
    if (config.contains("build_config") && config["build_config"].is_object() &&
        config["build_config"].contains("input_shape"))
      return shape_from(config["build_config"]["input_shape"], "the model");
    throw_error(ErrorKind::file, fmt::format("{}: the model was saved before it knew the shape of its input; call it "
                                             "once, or give its first layer an input_shape, and save it again",
                                             *file_));
  }

  Flow read_model(const json& config, Flow input, const Around& around, const std::string& group, bool trainable,
                  int depth) {
    CURIE_CHECK(depth < kDeepestModel, file, "{}: models are nested more than {} deep", *file_, kDeepestModel);
    const std::vector<Item> all = items(config);
    const json& inner = config["config"];
    const bool trained = trainable && (!inner.is_object() || inner.value("trainable", json(true)) != false);
    std::map<std::string, std::string> groups;
    ClassCounter counter;
    for (const Item& item : all) {
      const std::string own = counter.next(item.class_name, group_numbers(*item.layer, numbering_));
      const bool fresh = groups.emplace(item.name, group + "layers/" + own).second;
      CURIE_CHECK(fresh, file, "{}: two layers are named {}", *file_, quote_name(item.name));
    }
    const auto run = [&](const Item& item, std::span<const Flow> inputs) {
      return read_item(item, inputs, around, groups.at(item.name), trained, depth);
    };
    if (config["class_name"] == "Sequential") {
      Flow flow = input;
      for (const Item& item : all) {
        if (item.class_name != "InputLayer") flow = run(item, std::span(&flow, 1));
      }
      return flow;
    }
    return read_functional(inner, all, input, run);
  }

  // Runs the layers that the output needs, each when its inputs are there, so that the output comes last.
  template <typename Run>
  Flow read_functional(const json& inner, const std::vector<Item>& all, const Flow& input, const Run& run) const {
    const std::string first = end_of(inner, "input_layers"), last = end_of(inner, "output_layers");
    std::map<std::string, const Item*> by_name;
    for (const Item& item : all) by_name.emplace(item.name, &item);
    std::set<std::string> needed;
    std::vector<std::string> open = {last};
    while (!open.empty()) {
      const std::string name = open.back();
      open.pop_back();
      const auto found = by_name.find(name);
      CURIE_CHECK(found != by_name.end(), file, "{}: no layer is named {}, which another one reads", *file_,
                  quote_name(name));
      if (!needed.insert(name).second) continue;
      for (const std::string& before : found->second->inputs) open.push_back(before);
    }
    std::map<std::string, Flow> flows = {{first, input}};
    for (bool progress = true; progress && !flows.contains(last);) {
      progress = false;
      for (const Item& item : all) {
        const bool ready = needed.contains(item.name) && !flows.contains(item.name) && !item.inputs.empty() &&
                           std::all_of(item.inputs.begin(), item.inputs.end(),
                                       [&](const std::string& name) { return flows.contains(name); });
        if (!ready) continue;
        std::vector<Flow> inputs;
        for (const std::string& name : item.inputs) inputs.push_back(flows.at(name));
        flows.emplace(item.name, run(item, inputs));
        progress = true;
      }
    }
    CURIE_CHECK(flows.contains(last), file, "{}: layer {}, the output, cannot be reached from the input {}", *file_,
                quote_name(last), quote_name(first));
    return flows.at(last);
  }

  // The one name in [["input_1", 0, 0]] or, from newer versions, ["input_1", 0, 0].
  std::string end_of(const json& inner, const char* field) const {
    const json* ends = &member(inner, field, *file_, "a Functional model");
    const bool one = ends->is_array() && ends->size() == 1;
    if (one) ends = &(*ends)[0];
    CURIE_CHECK(ends->is_array() && !ends->empty() && (*ends)[0].is_string(), file,
                "{}: expected a model of one input and one output, found \"{}\": {}", *file_, field, brief(*ends));
    return (*ends)[0].get<std::string>();
  }

  Flow read_item(const Item& item, std::span<const Flow> inputs, Around around, const std::string& group,
                 bool trainable, int depth) {
    around.names.push_back(item.name);
    around.positions.push_back(item.position);
    if (is_model(item.class_name)) {
      CURIE_CHECK(inputs.size() == 1, file, "{}: model {}: expected one input, found {}", *file_, quote_name(item.name),
                  inputs.size());
      const Shape expected = input_shape(*item.layer, depth + 1);
      CURIE_CHECK(expected == model_->graph().shape(inputs[0].value), file,
                  "{}: model {}: expected an input of shape {}, found {}", *file_, quote_name(item.name),
                  to_string(expected), to_string(model_->graph().shape(inputs[0].value)));
      return read_model(*item.layer, inputs[0], around, group + "/", trainable, depth + 1);
    }
    const KerasFields fields((*item.layer)["config"], item.class_name, *file_);
    if (const std::string policy = fields.dtype(); policy != "float32") policies_.insert(quote_name(policy));
    const std::string node = unused_name(around.names);
    const std::size_t before = model_->graph().nodes().size();
    const Flow flow = add_keras_layer(*model_, fields, inputs, node, version_);
    scales_ = scales_ || item.class_name == "Rescaling";
    std::vector<Node>& nodes = model_->graph().nodes();
    for (std::size_t i = before; i < nodes.size(); ++i) {
      nodes[i].layer->set_trainable(trainable && fields.flag("trainable", true));
      if (!nodes[i].layer->parameters().empty())
        places_.push_back({nodes[i].name, around.names, around.positions, group});
    }
    return flow;
  }

  // The layer's own name where it is free, else with the models around it.
  std::string unused_name(const std::vector<std::string>& names) const {
    const auto taken = [&](const std::string& name) {
      const std::vector<Node>& nodes = model_->graph().nodes();
      return std::any_of(nodes.begin(), nodes.end(), [&](const Node& node) { return node.name == name; });
    };
    std::string name = names.back();
    for (std::size_t i = names.size() - 1; taken(name) && i-- > 0;) name = names[i] + "/" + name;
    return name;
  }

  const std::string* file_;
  KerasVersion version_;
  GroupNumbering numbering_;
  Model* model_ = nullptr;
  std::vector<KerasPlace> places_;
  bool scales_ = false;
  std::set<std::string> policies_;  // of layers that do not compute in float32
};

}  // namespace

KerasModel read_keras_model(const json& config, const std::string& file, KerasVersion version,
                            GroupNumbering numbering) {
  return Reader(file, version, numbering).read(config);
}

}  // namespace curie
