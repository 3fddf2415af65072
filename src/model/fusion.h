// Fusion: from the model's node list to the list of steps that a backend executes. Same results, fewer passes over
// memory.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "model/graph.h"

namespace curie {

// One executed step: a node's own layer, or a fused layer that does the work of several nodes.
struct Step {
  Layer* layer = nullptr;
  std::unique_ptr<Layer> fused;  // owns what `layer` points to when the step is fused
  std::string name;              // "conv2d + max_pooling2d + dropout"
  std::vector<int> inputs;
  int output = 0;
  std::vector<int> nodes;  // indices of the nodes that the step stands for
  // In training too, a step is run in inference mode when no gradient passes through it and its layers compute the same
  // in both: it then keeps nothing for a backward pass.
  Mode mode = Mode::inference;
  std::string not_fused = {};  // of a convolution that is run by itself: why
};

// The part of a graph between two values: the nodes that come after `first`, up to the one that makes `last`.
struct Section {
  int first = 0;
  int last = -1;  // -1: the graph's output
};

// A pure function of its arguments. Replaces Conv2D(relu) -> MaxPooling2D [-> Dropout] by one step where the backend
// says that it gains; in inference a dropout is an alias and is left alone. A value that anything else reads is never
// fused away. `wants_gradient`: a flag a value, from Graph::wants_gradient; all false in inference.
std::vector<Step> fuse(Graph& graph, const Backend& backend, int batch, Mode mode,
                       const std::vector<bool>& wants_gradient, Section section = {});

}  // namespace curie
