// The model's parameters in flat device buffers: first what is trained, then what is not (frozen layers, running
// statistics). Layers hold windows into them, so an optimizer step is one call and a checkpoint one write.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "model/graph.h"

namespace curie {

struct NamedParameter {
  std::string name;  // "conv2d_1/kernel"
  Parameter* parameter = nullptr;
  bool trained = false;  // trainable, in a layer that is not frozen
  float rate_multiplier = 1.0f;
};

// Every parameter in layer order.
std::vector<NamedParameter> named_parameters(Graph& graph);

class ParameterStore {
 public:
  // Allocates on the backend, gives every parameter its window and its initial value. Element i of parameter number j
  // depends on the graph's seed, i and j only.
  ParameterStore(Graph& graph, Backend& backend, int optimizer_slots);

  // Neighbouring trained parameters whose learning rate has one multiplier: floats [first, first + count) of the flat
  // run.
  struct RateGroup {
    std::size_t first = 0, count = 0;
    float multiplier = 1.0f;
  };
  const std::vector<RateGroup>& rate_groups() const { return rate_groups_; }
  // Where each trained parameter ends in the flat run, padding included.
  std::vector<std::int32_t> segment_ends() const;

  std::size_t trained() const { return trained_; }  // floats, padding included
  float* weights() const { return weights_tensor_.data<float>(); }
  float* gradients() const { return gradients_.defined() ? gradients_.data<float>() : nullptr; }
  float* slots() const { return slots_.defined() ? slots_.data<float>() : nullptr; }
  const Tensor& weights_tensor() const { return weights_tensor_; }  // all parameters, flat
  const Tensor& slots_tensor() const { return slots_; }             // undefined when the optimizer has no state
  // All parameters rounded to bfloat16, at the same places: undefined but with Math::bf16. An optimizer's step keeps
  // what is trained up to date; whoever writes weights otherwise calls `round`.
  const Tensor& rounded_tensor() const { return rounded_; }
  Bf16* rounded() const { return rounded_.defined() ? rounded_.data<Bf16>() : nullptr; }
  void round(Backend& backend) const;
  const Tensor& gradients_tensor() const { return gradients_; }  // undefined when nothing is trained
  const std::vector<NamedParameter>& parameters() const { return parameters_; }
  std::size_t bytes() const;

 private:
  std::vector<NamedParameter> parameters_;
  std::vector<RateGroup> rate_groups_;
  std::size_t trained_ = 0;
  Tensor weights_tensor_, gradients_, slots_, rounded_;
};

}  // namespace curie
