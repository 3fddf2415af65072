#include "io/model_file.h"

#include <functional>
#include <numeric>
#include <span>

#include "io/safetensors.h"
#include "model/parameters.h"

namespace curie {
namespace {

constexpr const char* kFormat = "1";

const std::string& value_of(const std::map<std::string, std::string>& metadata, const std::string& key,
                            const std::string& file) {
  const auto found = metadata.find(key);
  CURIE_CHECK(found != metadata.end(), file, "{}: not a model saved by Curie: the metadata has no \"{}\"", file, key);
  return found->second;
}

ModelDescription description(const SafetensorsFile& file) {
  const std::string& format = value_of(file.metadata, "curie.model_format", file.path);
  CURIE_CHECK(format == kFormat, file, "{}: model format {}, this version of Curie reads {}; use a newer version",
              file.path, format, kFormat);
  return describe_metadata(file.metadata, file.path);
}

}  // namespace

std::map<std::string, std::string> model_metadata(const Model& model, const ModelInfo& info) {
  return {{"curie.model", model.config().dump()},
          {"curie.training", model.training_config().dump()},
          {"curie.preprocessing", to_json(info.preprocessing).dump()},
          {"curie.classes", nlohmann::json(info.class_names).dump()},
          {"curie.provenance", info.provenance.dump()}};
}

ModelDescription describe_metadata(const std::map<std::string, std::string>& metadata, const std::string& file) {
  const auto parse = [&](const char* key) { return nlohmann::json::parse(value_of(metadata, key, file)); };
  try {
    ModelDescription description;
    description.model = parse("curie.model");
    description.training = parse("curie.training");
    description.info.preprocessing = preprocessing_from_json(parse("curie.preprocessing"));
    description.info.class_names = parse("curie.classes").get<std::vector<std::string>>();
    description.info.provenance = parse("curie.provenance");
    return description;
  } catch (const nlohmann::json::exception& error) {
    throw_error(ErrorKind::file, fmt::format("{}: the metadata is damaged: {}", file, error.what()));
  }
}

Model compile_model(const ModelDescription& description, const SafetensorsFile& file, const std::string& device,
                    const BackendOptions& backend) {
  Model model = Model::from_config(description.model);
  double wanted = 0;  // the product of such a file's extents may be more than a size_t holds
  for (const NamedParameter& named : named_parameters(model.graph())) {
    const std::span<const int> extents = named.parameter->shape.extents();
    wanted += std::accumulate(extents.begin(), extents.end(), 1.0, std::multiplies<>());
  }
  std::size_t held = 0;
  for (const NamedTensor& named : file.tensors) held += named.tensor.elements();
  CURIE_CHECK(wanted <= static_cast<double>(held), file, "{}: the model's layers have {} values, its tensors hold {}",
              file.path, wanted, held);
  try {
    model.compile({.optimizer = std::shared_ptr<Optimizer>(make_optimizer(description.training.at("optimizer"))),
                   .loss = make_loss(description.training.at("loss")),
                   .accuracy = description.training.at("accuracy").get<bool>(),
                   .device = device,
                   .backend = backend});
  } catch (const nlohmann::json::exception& error) {
    throw_error(ErrorKind::file, fmt::format("the training configuration is damaged: {}", error.what()));
  }
  CURIE_CHECK(model.graph().input_shape() == description.info.preprocessing.shape(), file,
              "the model takes {}, its preprocessing makes {}", to_string(model.graph().input_shape()),
              to_string(description.info.preprocessing.shape()));
  return model;
}

void save_model(const std::filesystem::path& path, const Model& model, const ModelInfo& info) {
  std::vector<NamedTensor> tensors;
  for (auto& [name, tensor] : model.state()) tensors.push_back({name, tensor});
  std::map<std::string, std::string> metadata = model_metadata(model, info);
  metadata.insert({{"format", "curie"}, {"curie.model_format", kFormat}});
  write_safetensors(path, metadata, tensors);
}

ModelDescription describe_model(const std::filesystem::path& path) { return description(read_safetensors(path)); }

LoadedModel load_model(const std::filesystem::path& path, const std::string& device, const BackendOptions& backend) {
  const SafetensorsFile file = read_safetensors(path);
  return with_context(fmt::format("loading the model {}", path.string()), [&] {
    ModelDescription description = curie::description(file);
    check_finite(file);
    Model model = compile_model(description, file, device, backend);
    std::vector<std::pair<std::string, Tensor>> tensors;
    for (const NamedTensor& named : file.tensors) tensors.emplace_back(named.name, named.tensor);
    model.set_state(tensors);
    return LoadedModel{std::move(model), std::move(description.info)};
  });
}

}  // namespace curie
