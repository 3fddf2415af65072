#include "model/value_types.h"

#include <algorithm>

namespace curie {

std::vector<DType> value_types(const Graph& graph, bool bf16) {
  const auto index_of = [](int value) { return static_cast<std::size_t>(value); };
  std::vector<bool> wide(index_of(graph.values()), !bf16);
  bool changed = false;
  const auto widen = [&](int value) {
    changed = changed || !wide[index_of(value)];
    wide[index_of(value)] = true;
  };
  widen(graph.logits());
  while (changed) {
    changed = false;
    for (const Node& node : graph.nodes()) {
      const bool reads_wide =
          std::any_of(node.inputs.begin(), node.inputs.end(), [&](int value) { return wide[index_of(value)]; });
      const ElementTypes takes = node.layer->element_types();
      const bool spreads = takes != ElementTypes::widens && wide[index_of(node.output)];
      if (reads_wide || spreads || takes == ElementTypes::float32) {
        widen(node.output);
        for (const int input : node.inputs) widen(input);
      }
    }
  }
  std::vector<DType> types;
  for (const bool is_wide : wide) types.push_back(is_wide ? DType::f32 : DType::bf16);
  return types;
}

}  // namespace curie
