// Where a run takes the batches of a data set from.
#pragma once

#include <memory>

#include "model/frozen.h"
#include "model/resident.h"

namespace curie {

struct BatchSource {
  const Dataset* data = nullptr;                  // the samples that enter the network
  int at = 0;                                     // as which value they enter
  const ResidentData* resident = nullptr;         // the same samples on the device, if they are there
  std::unique_ptr<FrozenFeatures> features = {};  // what `data` points to when the frozen beginning was computed once
};

}  // namespace curie
