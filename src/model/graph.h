// A model's structure: a flat, topologically ordered list of nodes. Value 0 is the input; every node makes one value.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "layers/layer.h"
#include "layers/layers.h"

namespace curie {

struct Node {
  LayerPtr layer;
  std::string name;              // "conv2d_1"
  std::vector<int> inputs;       // values
  int output = 0;                // value
  float rate_multiplier = 1.0f;  // of the learning rate, for this layer's parameters
  bool hidden = false;           // an activation split off the node before it: no row of its own in a summary
};

class Graph {
 public:
  // `input`: the shape of one sample. `seed` feeds the layers' random numbers.
  Graph(const Shape& input, std::uint64_t seed);

  // Appends a layer that reads `inputs` and returns its value. An activation that the layer does not compute itself
  // becomes a hidden node, whose value is returned.
  int add(LayerPtr layer, std::vector<int> inputs, const std::string& name = {});

  const std::vector<Node>& nodes() const { return nodes_; }
  std::vector<Node>& nodes() { return nodes_; }
  const Shape& shape(int value) const;  // of one sample
  const Shape& input_shape() const { return shapes_[0]; }
  int output() const { return static_cast<int>(shapes_.size()) - 1; }
  int values() const { return static_cast<int>(shapes_.size()); }
  std::uint64_t seed() const { return seed_; }

  // Freezes layers or makes them learn again: the one whose name is `name`, or, where there is none, all whose names
  // begin with it. Returns how many; throws Error(usage) when there are none.
  int set_trainable(const std::string& name, bool trainable);
  // The same for every layer up to and including the one named.
  int set_trainable_through(const std::string& last, bool trainable);

  // Multiplies the learning rate of layers, which are named as for set_trainable. Throws Error(usage) for a multiplier
  // below 0 or not finite, too.
  void set_rate_multiplier(const std::string& name, float multiplier);

  // For each value: whether a training step needs its gradient, because the loss at `loss_value` depends on it and
  // something that is learned lies at or below it.
  std::vector<bool> wants_gradient(int loss_value) const;

  // The index of the only node that reads what node `index` makes, and reads it once; -1 where there is no such node.
  int only_reader(std::size_t index) const;

  // The value that holds the last node's result before its hidden activation, and that activation.
  int logits() const;
  Activation last_activation() const;

 private:
  std::vector<Node*> named(const std::string& name);  // never empty
  int append(LayerPtr layer, std::vector<int> inputs, std::string name, bool hidden);
  std::string unused_name(std::string_view kind) const;

  std::vector<Shape> shapes_;
  std::vector<Node> nodes_;
  std::uint64_t seed_;
};

// Whether the layer has parameters that training changes.
bool learns(Layer& layer);

// Keras' name for a layer class: "MaxPooling2D" -> "max_pooling2d".
std::string snake_case(std::string_view kind);

}  // namespace curie
