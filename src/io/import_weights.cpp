#include "io/import_weights.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "io/bounded_json.h"
#include "io/file_kind.h"
#include "io/hdf5.h"
#include "io/keras.h"
#include "io/keras_weights.h"
#include "io/probe.h"
#include "io/safetensors.h"
#include "io/safetensors_header.h"
#include "io/torch_weights.h"
#include "io/zip_archive.h"
#include "model/graph.h"
#include "tensor/files.h"
#include "tensor/log.h"

namespace curie {
namespace {

using State = std::vector<std::pair<std::string, Tensor>>;

// The layers that take part, and what is reported about the others.
struct Selection {
  std::vector<Node*> wanted;
  std::vector<const Node*> left_out;
};

Selection select(Model& model, const ImportOptions& options) {
  Selection selection;
  std::set<std::string> names;
  for (Node& node : model.graph().nodes()) {
    names.insert(node.name);
    if (node.layer->parameters().empty()) continue;
    const bool left_out =
        !node.name.starts_with(options.prefix) ||
        std::find(options.leave_out.begin(), options.leave_out.end(), node.name) != options.leave_out.end();
    left_out ? selection.left_out.push_back(&node) : selection.wanted.push_back(&node);
  }
  for (const std::string& name : options.leave_out)
    CURIE_CHECK(names.contains(name), usage, "import: the model has no layer \"{}\" to leave out", name);
  CURIE_CHECK(!selection.wanted.empty(), usage, "import: no layer with weights is left whose name begins with \"{}\"",
              options.prefix);
  return selection;
}

std::string listed(const std::vector<std::string>& names) {
  constexpr std::size_t kMost = 6;
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kMost); ++i) text += (i == 0 ? "" : ", ") + quote_name(names[i]);
  if (names.size() > kMost) text += fmt::format(" and {} more", names.size() - kMost);
  return text;
}

void check_unused(const std::vector<std::string>& unused, const ImportOptions& options, const std::string& file) {
  CURIE_CHECK(unused.empty() || options.allow_unused, file,
              "{}: it holds tensors that belong to no layer of this model: {}; is it of another architecture?", file,
              listed(unused));
}

// --- Keras --------------------------------------------------------------------------------------------------------

// Where layers of a class lie beside each other: the model that they are in.
std::string parent_of(const std::string& group) { return group.substr(0, group.rfind('/')); }

// The class and the number that "layers/conv2d_2" ends in.
std::pair<std::string, int> class_and_number(const std::string& group) {
  const std::string last = group.substr(group.rfind('/') + 1);
  const std::size_t line = last.rfind('_');
  int number = 0;
  const bool numbered =
      line != std::string::npos &&
      std::from_chars(last.data() + line + 1, last.data() + last.size(), number).ptr == last.data() + last.size();
  return numbered ? std::pair(last.substr(0, line), number) : std::pair(last, 0);
}

// Weights of Keras 2.12 to 2.15 without an architecture tell no layer's name: the layers of each class are taken in
// their order, which must be as many as the model's.
void name_by_order(KerasArrays& file, const Model& model) {
  const auto unnamed = [](const KerasArray& array) {
    return array.layer.empty() && array.group.starts_with("layers/");
  };
  if (file.arrays.empty() || !std::all_of(file.arrays.begin(), file.arrays.end(), unnamed)) return;
  std::map<std::string, std::map<int, std::string>> groups;  // by class and number
  std::map<std::string, std::string> parents;
  for (const KerasArray& array : file.arrays) {
    const auto [class_name, number] = class_and_number(array.group);
    const std::string& parent = parents.emplace(class_name, parent_of(array.group)).first->second;
    CURIE_CHECK(parent == parent_of(array.group), file,
                "{}: its layers have no names, and those of the class {} lie in several models, whose order it does "
                "not tell; save the whole model, as .keras or .h5",
                file.file, class_name);
    groups[class_name].emplace(number, array.group);
  }
  std::map<std::string, std::string> names;
  std::map<std::string, std::vector<std::string>> nodes;
  for (const Node& node : model.graph().nodes())
    if (!node.layer->parameters().empty()) nodes[snake_case(node.layer->kind())].push_back(node.name);
  for (const auto& [class_name, numbered] : groups) {
    const std::vector<std::string>& own = nodes[class_name];
    CURIE_CHECK(numbered.size() <= own.size(), file,
                "{}: its layers have no names, and it has {} of the class {} where the model has {}; save the whole "
                "model, as .keras or .h5",
                file.file, numbered.size(), class_name, own.size());
    std::size_t next = 0;
    for (const auto& [number, group] : numbered) names.emplace(group, own[next++]);
  }
  for (KerasArray& array : file.arrays) array.layer = names.at(array.group);
  log_warning("{}: its layers have no names; those of a class are taken in the order of their numbers", file.file);
}

