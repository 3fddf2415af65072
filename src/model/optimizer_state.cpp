#include "model/optimizer_state.h"

#include <algorithm>

#include "model/session.h"

namespace curie {
namespace {

struct TrainedParameter {
  const NamedParameter* named;
  std::size_t first;  // float of each array of the flat state
};

std::vector<TrainedParameter> trained_parameters(const ParameterStore& store) {
  std::vector<TrainedParameter> trained;
  const std::vector<std::int32_t> ends = store.segment_ends();
  std::size_t begin = 0;
  for (const NamedParameter& named : store.parameters()) {
    if (!named.trained) continue;
    trained.push_back({&named, begin});
    begin = static_cast<std::size_t>(ends[trained.size() - 1]);
  }
  return trained;
}

// The part of the flat state that is one array of one parameter.
std::span<float> slot_of(const Tensor& flat, const ParameterStore& store, const TrainedParameter& parameter, int slot) {
  return flat.host<float>().subspan(static_cast<std::size_t>(slot) * store.trained() + parameter.first,
                                    parameter.named->parameter->shape.elements());
}

}  // namespace

OptimizerState optimizer_state(const Session& session) {
  const ParameterStore& store = session.parameters();
  const Tensor flat = session.optimizer_state();
  OptimizerState state{.updates = session.optimizer().updates(session.step()), .slots = {}};
  for (const TrainedParameter& parameter : trained_parameters(store)) {
    std::vector<Tensor> slots;
    for (int slot = 0; slot < session.optimizer().slots(); ++slot) {
      const std::span<const float> values = slot_of(flat, store, parameter, slot);
      slots.push_back(Tensor::zeros(parameter.named->parameter->shape));
      std::copy(values.begin(), values.end(), slots.back().host<float>().begin());
    }
    state.slots.emplace_back(parameter.named->name, std::move(slots));
  }
  return state;
}

void set_optimizer_state(Session& session, const OptimizerState& state) {
  const ParameterStore& store = session.parameters();
  const std::vector<TrainedParameter> trained = trained_parameters(store);
  const auto count = static_cast<std::size_t>(session.optimizer().slots());
  CURIE_CHECK(state.slots.size() == trained.size(), file,
              "optimizer: expected the state of {} trained parameters, found that of {}", trained.size(),
              state.slots.size());
  const Tensor old = session.optimizer_state();
  const Tensor flat = old.defined() ? Tensor::zeros(old.shape()) : Tensor();
  for (std::size_t i = 0; i < trained.size(); ++i) {
    const auto& [name, slots] = state.slots[i];
    const NamedParameter& expected = *trained[i].named;
    CURIE_CHECK(name == expected.name && slots.size() == count, file,
                "optimizer: expected {} arrays for \"{}\", found {} for \"{}\"", count, expected.name, slots.size(),
                name);
    for (std::size_t slot = 0; slot < count; ++slot) {
      const Tensor& value = slots[slot];
      CURIE_CHECK(value.shape() == expected.parameter->shape && value.dtype() == DType::f32, file,
                  "optimizer: state {} of \"{}\": expected f32 of shape {}, found {} of {}", slot, name,
                  to_string(expected.parameter->shape), name_of(value.dtype()), to_string(value.shape()));
      const std::span<const float> values = value.host<float>();
      std::copy(values.begin(), values.end(), slot_of(flat, store, trained[i], static_cast<int>(slot)).begin());
    }
  }
  if (flat.defined()) session.set_optimizer_state(flat);
  session.set_step(state.updates * static_cast<std::uint32_t>(session.optimizer().options().accumulate));
}

}  // namespace curie
