#include "model/fusion.h"

#include "layers/conv_pool.h"

namespace curie {
namespace {

class Fuser {
 public:
  // Of the nodes before `end`.
  Fuser(Graph& graph, const Backend& backend, int batch, Mode mode, const std::vector<bool>& wants_gradient, int end)
      : graph_(graph), backend_(backend), batch_(batch), mode_(mode), wants_gradient_(wants_gradient), end_(end) {}

  Step step_at(std::size_t index) const {
    Step step = plain_step(index);
    if (graph_.nodes()[index].layer->kind() == "Conv2D") fuse_followers(step, index);
    return step;
  }

 private:
  Node& node(int index) const { return graph_.nodes()[static_cast<std::size_t>(index)]; }

  Mode mode_of(const Node& node) const {
    const bool differentiated = wants_gradient_[static_cast<std::size_t>(node.output)];
    return differentiated || node.layer->changes_in_training() ? mode_ : Mode::inference;
  }

  Step plain_step(std::size_t index) const {
    Node& node = graph_.nodes()[index];
    Step step;
    step.layer = node.layer.get();
    step.name = node.name;
    step.inputs = node.inputs;
    step.output = node.output;
    step.nodes = {static_cast<int>(index)};
    step.mode = mode_of(node);
    return step;
  }

  // Makes the step of the convolution at `index` one with what follows it, or says in it why not.
  void fuse_followers(Step& step, std::size_t index) const {
    const Node& conv = graph_.nodes()[index];
    const int pool = graph_.only_reader(index);
    if (pool < 0 || pool >= end_) {
      step.not_fused = pool < 0 ? "several layers read it, or none" : "its reader is in another section";
      return;
    }
    const bool training = step.mode == Mode::training;
    // The fused backward pass always writes the kernel's gradient, which a frozen convolution has no room for.
    if (training && !conv.layer->trainable()) {
      step.not_fused = "frozen, and gradients pass through it";
      return;
    }
    const int after = graph_.only_reader(static_cast<std::size_t>(pool));
    const bool drops = training && after >= 0 && after < end_ && node(after).layer->kind() == "Dropout" &&
                       node(after).layer->changes_in_training();
    const Layer* const dropout = drops ? node(after).layer.get() : nullptr;
    const Shape input = graph_.shape(conv.inputs[0]).with_batch(batch_);
    step.not_fused = why_not_fused(*conv.layer, *node(pool).layer, dropout, backend_, input);
    if (!step.not_fused.empty()) return;
    step.fused = fuse_conv_pool(*conv.layer, *node(pool).layer, dropout, backend_, input);
    step.layer = step.fused.get();
    step.name = conv.name + " + " + node(pool).name;
    step.output = node(pool).output;
    step.nodes = {static_cast<int>(index), pool};
    if (drops) {
      step.name += " + " + node(after).name;
      step.output = node(after).output;
      step.nodes.push_back(after);
    }
  }

  Graph& graph_;
  const Backend& backend_;
  int batch_;
  Mode mode_;
  const std::vector<bool>& wants_gradient_;
  int end_;
};

}  // namespace

std::vector<Step> fuse(Graph& graph, const Backend& backend, int batch, Mode mode,
                       const std::vector<bool>& wants_gradient, Section section) {
  // Value v is made by node v - 1.
  const int end = section.last < 0 ? graph.output() : section.last;
  const Fuser fuser(graph, backend, batch, mode, wants_gradient, end);
  std::vector<Step> steps;
  std::vector<bool> done(graph.nodes().size(), false);
  for (auto index = static_cast<std::size_t>(section.first); index < static_cast<std::size_t>(end); ++index) {
    if (done[index]) continue;
    steps.push_back(fuser.step_at(index));
    for (const int covered : steps.back().nodes) done[static_cast<std::size_t>(covered)] = true;
  }
  return steps;
}

}  // namespace curie