State from_keras(const KerasArrays& file, const Selection& selection, const ImportOptions& options,
                 ImportReport& report) {
  const auto arrays_of = [&](const std::string& node) {
    std::vector<const KerasArray*> own, inner;
    for (const KerasArray& array : file.arrays) {
      if (array.group == node) own.push_back(&array);
      if (array.layer == node) inner.push_back(&array);
    }
    return own.empty() ? inner : own;  // the layer itself, or one inside a nested model
  };
  std::set<const KerasArray*> used;
  State state;
  for (Node* node : selection.wanted) {
    const std::vector<const KerasArray*> arrays = arrays_of(node->name);
    if (arrays.empty()) {
      std::vector<std::string> layers;
      for (const KerasArray& array : file.arrays) {
        const std::string& name = array.layer.empty() ? array.group : array.layer;
        if (layers.empty() || layers.back() != name) layers.push_back(name);
      }
      throw_error(ErrorKind::file, fmt::format("{}: layer {} is missing; the file has {}", file.file,
                                               quote_name(node->name), listed(layers)));
    }
    for (auto& named : parameters_from_keras(node->name, node->layer->parameters(), arrays, file.file))
      state.push_back(std::move(named));
    used.insert(arrays.begin(), arrays.end());
  }
  for (const Node* node : selection.left_out)
    for (const KerasArray* array : arrays_of(node->name)) used.insert(array);
  for (const KerasArray& array : file.arrays)
    if (!used.contains(&array)) report.unused.push_back(array.path);
  check_unused(report.unused, options, file.file);
  return state;
}

// --- safetensors --------------------------------------------------------------------------------------------------

constexpr std::string_view kCounter = "num_batches_tracked";  // PyTorch's batch norm has it, nobody needs it

std::string as_in_keras_order(const Shape& wanted, const Shape& found) {
  const bool reversed = wanted.rank() == 2 && found == Shape{wanted[1], wanted[0]};
  const bool hwio = wanted.rank() == 4 && found == Shape{wanted[2], wanted[3], wanted[1], wanted[0]};
  return reversed ? "; it is transposed" : (hwio ? "; this is Keras' order (rows, columns, channels, filters)" : "");
}

