#include "model/fusion.h"

#include <algorithm>

#include "layers/conv_pool.h"

namespace curie {
namespace {

// The index of the only node that reads what node `index` makes, or -1.
int only_reader(const Graph& graph, std::size_t index) {
  int reader = -1;
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
    const std::vector<int>& inputs = graph.nodes()[i].inputs;
    const auto reads = std::count(inputs.begin(), inputs.end(), graph.nodes()[index].output);
    if (reads == 0) continue;
    if (reads > 1 || reader >= 0) return -1;
    reader = static_cast<int>(i);
  }
  return reader;
}

Step plain_step(Node& node, int index) {
  Step step;
  step.layer = node.layer.get();
  step.name = node.name;
  step.inputs = node.inputs;
  step.output = node.output;
  step.nodes = {index};
  return step;
}

// The fused step that starts at node `index`, or one without a layer.
Step fused_step(Graph& graph, const Backend& backend, std::size_t index, int batch, Mode mode) {
  std::vector<Node>& nodes = graph.nodes();
  Step step;
  const int pool = only_reader(graph, index);
  if (pool < 0) return step;
  Node& pool_node = nodes[static_cast<std::size_t>(pool)];
  const int after = only_reader(graph, static_cast<std::size_t>(pool));
  const bool drops =
      mode == Mode::training && after >= 0 && nodes[static_cast<std::size_t>(after)].layer->kind() == "Dropout";
  const Layer* dropout = drops ? nodes[static_cast<std::size_t>(after)].layer.get() : nullptr;
  step.fused = fuse_conv_pool(*nodes[index].layer, *pool_node.layer, dropout, backend,
                              graph.shape(nodes[index].inputs[0]).with_batch(batch));
  if (!step.fused) return step;
  step.layer = step.fused.get();
  step.name = nodes[index].name + " + " + pool_node.name;
  step.inputs = nodes[index].inputs;
  step.output = pool_node.output;
  step.nodes = {static_cast<int>(index), pool};
  if (drops) {
    step.name += " + " + nodes[static_cast<std::size_t>(after)].name;
    step.output = nodes[static_cast<std::size_t>(after)].output;
    step.nodes.push_back(after);
  }
  return step;
}

}  // namespace

std::vector<Step> fuse(Graph& graph, const Backend& backend, int batch, Mode mode) {
  std::vector<Step> steps;
  std::vector<bool> done(graph.nodes().size(), false);
  for (std::size_t index = 0; index < graph.nodes().size(); ++index) {
    if (done[index]) continue;
    Node& node = graph.nodes()[index];
    Step step;
    if (node.layer->kind() == "Conv2D") step = fused_step(graph, backend, index, batch, mode);
    if (step.layer == nullptr) step = plain_step(node, static_cast<int>(index));
    for (const int covered : step.nodes) done[static_cast<std::size_t>(covered)] = true;
    steps.push_back(std::move(step));
  }
  return steps;
}

}  // namespace curie
