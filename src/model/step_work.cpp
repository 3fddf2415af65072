#include "model/step_work.h"

#include <algorithm>
#include <array>

#include "layers/conv2d.h"
#include "layers/dropout.h"
#include "layers/pool2d.h"

namespace curie {
namespace {

constexpr double kFloat = sizeof(float);

double elements(const Shape& shape) { return static_cast<double>(shape.elements()); }

// What follows a convolution or dense layer and is part of its pass.
struct Block {
  std::vector<std::size_t> nodes;
  bool normalized = false, residual = false;
  const MaxPool2dLayer* pool = nullptr;
  double pooled_outputs = 0.0;  // of one sample
  double dropout_rate = 0.0;
  int output = 0;
};

class Counter {
 public:
  explicit Counter(Graph& graph)
      : graph_(graph), wants_gradient_(graph.wants_gradient(graph.output())), taken_(graph.nodes().size(), false) {}

  Work count(double bytes_per_trained) {
    for (std::size_t i = 0; i < graph_.nodes().size(); ++i) {
      if (taken_[i]) continue;
      const std::string_view kind = graph_.nodes()[i].layer->kind();
      if (kind == "Conv2D" || kind == "Dense") {
        count_block(i, kind == "Conv2D");
      } else if (kind == "AveragePooling2D" || kind == "GlobalAveragePooling2D" || kind == "L2Pooling2D") {
        const Node& node = graph_.nodes()[i];
        const double bytes = kFloat * (elements(graph_.shape(node.inputs[0])) + elements(graph_.shape(node.output)));
        sample_.bytes += bytes * (wants(node.output) ? 2.0 : 1.0);
      }
    }
    for (Node& node : graph_.nodes()) {
      for (const Parameter& parameter : node.layer->parameters()) {
        const bool trained = parameter.trainable && node.layer->trainable();
        const bool read_only = !node.layer->trainable();  // running statistics of a layer that learns are its own
        weight_bytes_ += elements(parameter.shape) * (trained ? bytes_per_trained : read_only ? kFloat : 0.0);
      }
    }
    return sample_;
  }
  double weight_bytes() const { return weight_bytes_; }

 private:
  bool wants(int value) const { return wants_gradient_[static_cast<std::size_t>(value)]; }

  Block block_at(std::size_t first) {
    Block block;
    block.output = graph_.nodes()[first].output;
    for (std::size_t at = first;;) {
      block.nodes.push_back(at);
      taken_[at] = true;
      const int next = graph_.only_reader(at);
      if (next < 0 || !join(block, graph_.nodes()[static_cast<std::size_t>(next)])) return block;
      at = static_cast<std::size_t>(next);
      block.output = graph_.nodes()[at].output;
    }
  }

  // Whether the node's work is done in the block's pass; notes what it adds.
  bool join(Block& block, const Node& node) const {
    const std::string_view kind = node.layer->kind();
    if (kind == "BatchNormalization") {
      block.normalized = true;
    } else if (kind == "Add") {
      // The sum is part of the pass of the addend that is computed last.
      if (block.output != *std::max_element(node.inputs.begin(), node.inputs.end())) return false;
      block.residual = true;
    } else if (const auto* pool = dynamic_cast<const MaxPool2dLayer*>(node.layer.get())) {
      block.pool = pool;
      block.pooled_outputs = elements(graph_.shape(node.output));
    } else if (const auto* dropout = dynamic_cast<const DropoutLayer*>(node.layer.get())) {
      block.dropout_rate = dropout->changes_in_training() ? static_cast<double>(dropout->dropped().rate) : 0.0;
    } else {
      constexpr std::array<std::string_view, 5> kActivations = {"ReLU", "Sigmoid", "Tanh", "Softmax", "LogSoftmax"};
      return std::find(kActivations.begin(), kActivations.end(), kind) != kActivations.end();
    }
    return true;
  }

  void count_block(std::size_t first, bool convolution) {
    const Node& node = graph_.nodes()[first];
    const Shape& input = graph_.shape(node.inputs[0]);
    const Block block = block_at(first);
    const bool learned = learns(*node.layer);
    const bool passes_gradient = wants(node.inputs[0]);
    const bool backward = wants(block.output);
    const double directions = backward ? (learned ? 1.0 : 0.0) + (passes_gradient ? 1.0 : 0.0) : 0.0;
    const double x = elements(input), z = elements(graph_.shape(node.output));
    double taps = x, forward_share = 1.0, backward_share = 1.0;
    if (convolution) {
      const auto& conv = dynamic_cast<const Conv2dLayer&>(*node.layer);
      const Conv2dShape shape = conv.shape(input.with_batch(1));
      taps = static_cast<double>(shape.r) * shape.s * shape.c;
      if (block.pool != nullptr) pool_shares(block, shape, forward_share, backward_share);
    }
    const double products = 2.0 * z * taps;
    sample_.dense += products * (1.0 + directions);
    sample_.products += products * (forward_share + directions * backward_share);
    sample_.bytes += convolution ? conv_bytes(block, x, z, backward, passes_gradient)
                                 : kFloat * (x + z) + (backward ? kFloat * (x + z + (passes_gradient ? x : 0.0)) : 0.0);
  }

  // Windows side by side leave some outputs out, and give a gradient to one output each; statistics need all of them.
  static void pool_shares(const Block& block, const Conv2dShape& conv, double& forward, double& backward) {
    const PoolShape windows = block.pool->shape({1, conv.p, conv.q, conv.k});
    if (block.normalized || windows.pad_top != 0 || windows.pad_left != 0) return;
    const double all = static_cast<double>(conv.p) * conv.q;
    const double covered = static_cast<double>(std::min(windows.p * windows.stride_h, conv.p)) *
                           std::min(windows.q * windows.stride_w, conv.q);
    forward = covered / all;
    backward = static_cast<double>(windows.p) * windows.q / all * (1.0 - block.dropout_rate);
  }

  double conv_bytes(const Block& block, double x, double z, bool backward, bool passes_gradient) const {
    const double y = block.pool != nullptr ? block.pooled_outputs : z;
    const double arg_max = block.pool != nullptr && backward ? y : 0.0;
    const double addend = block.residual ? z : 0.0;
    const double dx = passes_gradient ? x : 0.0;
    const double normalized_forward = block.normalized ? 2.0 * z : 0.0;  // written, and read when statistics are known
    const double forward = kFloat * (x + normalized_forward + y + addend) + arg_max;
    if (!backward) return forward;
    // Normalised: the result and the output's gradient are read twice.
    const double read = block.normalized ? 2.0 * (z + y) : y;
    return forward + kFloat * (x + read + dx + addend) + arg_max * (block.normalized ? 2.0 : 1.0);
  }

  Graph& graph_;
  std::vector<bool> wants_gradient_;
  std::vector<bool> taken_;
  Work sample_;
  double weight_bytes_ = 0.0;
};

}  // namespace

double bytes_per_trained_parameter(int slots) {
  // Read forward and backward; the gradient written and read; the weight and each slot read and written.
  return kFloat * (2.0 + 2.0 + 2.0 * (1.0 + slots));
}

Work least_step_work(Graph& graph, int batch, int optimizer_slots) {
  Counter counter(graph);
  Work work = static_cast<double>(batch) * counter.count(bytes_per_trained_parameter(optimizer_slots));
  work.bytes += counter.weight_bytes();
  return work;
}

}  // namespace curie