State from_safetensors(const SafetensorsFile& file, Model& model, const Selection& selection,
                       const ImportOptions& options, ImportReport& report) {
  const bool curie = file.metadata.contains("curie.model_format");
  report.format = curie ? "Curie's safetensors" : "safetensors (PyTorch)";
  std::set<std::string> used;
  State state;
  const auto visit = [&](Node& node, bool wanted) {
    for (const Parameter& parameter : node.layer->parameters()) {
      const std::string own = node.name + "/" + parameter.name;
      const TorchLayout torch(model.graph(), node, parameter);
      const std::vector<std::string> names = curie ? std::vector<std::string>{own} : torch.names();
      const Tensor* tensor = nullptr;
      for (const std::string& name : names) {
        if (tensor == nullptr && (tensor = file.find(options.file_prefix + name)) != nullptr)
          used.insert(options.file_prefix + name);
      }
      if (!wanted) continue;
      if (tensor == nullptr) file.at(options.file_prefix + names[0]);  // its error lists what is there
      const Shape shape = curie ? parameter.shape : torch.shape();
      CURIE_CHECK(tensor->shape() == shape, file, "{}: tensor {}: expected shape {}{} for layer {}, found {}{}",
                  file.path, quote_name(options.file_prefix + names[0]), to_string(shape), curie ? "" : torch.order(),
                  quote_name(node.name), to_string(tensor->shape()), as_in_keras_order(shape, tensor->shape()));
      CURIE_CHECK(tensor->dtype() == DType::f32 || tensor->dtype() == DType::bf16, file,
                  "{}: tensor {}: expected float32, float16 or bfloat16, found {}", file.path,
                  quote_name(options.file_prefix + names[0]), name_of(tensor->dtype()));
      const Tensor value = as_floats(*tensor);
      state.emplace_back(own, curie ? value : torch.from_torch(value));
    }
  };
  for (Node* node : selection.wanted) visit(*node, true);
  for (const Node* node : selection.left_out) visit(const_cast<Node&>(*node), false);
  for (const NamedTensor& named : file.tensors)
    if (!used.contains(named.name) && !named.name.ends_with(kCounter)) report.unused.push_back(named.name);
  check_unused(report.unused, options, file.path);
  return state;
}

nlohmann::json probe_in(const std::string& text, const std::string& file) {
  const nlohmann::json curie = parse_bounded_json(text, file, "note of Curie's");
  return curie.is_object() ? curie.value("probe", nlohmann::json()) : nlohmann::json();
}

}  // namespace

ImportReport import_weights(Model& model, const std::filesystem::path& path, const ImportOptions& options) {
  const std::string file = path.string();
  return with_context(fmt::format("importing weights from {}", file), [&] {
    const Selection selection = select(model, options);
    ImportReport report;
    nlohmann::json probe;
    State imported;
    std::vector<std::byte> start(std::min<std::size_t>(16, InputFile(path).size()));
    InputFile(path).read(0, start);
    if (looks_like_keras(start)) {
      KerasFileWeights weights = read_keras_weights(read_file(path), file);
      name_by_order(weights.arrays, model);
      report.format = looks_like_zip(start) ? ".keras archive" : "Keras HDF5";
      probe = probe_in(weights.note, file);
      imported = from_keras(weights.arrays, selection, options, report);
    } else {
      expect_weights_file(path);
      const SafetensorsFile tensors = read_safetensors(path);
      check_finite(tensors);
      imported = from_safetensors(tensors, model, selection, options, report);
      const auto text = tensors.metadata.find("curie.probe");
      if (text != tensors.metadata.end()) probe = parse_bounded_json(text->second, file, "probe");
    }
    const State old = model.state();
    State state = old;
    for (auto& [name, value] : state)
      for (const auto& [other, replacement] : imported)
        if (name == other) value = replacement;
    model.set_state(state);
    report.layers = static_cast<int>(selection.wanted.size());
    report.tensors = static_cast<int>(imported.size());
    for (const Node* node : selection.left_out) report.left_out.push_back(node->name);
    const bool only_last = report.left_out.size() == 1 && report.left_out[0] == last_weighted_layer(model);
    if (options.check_probe && !probe.is_null() && (report.left_out.empty() || only_last)) {
      try {
        check_probe(model, probe, only_last, file);
      } catch (...) {
        model.set_state(old);
        throw;
      }
      report.probed = true;
    }
    return report;
  });
}

std::string to_string(const ImportReport& report, const std::filesystem::path& path) {
  std::string text = fmt::format("imported {} tensors of {} layers from {} ({})", report.tensors, report.layers,
                                 path.filename().string(), report.format);
  if (!report.left_out.empty()) text += "; new: " + listed(report.left_out);
  if (!report.unused.empty()) text += "; not used: " + listed(report.unused);
  text += report.probed ? "; it answers the file's probe" : "";
  return text;
}

}  // namespace curie
