// The table that Keras' model.summary() prints, and what the memory plan predicts.
#pragma once

#include <string>

#include "model/graph.h"

namespace curie {

struct ParameterCounts {
  std::size_t total = 0, trainable = 0;
};
ParameterCounts count_parameters(const Graph& graph);
ParameterCounts count_parameters(const Node& node);

// Keras 2's layout: layer name and class, output shape, number of parameters; then the totals.
std::string summary_table(const Graph& graph, const std::string& model_name);

// "645,697"
std::string with_commas(std::size_t number);
// "2.46 MB", in binary units as Keras prints them.
std::string human_bytes(std::size_t bytes);

}  // namespace curie
