// A data set that lives on the device, so that a step needs nothing from the host but which samples it takes.
#pragma once

#include <map>

#include "data/dataset.h"
#include "ops/backend.h"
#include "tensor/tensor.h"

namespace curie {

struct ResidentData {
  Tensor pixels;   // (size, sample...), u8 or f32
  Tensor targets;  // (size) i32, or (size, outputs) f32, as the loss takes them
  // Where samples are drawn anew in every epoch: how, and what scales them, (channels) each; `pixels` are then the
  // images that are warped.
  const AugmentedDataset* augmented = nullptr;
  Tensor offset = {}, factor = {};
};

// The data sets on one device, by their identity on the host.
class ResidentDatasets {
 public:
  // Copies the data set unless it is there already. False when it has to be read sample by sample or would take
  // more than half of the device's free memory. Only devices that know their memory keep data sets: the CPU reads
  // them where they are.
  bool keep(Backend& backend, const Dataset& data, const Tensor& targets);
  const ResidentData* find(const Dataset& data) const;  // null when it is not there
  void drop_all() { kept_.clear(); }

 private:
  std::map<const Dataset*, ResidentData> kept_;
};

}  // namespace curie
