#include "model/resident.h"

namespace curie {

bool ResidentDatasets::keep(Backend& backend, const Dataset& data, const Tensor& targets) {
  if (kept_.contains(&data)) return true;
  const std::optional<Backend::Memory> memory = backend.memory();
  const Tensor* samples = data.all_samples();
  if (!memory || samples == nullptr) return false;
  if (samples->bytes() + targets.bytes() > memory->free / 2) return false;
  kept_[&data] = {.pixels = on_device(backend, *samples), .targets = on_device(backend, targets)};
  return true;
}

const ResidentData* ResidentDatasets::find(const Dataset& data) const {
  const auto found = kept_.find(&data);
  return found == kept_.end() ? nullptr : &found->second;
}

}  // namespace curie
