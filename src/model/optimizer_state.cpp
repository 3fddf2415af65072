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
std::span<float> part_of(const Tensor& flat, const ParameterStore& store, const TrainedParameter& parameter,
                         std::size_t array) {
  return flat.host<float>().subspan(array * store.trained() + parameter.first,
                                    parameter.named->parameter->shape.elements());
}

}  // namespace

OptimizerState optimizer_state(const Session& session) {
  const ParameterStore& store = session.parameters();
  const Tensor flat = session.optimizer_state();
  const Optimizer& optimizer = session.optimizer();
  const auto batches_of_update = static_cast<std::uint32_t>(optimizer.options().accumulate);
  const bool gathered = session.step() % batches_of_update != 0;
  OptimizerState state{.batches = session.step(), .arrays = {}};
  for (const TrainedParameter& parameter : trained_parameters(store)) {
    std::vector<Tensor> arrays;
    for (int array = 0; array < optimizer.state_arrays(); ++array) {
      arrays.push_back(Tensor::zeros(parameter.named->parameter->shape));
      // Between updates the sums are those of the last one.
      if (batches_of_update > 1 && array == optimizer.slots() && !gathered) continue;
      const std::span<const float> values = part_of(flat, store, parameter, static_cast<std::size_t>(array));
      std::copy(values.begin(), values.end(), arrays.back().host<float>().begin());
    }
    state.arrays.emplace_back(parameter.named->name, std::move(arrays));
  }
  return state;
}

void set_optimizer_state(Session& session, const OptimizerState& state) {
  const ParameterStore& store = session.parameters();
  const std::vector<TrainedParameter> trained = trained_parameters(store);
  const auto count = static_cast<std::size_t>(session.optimizer().state_arrays());
  CURIE_CHECK(state.arrays.size() == trained.size(), file,
              "optimizer: expected the state of {} trained parameters, found that of {}", trained.size(),
              state.arrays.size());
  const Tensor old = session.optimizer_state();
  const Tensor flat = old.defined() ? Tensor::zeros(old.shape()) : Tensor();
  for (std::size_t i = 0; i < trained.size(); ++i) {
    const auto& [name, arrays] = state.arrays[i];
    const NamedParameter& expected = *trained[i].named;
    CURIE_CHECK(name == expected.name && arrays.size() == count, file,
                "optimizer: expected {} arrays for \"{}\", found {} for \"{}\"", count, expected.name, arrays.size(),
                name);
    for (std::size_t array = 0; array < count; ++array) {
      const Tensor& value = arrays[array];
      CURIE_CHECK(value.shape() == expected.parameter->shape && value.dtype() == DType::f32, file,
                  "optimizer: state {} of \"{}\": expected f32 of shape {}, found {} of {}", array, name,
                  to_string(expected.parameter->shape), name_of(value.dtype()), to_string(value.shape()));
      const std::span<const float> values = value.host<float>();
      std::copy(values.begin(), values.end(), part_of(flat, store, trained[i], array).begin());
    }
  }
  if (flat.defined()) session.set_optimizer_state(flat);
  session.set_step(state.batches);
}

}  // namespace curie
