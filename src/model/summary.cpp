#include "model/summary.h"

#include <fmt/format.h>

#include <array>

namespace curie {
namespace {

constexpr std::size_t kWidth = 65;
constexpr std::array<std::size_t, 3> kColumnEnds = {29, 55, 65};  // .45, .85 and 1 of the width

std::string row(const std::array<std::string, 3>& cells) {
  std::string line;
  for (std::size_t column = 0; column < cells.size(); ++column) {
    if (column > 0 && line.back() != ' ') line.back() = ' ';
    line += cells[column];
    line.resize(kColumnEnds[column], ' ');
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

std::string rule(char c) { return std::string(kWidth, c) + "\n"; }

}  // namespace

ParameterCounts count_parameters(const Node& node) {
  ParameterCounts counts;
  for (const Parameter& parameter : node.layer->parameters()) {
    counts.total += parameter.shape.elements();
    if (parameter.trainable && node.layer->trainable()) counts.trainable += parameter.shape.elements();
  }
  return counts;
}

ParameterCounts count_parameters(const Graph& graph) {
  ParameterCounts counts;
  for (const Node& node : graph.nodes()) {
    const ParameterCounts own = count_parameters(node);
    counts.total += own.total;
    counts.trainable += own.trainable;
  }
  return counts;
}

std::string summary_table(const Graph& graph, const std::string& model_name) {
  std::string text = fmt::format("Model: \"{}\"\n", model_name) + rule('_') +
                     row({"Layer (type)", "Output Shape", "Param #"}) + rule('=');
  bool first = true;
  for (const Node& node : graph.nodes()) {
    if (node.hidden) continue;
    if (!first) text += rule('_');
    first = false;
    text +=
        row({fmt::format("{} ({})", node.name, node.layer->kind()),
             to_string(graph.shape(node.output).with_batch(0), true), fmt::format("{}", count_parameters(node).total)});
  }
  const ParameterCounts counts = count_parameters(graph);
  return text + rule('=') +
         fmt::format("Total params: {}\nTrainable params: {}\nNon-trainable params: {}\n", with_commas(counts.total),
                     with_commas(counts.trainable), with_commas(counts.total - counts.trainable)) +
         rule('_');
}

std::string with_commas(std::size_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t end = digits.size(); end > 3; end -= 3) digits.insert(end - 3, ",");
  return digits;
}

std::string human_bytes(std::size_t bytes) {
  constexpr std::array<const char*, 4> kUnits = {"B", "KB", "MB", "GB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024.0 && unit + 1 < kUnits.size()) {
    value /= 1024.0;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.2f} {}", value, kUnits[unit]);
}

}  // namespace curie
