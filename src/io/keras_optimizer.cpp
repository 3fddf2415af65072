#include "io/keras_optimizer.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>
#include <utility>

#include "io/keras_training.h"
#include "io/keras_weights.h"
#include "io/safetensors_header.h"
#include "model/optimizer_state.h"
#include "model/session.h"
#include "tensor/log.h"

namespace curie {
namespace {

constexpr const char* kH5Group = "/optimizer_weights";
constexpr const char* kArchiveGroup = "/optimizer/vars";

// --- writing -----------------------------------------------------------------------------------------------------

// SGD in PyTorch's convention remembers v where Keras remembers -rate * v.
Tensor keras_slot(const Tensor& slot, bool pytorch_sgd, float rate) {
  const Tensor value = keras_value(slot).clone();
  if (pytorch_sgd) {
    for (float& element : value.host<float>()) element *= -rate;
  }
  return value;
}

Tensor scalar(float value) {
  const Tensor tensor = Tensor::zeros(Shape{});
  tensor.host<float>()[0] = value;
  return tensor;
}

struct Variable {
  std::string name;  // "conv2d/kernel"
  std::vector<Tensor> arrays;
};

// The trained variables in Keras' order.
std::vector<Variable> variables_of(const Model& model, std::span<const KerasLayer> layers,
                                   const OptimizerState& state) {
  std::vector<Variable> variables;
  for (const KerasLayer& layer : layers) {
    if (layer.node < 0) continue;
    const Node& node = model.graph().nodes()[static_cast<std::size_t>(layer.node)];
    for (const Parameter& parameter : node.layer->parameters()) {
      const auto found = std::find_if(state.arrays.begin(), state.arrays.end(), [&](const auto& named) {
        return named.first == node.name + "/" + parameter.name;
      });
      if (found != state.arrays.end()) variables.push_back({layer.name + "/" + parameter.name, found->second});
    }
  }
  return variables;
}

// --- reading -----------------------------------------------------------------------------------------------------

// All that the file's optimizer remembers, in its order.
std::vector<const Hdf5Object*> remembered(const Hdf5File& file) {
  std::vector<const Hdf5Object*> objects;
  if (const Hdf5Object* group = file.find(kH5Group)) {
    for (const std::string& name : chunked_attribute(*group, "weight_names"))
      objects.push_back(file.find(kH5Group + std::string("/") + name));
    // The optimizers of Keras 2.10 list every first moment before the first of the second ones.
    const auto first_named = [&](std::string_view ending) {
      return std::find_if(objects.begin(), objects.end(), [&](const Hdf5Object* object) {
        return object != nullptr && object->path.ends_with(ending);
      });
    };
    const auto firsts = first_named("/m:0"), seconds = first_named("/v:0");
    if (seconds == objects.end() || seconds - firsts != objects.end() - seconds) return objects;
    std::vector<const Hdf5Object*> paired(objects.begin(), firsts);
    for (auto m = firsts, v = seconds; m != seconds; ++m, ++v) paired.insert(paired.end(), {*m, *v});
    return paired;
  }
  std::vector<std::pair<int, const Hdf5Object*>> numbered;
  const std::string prefix = std::string(kArchiveGroup) + "/";
  for (const Hdf5Object& object : file.objects) {
    if (!object.path.starts_with(prefix)) continue;
    const char* const end = object.path.data() + object.path.size();
    int number = -1;
    const auto [rest, error] = std::from_chars(object.path.data() + prefix.size(), end, number);
    if (error == std::errc() && rest == end) numbered.emplace_back(number, &object);
  }
  std::sort(numbered.begin(), numbered.end());
  for (const auto& [number, object] : numbered) objects.push_back(object);
  return objects;
}

struct Remembered {
  std::int64_t batches = -1;
  std::vector<const Hdf5Object*> arrays;  // without the learning rate
};

// Nothing when it is not laid out as expected.
std::optional<Remembered> sorted(const std::vector<const Hdf5Object*>& objects) {
  Remembered result;
  for (const Hdf5Object* object : objects) {
    if (object == nullptr || object->group) return std::nullopt;
    if (object->integer) {
      if (result.batches >= 0 || *object->integer < 0) return std::nullopt;
      result.batches = *object->integer;
    } else if (!object->values.defined()) {
      return std::nullopt;
    } else if (object->values.shape().rank() > 0) {
      result.arrays.push_back(object);
    }
  }
  if (result.batches < 0 || result.batches > std::numeric_limits<std::int32_t>::max()) return std::nullopt;
  return result;
}

// The trained parameters, by their index in the store, in the order of the file's layers.
std::vector<std::size_t> order_of(std::span<const KerasPlace> places, const std::vector<NamedParameter>& parameters) {
  std::vector<std::size_t> order;
  for (const KerasPlace& place : places) {
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      const std::string& name = parameters[i].name;
      if (parameters[i].trained && name.substr(0, name.rfind('/')) == place.node) order.push_back(i);
    }
  }
  return order;
}

// The state in Curie's order; nothing when an array is missing or has another shape.
std::optional<OptimizerState> translated(const Remembered& found, KerasModel& read, const std::string& file) {
  const Session& session = read.model.session();
  const Optimizer& optimizer = session.optimizer();
  const std::vector<NamedParameter>& parameters = session.parameters().parameters();
  const std::vector<std::size_t> order = order_of(read.places, parameters);
  std::vector<std::vector<Tensor>> arrays(parameters.size(),
                                          std::vector<Tensor>(static_cast<std::size_t>(optimizer.state_arrays())));
  std::size_t next = 0;
  // Takes the arrays from `first` on, before `end`, of each parameter in turn; whether they were there.
  const auto take = [&](int first, int end) {
    for (const std::size_t i : order) {
      for (int array = first; array < end; ++array, ++next) {
        if (next >= found.arrays.size()) return false;
        const Hdf5Object& object = *found.arrays[next];
        if (object.values.shape() != keras_shape(parameters[i].parameter->shape)) return false;
        check_finite(object.values, object.path, file);
        arrays[i][static_cast<std::size_t>(array)] = curie_value(object.values);
      }
    }
    return true;
  };
  const int slots = optimizer.slots(), sums = slots, average = slots + (optimizer.options().accumulate > 1 ? 1 : 0);
  if (!take(average, optimizer.state_arrays()) || !take(sums, average) || !take(0, slots)) return std::nullopt;
  // The SGD of Keras 2.11 and later remembers zeros where it has no momentum.
  const std::size_t rest = found.arrays.size() - next;
  if (rest != 0 && (slots > 0 || rest != order.size())) return std::nullopt;
  OptimizerState state{.batches = static_cast<std::uint32_t>(found.batches), .arrays = {}};
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (!parameters[i].trained) continue;
    if (std::find(order.begin(), order.end(), i) == order.end()) return std::nullopt;
    state.arrays.emplace_back(parameters[i].name, std::move(arrays[i]));
  }
  return state;
}

}  // namespace

