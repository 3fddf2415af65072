#include "model/resident.h"

#include <utility>

#include "data/augmented_dataset.h"

namespace curie {

bool ResidentDatasets::keep(Backend& backend, const Dataset& data, const Tensor& targets) {
  if (kept_.contains(&data)) return true;
  const std::optional<Backend::Memory> memory = backend.memory();
  const AugmentedDataset* augmented = data.augmented();
  const Tensor* samples = augmented != nullptr ? &augmented->images() : data.all_samples();
  if (!memory || samples == nullptr) return false;
  if (samples->bytes() + targets.bytes() > memory->free / 2) return false;
  ResidentData resident{
      .pixels = on_device(backend, *samples), .targets = on_device(backend, targets), .augmented = augmented};
  if (augmented != nullptr) {
    const auto per_channel = [&](const std::vector<float>& values) {
      return on_device(backend, Tensor::from<float>({static_cast<int>(values.size())}, values));
    };
    resident.offset = per_channel(augmented->scale().offset);
    resident.factor = per_channel(augmented->scale().factor);
  }
  kept_[&data] = std::move(resident);
  return true;
}

const ResidentData* ResidentDatasets::find(const Dataset& data) const {
  const auto found = kept_.find(&data);
  return found == kept_.end() ? nullptr : &found->second;
}

}  // namespace curie
