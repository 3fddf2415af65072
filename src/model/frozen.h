// The frozen beginning of a network, computed once for a data set that stays the same, instead of once an epoch.
#pragma once

#include <functional>
#include <optional>

#include "data/dataset.h"
#include "model/graph.h"
#include "model/normalization.h"
#include "ops/backend.h"

namespace curie {

// The value behind the longest beginning of the network that computes the same in every step of a training run (its
// layers are frozen or have no parameters, and neither drop anything nor use a batch's statistics), if every later
// layer reads nothing else of it and if a layer with parameters is in it. None where there is no such value.
std::optional<int> frozen_cut(const Graph& graph);

// The outputs at `cut` for every sample of the data set, f32 (size, value's shape...) in host memory, computed in
// batches of up to `batch`. Asks `interrupted` (may be empty) before each batch; undefined when it said true.
Tensor frozen_features(Graph& graph, Backend& backend, const Normalization& normalization, int cut, const Dataset& data,
                       int batch, const std::function<bool()>& interrupted);

// A data set whose samples are such features; labels are those of `data`, which must outlive it.
class FrozenFeatures final : public Dataset {
 public:
  FrozenFeatures(const Dataset& data, Tensor features);
  int size() const override { return data_->size(); }
  Shape sample_shape() const override { return features_.shape().sample(); }
  DType dtype() const override { return DType::f32; }
  std::int32_t label(int index) const override { return data_->label(index); }
  void read(int index, int epoch, std::byte* out) const override;
  const Tensor* all_samples() const override { return &features_; }

 private:
  const Dataset* data_;
  Tensor features_;
};

}  // namespace curie
