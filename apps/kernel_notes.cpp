#include "kernel_notes.h"

#include <fmt/format.h>

#include "layers/conv2d.h"
#define CURIE_GPU planned
#include "cuda/conv2d_plan.h"

namespace curie {
namespace {

std::string name_of(planned::Kernel kernel) {
  if (kernel == planned::Kernel::few_channels) return "few channels";
  if (kernel == planned::Kernel::float32) return "float32";
  return kernel == planned::Kernel::tf32 ? "tensor cores (tf32)" : "tensor cores (bf16)";
}

std::string described(planned::Kernel kernel, planned::Tile tile) {
  if (kernel == planned::Kernel::few_channels) return name_of(kernel);
  if (planned::on_tensor_cores(kernel)) {
    const planned::MmaSize size = planned::mma_size_of(tile);
    return fmt::format("{}, tiles {}x{}, {} stages", name_of(kernel), size.rows, size.columns, size.stages);
  }
  const planned::TileSize size = planned::size_of(tile);
  return fmt::format("{}, tiles {}x{}", name_of(kernel), size.rows, size.columns);
}

std::string described(const planned::CorrelationPlan& plan) {
  const std::string text = described(plan.kernel, plan.tile);
  return plan.splits == 1 ? text : fmt::format("{}, taps in {} parts", text, plan.splits);
}

}  // namespace

StepNotes cuda_kernel_notes(const Graph& graph, int batch, Math math) {
  return [&graph, batch, math](const Step& step) -> std::vector<std::string> {
    const auto* conv = dynamic_cast<const Conv2dLayer*>(step.layer);
    if (conv == nullptr) return {};
    const Conv2dShape shape = conv->shape(graph.shape(step.inputs[0]).with_batch(batch));
    // The arena's blocks are aligned, so vectors depend on the channels alone.
    const bool vectors = shape.c % 4 == 0 && shape.k % 4 == 0;
    const planned::CorrelationPlan forward = planned::plan_forward(shape, math, vectors);
    std::vector<std::string> lines = {"forward: " + described(forward)};
    if (step.mode != Mode::training) return lines;
    const planned::CorrelationPlan input = planned::plan_input_gradient(shape, math, vectors);
    const planned::WeightPlan weights = planned::plan_weights(shape, math, vectors);
    lines.push_back("input gradient: " + described(input));
    lines.push_back(fmt::format("weight gradient: {}, sums in {} part{}", described(weights.kernel, weights.tile),
                                weights.splits, weights.splits == 1 ? "" : "s"));
    return lines;
  };
}

}  // namespace curie
