#include "model/graph.h"

#include <algorithm>
#include <cctype>
#include <cmath>

namespace curie {
namespace {

bool is_upper(char c) { return std::isupper(static_cast<unsigned char>(c)) != 0; }
bool is_lower(char c) { return std::islower(static_cast<unsigned char>(c)) != 0; }
bool is_digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }

Activation activation_of(std::string_view kind) {
  for (const Activation activation :
       {Activation::sigmoid, Activation::tanh, Activation::softmax, Activation::log_softmax}) {
    if (make_activation(activation)->kind() == kind) return activation;
  }
  return Activation::none;
}

// "conv2d, max_pooling2d, dense": for a message.
std::string layer_names(const std::vector<Node>& nodes) {
  std::string names;
  for (const Node& node : nodes) {
    if (!node.hidden) names += (names.empty() ? "" : ", ") + node.name;
  }
  return names;
}

}  // namespace

bool learns(Layer& layer) {
  const std::span<Parameter> parameters = layer.parameters();
  return layer.trainable() &&
         std::any_of(parameters.begin(), parameters.end(), [](const Parameter& p) { return p.trainable; });
}

std::string snake_case(std::string_view kind) {
  // Keras' two rules: "_" before a capital followed by small letters or digits, and between a small letter and a
  // capital.
  std::string name;
  for (std::size_t i = 0; i < kind.size(); ++i) {
    const bool capital = is_upper(kind[i]);
    const bool word_starts = capital && i + 1 < kind.size() && (is_lower(kind[i + 1]) || is_digit(kind[i + 1]));
    if (i > 0 && capital && (word_starts || is_lower(kind[i - 1]))) name += '_';
    name += static_cast<char>(std::tolower(static_cast<unsigned char>(kind[i])));
  }
  return name;
}

Graph::Graph(const Shape& input, std::uint64_t seed) : shapes_{input}, seed_(seed) {
  CURIE_CHECK(input.rank() >= 1 && input.elements() > 0, usage,
              "model: expected the shape of one sample, such as (64, 64, 1), got {}", to_string(input));
}

const Shape& Graph::shape(int value) const {
  CURIE_CHECK(value >= 0 && value < values(), usage, "model: expected a value below {}, got {}", values(), value);
  return shapes_[static_cast<std::size_t>(value)];
}

int Graph::add(LayerPtr layer, std::vector<int> inputs, const std::string& name) {
  const std::string node_name = name.empty() ? unused_name(layer->kind()) : name;
  for (const Node& node : nodes_) {
    CURIE_CHECK(node.name != node_name, usage, "model: two layers are named \"{}\"; give each a name of its own",
                node_name);
  }
  const Activation activation = layer->trailing_activation();
  const int value = append(std::move(layer), std::move(inputs), node_name, false);
  if (activation == Activation::none) return value;
  return append(make_activation(activation), {value}, node_name + "/" + std::string(name_of(activation)), true);
}

int Graph::append(LayerPtr layer, std::vector<int> inputs, std::string name, bool hidden) {
  std::vector<Shape> input_shapes;
  for (const int input : inputs) input_shapes.push_back(shape(input));
  const auto stream = static_cast<std::uint32_t>(nodes_.size());
  const Shape output = with_context(fmt::format("adding layer \"{}\" to the model", name),
                                    [&] { return layer->build(input_shapes, seed_, stream); });
  shapes_.push_back(output);
  nodes_.push_back({.layer = std::move(layer),
                    .name = std::move(name),
                    .inputs = std::move(inputs),
                    .output = this->output(),
                    .hidden = hidden});
  return this->output();
}

std::string Graph::unused_name(std::string_view kind) const {
  const std::string base = snake_case(kind);
  const auto same_kind = std::count_if(nodes_.begin(), nodes_.end(),
                                       [&](const Node& node) { return !node.hidden && node.layer->kind() == kind; });
  return same_kind == 0 ? base : fmt::format("{}_{}", base, same_kind);
}

std::vector<Node*> Graph::named(const std::string& name) {
  const bool exact = std::any_of(nodes_.begin(), nodes_.end(), [&](const Node& node) { return node.name == name; });
  std::vector<Node*> found;
  for (Node& node : nodes_) {
    const bool meant = exact ? node.name == name : node.name.rfind(name, 0) == 0;
    if (meant && !node.hidden) found.push_back(&node);
  }
  CURIE_CHECK(!found.empty(), usage, "model: no layer is named \"{}\" and no layer's name begins so; there are {}",
              name, layer_names(nodes_));
  return found;
}

int Graph::set_trainable(const std::string& name, bool trainable) {
  const std::vector<Node*> found = named(name);
  for (Node* node : found) node->layer->set_trainable(trainable);
  return static_cast<int>(found.size());
}

void Graph::set_rate_multiplier(const std::string& name, float multiplier) {
  CURIE_CHECK(multiplier >= 0.0f && std::isfinite(multiplier), usage,
              "model: expected a multiplier of the learning rate of at least 0, got {}", multiplier);
  for (Node* node : named(name)) node->rate_multiplier = multiplier;
}

int Graph::set_trainable_through(const std::string& last, bool trainable) {
  const auto end = std::find_if(nodes_.begin(), nodes_.end(), [&](const Node& node) { return node.name == last; });
  CURIE_CHECK(end != nodes_.end(), usage, "model: no layer is named \"{}\"; there are {}", last, layer_names(nodes_));
  std::for_each(nodes_.begin(), end + 1, [&](Node& node) { node.layer->set_trainable(trainable); });
  return static_cast<int>(end + 1 - nodes_.begin());
}

std::vector<bool> Graph::wants_gradient(int loss_value) const {
  std::vector<bool> reaches_loss(shapes_.size(), false), learned(shapes_.size(), false), wants(shapes_.size(), false);
  const auto at = [](int value) { return static_cast<std::size_t>(value); };
  reaches_loss[at(loss_value)] = true;
  for (auto node = nodes_.rbegin(); node != nodes_.rend(); ++node) {
    if (!reaches_loss[at(node->output)]) continue;
    for (const int input : node->inputs) reaches_loss[at(input)] = true;
  }
  for (const Node& node : nodes_) {
    bool any = learns(*node.layer);
    for (const int input : node.inputs) any = any || learned[at(input)];
    learned[at(node.output)] = any;
    wants[at(node.output)] = any && reaches_loss[at(node.output)];
  }
  return wants;
}

int Graph::only_reader(std::size_t index) const {
  int reader = -1;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    const std::vector<int>& inputs = nodes_[i].inputs;
    const auto reads = std::count(inputs.begin(), inputs.end(), nodes_[index].output);
    if (reads == 0) continue;
    if (reads > 1 || reader >= 0) return -1;
    reader = static_cast<int>(i);
  }
  return reader;
}

int Graph::logits() const {
  if (last_activation() == Activation::none) return output();
  return nodes_.back().inputs[0];
}

Activation Graph::last_activation() const {
  return nodes_.empty() ? Activation::none : activation_of(nodes_.back().layer->kind());
}

}  // namespace curie
