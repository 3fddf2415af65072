#include "io/keras.h"

#include <algorithm>
#include <utility>

#include "io/bounded_json.h"
#include "io/hdf5.h"
#include "io/keras_model.h"
#include "io/keras_optimizer.h"
#include "io/keras_training.h"
#include "io/keras_weights.h"
#include "io/probe.h"
#include "io/zip_archive.h"
#include "model/parameters.h"
#include "tensor/files.h"

namespace curie {
namespace {

using nlohmann::json;

// The names in a .keras archive.
constexpr const char* kConfigEntry = "config.json";
constexpr const char* kMetadataEntry = "metadata.json";
constexpr const char* kWeightsEntry = "model.weights.h5";
constexpr const char* kCurieEntry = "curie.json";
constexpr const char* kModelAttribute = "model_config";  // in .h5 files
constexpr const char* kCurieAttribute = "curie";

// The versions whose files these are: the oldest that reads them as they are written.
constexpr const char* kKeras2 = "2.12.0";
constexpr const char* kKeras3 = "3.0.0";

// --- writing -----------------------------------------------------------------------------------------------------

json curie_note(Model& model, const ModelInfo& info) {
  return {{"probe", make_probe(model)},
          {"preprocessing", to_json(info.preprocessing)},
          {"classes", info.class_names},
          {"normalization", to_json(model.normalization())},
          {"provenance", info.provenance}};
}

Hdf5Text text(std::string value) { return {{std::move(value)}, false}; }

// The arrays of a layer, by parameter.
std::vector<std::pair<std::string, Tensor>> arrays_of(const Model& model, const KerasLayer& layer,
                                                      const std::map<std::string, Tensor>& state) {
  std::vector<std::pair<std::string, Tensor>> arrays;
  if (layer.node < 0) return arrays;
  const Node& node = model.graph().nodes()[static_cast<std::size_t>(layer.node)];
  for (const Parameter& parameter : node.layer->parameters())
    arrays.emplace_back(parameter.name, keras_value(state.at(node.name + "/" + parameter.name)));
  return arrays;
}

std::map<std::string, Tensor> state_of(const Model& model) {
  std::map<std::string, Tensor> state;
  for (auto& [name, value] : model.state()) state.emplace(name, value);
  return state;
}

// --- reading -----------------------------------------------------------------------------------------------------

ModelInfo read_info(const json& note, Model& model, const std::string& file) {
  try {
    model.set_normalization(normalization_from_json(note.at("normalization")));
    return {.preprocessing = preprocessing_from_json(note.at("preprocessing")),
            .class_names = note.at("classes").get<std::vector<std::string>>(),
            .provenance = note.at("provenance")};
  } catch (const json::exception& error) {
    throw_error(ErrorKind::file, fmt::format("{}: what Curie noted in it is damaged: {}", file, error.what()));
  }
}

struct Contents {
  std::string file;
  KerasVersion version;
  json model, training, note;
  Hdf5File weights;
  KerasArrays arrays;
  bool archive;
};

std::vector<std::pair<std::string, Tensor>> state_from(const Contents& contents, KerasModel& read) {
  std::vector<std::pair<std::string, Tensor>> state;
  for (const KerasPlace& place : read.places) {
    std::vector<const KerasArray*> arrays;
    for (const KerasArray& array : contents.arrays.arrays) {
      const bool nested = place.names.size() > 1;
      const bool mine = contents.archive
                            ? array.group == place.archive_group
                            : array.group == place.names.front() && (!nested || array.layer == place.names.back());
      if (mine) arrays.push_back(&array);
    }
    std::vector<Node>& nodes = read.model.graph().nodes();
    const auto node = std::find_if(nodes.begin(), nodes.end(), [&](const Node& n) { return n.name == place.node; });
    for (auto& named : parameters_from_keras(place.node, node->layer->parameters(), arrays, contents.file))
      state.push_back(std::move(named));
  }
  return state;
}

LoadedModel make_model(const Contents& contents, const std::string& device, const BackendOptions& backend,
                       const ToldInfo& told) {
  KerasModel read = read_keras_model(contents.model, contents.file, contents.version, contents.arrays.numbering);
  Model& model = read.model;
  const auto state = state_from(contents, read);
  Assumed assumed;
  ModelInfo info;
  if (contents.note.is_null()) {
    info = foreign_info(model, read.scales, told, assumed, contents.file);
  } else {
    info = read_info(contents.note, model, contents.file);
    rename_classes(info, told, contents.file);
  }
  CURIE_CHECK(model.graph().input_shape() == info.preprocessing.shape(), file,
              "{}: the model takes {}, its preprocessing makes {}", contents.file,
              to_string(model.graph().input_shape()), to_string(info.preprocessing.shape()));
  CompileOptions options = read_keras_training(contents.training, model, contents.file);
  options.device = device;
  options.backend = backend;
  model.compile(options);
  model.set_state(state);
  read_keras_optimizer(contents.weights, contents.training, read);
  if (contents.note.is_object() && !contents.note.value("probe", json()).is_null())
    check_probe(model, contents.note["probe"], false, contents.file);
  return {std::move(model), std::move(info), assumed};
}

json attribute_json(const Hdf5Object& root, const char* name, const std::string& file) {
  const Hdf5Text* attribute = root.attribute(name);
  if (attribute == nullptr) return nullptr;
  CURIE_CHECK(attribute->texts.size() == 1, file, "{}: expected one text in the attribute \"{}\"", file, name);
  return parse_bounded_json(attribute->texts[0], file, name);
}

KerasVersion version_of(const std::string& text) {
  return text.starts_with("3") ? KerasVersion::keras3 : KerasVersion::keras2;
}

Contents read_h5(std::span<const std::byte> bytes, const std::string& file) {
  Hdf5File hdf5 = parse_hdf5(bytes, file);
  const Hdf5Object& root = *hdf5.find("/");
  json model = attribute_json(root, kModelAttribute, file);
  CURIE_CHECK(!model.is_null(), file,
              "{}: it holds weights without a model (no attribute \"model_config\"); --recipe NAME puts them into that "
              "recipe's network",
              file);
  const Hdf5Text* version = root.attribute("keras_version");
  Contents contents{.file = file,
                    .version = version_of(version == nullptr || version->texts.empty() ? "2" : version->texts[0]),
                    .model = std::move(model),
                    .training = attribute_json(root, "training_config", file),
                    .note = attribute_json(root, kCurieAttribute, file),
                    .weights = {},
                    .arrays = keras_arrays(hdf5),
                    .archive = false};
  contents.weights = std::move(hdf5);
  return contents;
}

const std::vector<std::byte>& entry_of(const ZipEntries& entries, const char* name, const std::string& file) {
  const auto found = entries.find(name);
  CURIE_CHECK(
      found != entries.end(), file,
      "{}: expected a .keras archive, found a zip archive without \"{}\"; PyTorch's .pth and .pt files are such: "
      "save their tensors with safetensors.torch.save_file",
      file, name);
  return found->second;
}

Contents read_archive(std::span<const std::byte> bytes, const std::string& file) {
  const ZipEntries entries = read_zip(bytes, file, {kConfigEntry, kMetadataEntry, kWeightsEntry, kCurieEntry});
  const auto entry = [&](const char* name) { return std::span(entry_of(entries, name, file)); };
  const auto parse = [&](const char* name) {
    const std::span<const std::byte> text = entry(name);
    return parse_bounded_json({reinterpret_cast<const char*>(text.data()), text.size()}, file, name);
  };
  json config = parse(kConfigEntry);
  const json metadata = parse(kMetadataEntry);
  const json version = metadata.is_object() ? metadata.value("keras_version", json("3")) : json("3");
  json training = config.is_object() ? config.value("compile_config", json()) : json();
  Hdf5File weights = parse_hdf5(entry(kWeightsEntry), file + ": " + kWeightsEntry);
  KerasArrays arrays = keras_arrays(weights);
  return {.file = file,
          .version = version_of(version.is_string() ? version.get<std::string>() : "3"),
          .model = std::move(config),
          .training = std::move(training),
          .note = entries.contains(kCurieEntry) ? parse(kCurieEntry) : json(),
          .weights = std::move(weights),
          .arrays = std::move(arrays),
          .archive = true};
}

}  // namespace

void save_keras_hdf5(const std::filesystem::path& path, Model& model, const ModelInfo& info) {
  const std::vector<KerasLayer> layers = keras_layers(model);
  const std::map<std::string, Tensor> state = state_of(model);
  const json training = keras_training_config(model.training_config(), KerasVersion::keras2);
  Hdf5Object root{.path = "/"}, weights{.path = "/model_weights"};
  root.attributes = {{kModelAttribute, text(keras_model_config(model.name(), layers, KerasVersion::keras2).dump())},
                     {"keras_version", text(kKeras2)},
                     {"backend", text("tensorflow")},
                     {kCurieAttribute, text(curie_note(model, info).dump())}};
  if (!training.is_null()) root.attributes["training_config"] = text(training.dump());
  weights.attributes = {{"keras_version", text(kKeras2)}, {"backend", text("tensorflow")}};
  std::vector<std::string> layer_names;
  std::vector<Hdf5Object> groups;
  for (const KerasLayer& layer : layers) {
    layer_names.push_back(layer.name);
    Hdf5Object group{.path = "/model_weights/" + layer.name};
    std::vector<std::string> weight_names;
    std::vector<Hdf5Object> datasets;
    for (auto& [name, value] : arrays_of(model, layer, state)) {
      weight_names.push_back(fmt::format("{}/{}:0", layer.name, name));
      datasets.push_back({.path = group.path + "/" + weight_names.back(), .group = false, .values = value});
    }
    set_chunked_attribute(group, "weight_names", weight_names);
    groups.push_back(std::move(group));
    std::move(datasets.begin(), datasets.end(), std::back_inserter(groups));
  }
  set_chunked_attribute(weights, "layer_names", layer_names);
  groups.insert(groups.begin(), {root, weights});
  for (Hdf5Object& object : keras_optimizer_objects(model, layers, training, KerasVersion::keras2))
    groups.push_back(std::move(object));
  write_file(path, compose_hdf5(groups));
}

void save_keras_archive(const std::filesystem::path& path, Model& model, const ModelInfo& info) {
  const std::vector<KerasLayer> layers = keras_layers(model);
  const std::map<std::string, Tensor> state = state_of(model);
  json config = keras_model_config(model.name(), layers, KerasVersion::keras3);
  const json training = keras_training_config(model.training_config(), KerasVersion::keras3);
  if (!training.is_null()) config["compile_config"] = training;
  std::vector<Hdf5Object> objects = {{.path = "/"}};
  ClassCounter counter;
  for (const KerasLayer& layer : layers) {
    Hdf5Object vars{.path = fmt::format("/layers/{}/vars", counter.next(layer.class_name))};
    const std::string prefix = vars.path + "/";
    vars.attributes["name"] = text(layer.name);
    objects.push_back(std::move(vars));
    int number = 0;
    for (auto& [name, value] : arrays_of(model, layer, state))
      objects.push_back({.path = fmt::format("{}{}", prefix, number++), .group = false, .values = value});
  }
  for (Hdf5Object& object : keras_optimizer_objects(model, layers, training, KerasVersion::keras3))
    objects.push_back(std::move(object));
  const auto bytes = [](const json& value) {
    const std::string dumped = value.dump();
    const auto span = std::as_bytes(std::span(dumped));
    return std::vector<std::byte>(span.begin(), span.end());
  };
  write_file(path, compose_zip({{kMetadataEntry, bytes({{"keras_version", kKeras3}})},
                                {kConfigEntry, bytes(config)},
                                {kWeightsEntry, compose_hdf5(objects)},
                                {kCurieEntry, bytes(curie_note(model, info))}}));
}

KerasFileWeights read_keras_weights(std::span<const std::byte> bytes, const std::string& file) {
  if (looks_like_zip(bytes)) {
    const ZipEntries entries = read_zip(bytes, file, {kConfigEntry, kWeightsEntry, kCurieEntry});
    const auto note = entries.find(kCurieEntry);
    KerasArrays arrays = keras_arrays(parse_hdf5(entry_of(entries, kWeightsEntry, file), file, {"optimizer"}));
    if (const auto config = entries.find(kConfigEntry); config != entries.end()) {
      const std::string description(reinterpret_cast<const char*>(config->second.data()), config->second.size());
      const auto names = keras_group_names(parse_bounded_json(description, file, kConfigEntry), arrays.numbering);
      for (KerasArray& array : arrays.arrays) {
        const auto name = names.find(array.group);
        if (array.layer.empty() && name != names.end()) array.layer = name->second;
      }
    }
    return {std::move(arrays), note == entries.end() ? "null"
                                                     : std::string(reinterpret_cast<const char*>(note->second.data()),
                                                                   note->second.size())};
  }
  const Hdf5File hdf5 = parse_hdf5(bytes, file, {"optimizer_weights", "optimizer"});
  const Hdf5Text* note = hdf5.find("/")->attribute(kCurieAttribute);
  return {keras_arrays(hdf5), note == nullptr || note->texts.size() != 1 ? "null" : note->texts[0]};
}

LoadedModel load_keras(const std::filesystem::path& path, const std::string& device, const BackendOptions& backend,
                       const ToldInfo& told) {
  const std::vector<std::byte> bytes = read_file(path, Hdf5Limits{}.file_bytes);
  const std::string file = path.string();
  CURIE_CHECK(looks_like_keras(bytes), file,
              "{}: expected a Keras model, an HDF5 file or a .keras archive, found something else", file);
  return with_context(fmt::format("loading the model {}", file), [&] {
    return make_model(looks_like_zip(bytes) ? read_archive(bytes, file) : read_h5(bytes, file), device, backend, told);
  });
}

bool keras_has_model(std::span<const std::byte> bytes, const std::string& file) {
  if (looks_like_zip(bytes)) return true;
  const Hdf5File hdf5 = parse_hdf5(bytes, file, {"model_weights", "optimizer_weights", "layers", "optimizer"});
  return hdf5.find("/")->attribute(kModelAttribute) != nullptr;
}

bool looks_like_keras(std::span<const std::byte> bytes) { return looks_like_hdf5(bytes) || looks_like_zip(bytes); }

}  // namespace curie