std::vector<Hdf5Object> keras_optimizer_objects(Model& model, std::span<const KerasLayer> layers,
                                                const nlohmann::json& training, KerasVersion dialect) {
  const Session& session = model.session();
  const Optimizer& optimizer = session.optimizer();
  const OptimizerState state = optimizer_state(session);
  if (state.batches == 0 || training.is_null()) return {};
  const bool h5 = dialect == KerasVersion::keras2;
  const bool pytorch_sgd = optimizer.name() == "sgd" && optimizer.config().value("convention", "keras") == "pytorch";
  const auto rate = static_cast<float>(optimizer.rate_at(session.step()));
  const auto& written = training.at(h5 ? "optimizer_config" : "optimizer");

  Hdf5Object group{.path = h5 ? kH5Group : kArchiveGroup};
  if (!h5) group.attributes["name"] = {{optimizer.name()}, false};
  std::vector<Hdf5Object> objects;
  std::vector<std::string> names;
  const auto add = [&](const std::string& name, Hdf5Object object) {
    object.group = false;
    object.path = fmt::format("{}/{}", group.path, h5 ? name : std::to_string(names.size()));
    names.push_back(name);
    objects.push_back(std::move(object));
  };
  const std::string class_name = written.at("class_name").get<std::string>();
  const std::vector<Variable> variables = variables_of(model, layers, state);
  add(class_name + "/iter:0", {.path = {}, .integer = h5 ? optimizer.updates(state.batches) : state.batches});
  const auto add_slot = [&](const Variable& variable, int slot) {
    const char* const slot_name = optimizer.name() == "sgd" ? "momentum" : (slot == 0 ? "m" : "v");
    add(fmt::format("{}/{}/{}:0", class_name, variable.name, slot_name),
        {.path = {}, .values = keras_slot(variable.arrays[static_cast<std::size_t>(slot)], pytorch_sgd, rate)});
  };
  if (h5) {
    for (int slot = 0; slot < optimizer.slots(); ++slot)
      for (const Variable& variable : variables) add_slot(variable, slot);
  } else {
    // A schedule is kept elsewhere.
    if (!written.at("config").at("learning_rate").is_object())
      add("learning_rate", {.path = {}, .values = scalar(rate)});
    // Averages before sums, which stand the other way round in the state.
    for (int array = optimizer.state_arrays() - 1; array >= optimizer.slots(); --array) {
      for (const Variable& variable : variables)
        add(variable.name, {.path = {}, .values = keras_value(variable.arrays[static_cast<std::size_t>(array)])});
    }
    for (const Variable& variable : variables)
      for (int slot = 0; slot < optimizer.slots(); ++slot) add_slot(variable, slot);
  }
  if (h5) set_chunked_attribute(group, "weight_names", names);
  objects.insert(objects.begin(), std::move(group));
  return objects;
}

void read_keras_optimizer(const Hdf5File& file, const nlohmann::json& training, KerasModel& read) {
  const std::vector<const Hdf5Object*> objects = remembered(file);
  if (objects.empty() || !knows_keras_optimizer(training)) return;
  const std::optional<Remembered> found = sorted(objects);
  if (found && found->batches == 0 && found->arrays.empty()) return;  // compiled, not trained
  std::optional<OptimizerState> state;
  if (found) state = translated(*found, read, file.name);
  if (!state) {
    log_warning(
        "{}: what its optimizer remembers does not fit the model's trained layers; training would begin with a "
        "fresh one",
        file.name);
    return;
  }
  set_optimizer_state(read.model.session(), *state);
}

}  // namespace curie
