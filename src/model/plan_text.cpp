#include "model/plan_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "model/summary.h"

namespace curie {
namespace {

constexpr int kMostColumns = 60;  // of the chart

std::string steps_text(const Graph& graph, const Executor& executor, const StepNotes& notes) {
  std::string text = fmt::format("Steps after fusion: {} of {} nodes\n", executor.steps().size(), graph.nodes().size());
  for (std::size_t i = 0; i < executor.steps().size(); ++i) {
    const Step& step = executor.steps()[i];
    std::string inputs;
    for (const int input : step.inputs) inputs += (inputs.empty() ? "" : ", ") + to_string(graph.shape(input));
    text += fmt::format("  {:>3}  {}  {} -> {}{}\n", i, step.name, inputs, to_string(graph.shape(step.output)),
                        step.mode == Mode::training ? "" : ", as in inference");
    if (step.nodes.size() > 1) text += fmt::format("       fused: {} nodes in one pass\n", step.nodes.size());
    if (!step.not_fused.empty()) text += fmt::format("       not fused: {}\n", step.not_fused);
    if (!notes) continue;
    for (const std::string& line : notes(step)) text += fmt::format("       {}\n", line);
  }
  return text;
}

// One line a block: its time as a bar.
std::string memory_text(const Executor& executor) {
  const std::vector<Executor::Block> blocks = executor.blocks();
  const int last = 2 * static_cast<int>(executor.steps().size());
  int end = 0;
  for (const Executor::Block& block : blocks) end = std::max(end, std::min(block.life.last, last) + 1);
  const int columns = std::min(end, kMostColumns);
  const auto column = [&](int time) { return time * columns / end; };

  std::string text = fmt::format("Memory: {} in one arena for batches of {}\n", human_bytes(executor.arena_bytes()),
                                 executor.max_batch());
  text += fmt::format("  {:>12}  {:>10}  {:<{}}  {}\n", "offset", "size", "time", columns, "what");
  for (const Executor::Block& block : blocks) {
    std::string bar(static_cast<std::size_t>(columns), '.');
    for (int at = column(block.life.first); at <= column(std::min(block.life.last, last)); ++at) {
      bar[static_cast<std::size_t>(std::min(at, columns - 1))] = '#';
    }
    text += fmt::format("  {:>12}  {:>10}  {}  {}\n", block.offset, human_bytes(block.life.bytes), bar, block.what);
  }
  const auto loss = static_cast<std::size_t>(column(static_cast<int>(executor.steps().size())));
  if (end > static_cast<int>(executor.steps().size()) + 1) {
    text += fmt::format("  {:>12}  {:>10}  {}^ loss, then backward\n", "", "", std::string(loss, ' '));
  }
  return text;
}

}  // namespace

std::string plan_text(const Graph& graph, const Executor& executor, const StepNotes& notes) {
  return steps_text(graph, executor, notes) + "\n" + memory_text(executor);
}

}  // namespace curie
