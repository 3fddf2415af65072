// From what a model's last layer gives to the probability of each class.
#pragma once

#include "tensor/tensor.h"

namespace curie {

class Graph;

// `outputs` (n, k), as Model::predict returns them, to (n, classes) probabilities in host memory: one output is the
// probability of class 1 of two; log-probabilities are raised; outputs without a last activation are taken for logits,
// of a sigmoid where there is one, else of a softmax.
Tensor class_probabilities(const Graph& graph, const Tensor& outputs);

}  // namespace curie
