// In which element type each value of a graph is kept: the part of a plan that Math::bf16 decides.
#pragma once

#include <vector>

#include "model/graph.h"

namespace curie {

// Of every value and its gradient. Without bfloat16 all are float32. With it all are bf16 but for the logits and what
// comes behind them, so that losses and probabilities are float32; what a layer reads and writes has one type, unless
// the layer widens (Layer::element_types), so float32 reaches from the logits up to the last layer that does.
std::vector<DType> value_types(const Graph& graph, bool bf16);

}  // namespace curie
