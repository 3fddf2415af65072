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
  std::vector<Tensor> slots;
};

// The trained variables in Keras' order.
std::vector<Variable> variables_of(const Model& model, std::span<const KerasLayer> layers,
                                   const OptimizerState& state) {
  std::vector<Variable> variables;
  for (const KerasLayer& layer : layers) {
    if (layer.node < 0) continue;
    const Node& node = model.graph().nodes()[static_cast<std::size_t>(layer.node)];
    for (const Parameter& parameter : node.layer->parameters()) {
      const auto found = std::find_if(state.slots.begin(), state.slots.end(), [&](const auto& named) {
        return named.first == node.name + "/" + parameter.name;
      });
      if (found != state.slots.end()) variables.push_back({layer.name + "/" + parameter.name, found->second});
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
  std::int64_t updates = -1;
  std::vector<const Hdf5Object*> arrays;  // without the learning rate
};

// Nothing when it is not laid out as expected.
std::optional<Remembered> sorted(const std::vector<const Hdf5Object*>& objects) {
  Remembered result;
  for (const Hdf5Object* object : objects) {
    if (object == nullptr || object->group) return std::nullopt;
    if (object->integer) {
      if (result.updates >= 0 || *object->integer < 0) return std::nullopt;
      result.updates = *object->integer;
    } else if (!object->values.defined()) {
      return std::nullopt;
    } else if (object->values.shape().rank() > 0) {
      result.arrays.push_back(object);
    }
  }
  if (result.updates < 0 || result.updates > std::numeric_limits<std::int32_t>::max()) return std::nullopt;
  return result;
}

// The state in Curie's order; nothing when an array is missing or has another shape.
std::optional<OptimizerState> translated(const Remembered& found, KerasModel& read, const std::string& file) {
  const Session& session = read.model.session();
  const auto slots = static_cast<std::size_t>(session.optimizer().slots());
  const std::vector<NamedParameter>& parameters = session.parameters().parameters();
  std::map<std::string, std::vector<Tensor>> by_name;
  std::size_t next = 0;
  for (const KerasPlace& place : read.places) {
    for (const NamedParameter& named : parameters) {
      if (!named.trained || named.name.substr(0, named.name.rfind('/')) != place.node) continue;
      std::vector<Tensor>& values = by_name[named.name];
      for (std::size_t slot = 0; slot < slots; ++slot, ++next) {
        if (next >= found.arrays.size()) return std::nullopt;
        const Hdf5Object& array = *found.arrays[next];
        if (array.values.shape() != keras_shape(named.parameter->shape)) return std::nullopt;
        check_finite(array.values, array.path, file);
        values.push_back(curie_value(array.values));
      }
    }
  }
  // The SGD of Keras 2.11 and later remembers zeros where it has no momentum.
  if (slots > 0 && next != found.arrays.size()) return std::nullopt;
  OptimizerState state{.updates = static_cast<std::uint32_t>(found.updates), .slots = {}};
  for (const NamedParameter& named : parameters) {
    if (!named.trained) continue;
    if (!by_name.contains(named.name)) return std::nullopt;
    state.slots.emplace_back(named.name, std::move(by_name[named.name]));
  }
  return state;
}

}  // namespace

std::vector<Hdf5Object> keras_optimizer_objects(Model& model, std::span<const KerasLayer> layers,
                                                KerasVersion dialect) {
  const Session& session = model.session();
  const Optimizer& optimizer = session.optimizer();
  const OptimizerState state = optimizer_state(session);
  const nlohmann::json config = keras_training_config(model.training_config(), dialect);
  if (state.updates == 0 || config.is_null()) return {};
  const bool h5 = dialect == KerasVersion::keras2;
  const bool pytorch_sgd = optimizer.name() == "sgd" && optimizer.config().value("convention", "keras") == "pytorch";
  const auto rate = static_cast<float>(optimizer.rate_at(session.step()));
  const auto& written = config.at(h5 ? "optimizer_config" : "optimizer");

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
  add(class_name + "/iter:0", {.path = {}, .integer = state.updates});
  const auto add_slot = [&](const Variable& variable, int slot) {
    const char* const slot_name = optimizer.name() == "sgd" ? "momentum" : (slot == 0 ? "m" : "v");
    add(fmt::format("{}/{}/{}:0", class_name, variable.name, slot_name),
        {.path = {}, .values = keras_slot(variable.slots[static_cast<std::size_t>(slot)], pytorch_sgd, rate)});
  };
  if (h5) {
    for (int slot = 0; slot < optimizer.slots(); ++slot)
      for (const Variable& variable : variables) add_slot(variable, slot);
  } else {
    // A schedule is kept elsewhere.
    if (!written.at("config").at("learning_rate").is_object())
      add("learning_rate", {.path = {}, .values = scalar(rate)});
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
  if (found && found->updates == 0 && found->arrays.empty()) return;  // compiled, not trained
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
