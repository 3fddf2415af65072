#include "model/frozen.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include "data/loader.h"
#include "model/executor.h"
#include "model/pixels.h"

namespace curie {

std::optional<int> frozen_cut(const Graph& graph) {
  const std::vector<Node>& nodes = graph.nodes();
  const auto constant = [](const Node& node) { return !learns(*node.layer) && !node.layer->changes_in_training(); };
  const auto end = std::find_if_not(nodes.begin(), nodes.end(), constant);
  for (auto last = end; last-- != nodes.begin();) {
    // Values are numbered as their nodes are, so what lies at or before the cut has a smaller number or its own.
    const bool only_the_cut_is_read = std::all_of(last + 1, nodes.end(), [&](const Node& node) {
      return std::all_of(node.inputs.begin(), node.inputs.end(), [&](int v) { return v >= last->output; });
    });
    const bool saves_work =
        std::any_of(nodes.begin(), last + 1, [](const Node& node) { return !node.layer->parameters().empty(); });
    if (only_the_cut_is_read && saves_work) return last->output;
  }
  return std::nullopt;
}

Tensor frozen_features(Graph& graph, Backend& backend, const Normalization& normalization, int cut, const Dataset& data,
                       int batch, const std::function<bool()>& interrupted) {
  batch = std::min(batch, data.size());
  Executor executor(graph, backend, batch, Mode::inference, cut, {.first = 0, .last = cut});
  executor.bind(std::make_shared<const Buffer>(backend.allocate(executor.arena_bytes())));
  std::optional<PixelStaging> staging;
  if (data.dtype() == DType::u8) staging.emplace(backend, graph.input_shape(), batch, normalization);
  RoundedSamples rounded;
  Tensor features = Tensor::zeros(graph.shape(cut).with_batch(data.size()));
  BatchLoader loader(data, batch);
  loader.start(0, {});
  int done = 0;
  while (const Batch* samples = loader.next()) {
    if (interrupted && interrupted()) return {};
    const int n = samples->size;
    executor.prepare(n);
    const Tensor& input = executor.value(n, 0);
    if (staging) {
      staging->send(backend, samples->pixels);
      staging->normalize(backend, n, input);
    } else {
      rounded.send(backend, samples->pixels, input);
    }
    executor.forward(n, nullptr);
    const Tensor made = to_host_floats(backend, executor.value(n, cut)), to = features.rows(done, n);
    std::memcpy(to.raw(), made.raw(), to.bytes());
    done += n;
  }
  return features;
}

FrozenFeatures::FrozenFeatures(const Dataset& data, Tensor features) : data_(&data), features_(std::move(features)) {
  CURIE_ASSERT(features_.shape()[0] == data.size(), "features of {} samples, {} expected", features_.shape()[0],
               data.size());
}

void FrozenFeatures::read(int index, int, std::byte* out) const {
  const Tensor row = features_.rows(index, 1);
  std::memcpy(out, row.raw(), row.bytes());
}

}  // namespace curie
