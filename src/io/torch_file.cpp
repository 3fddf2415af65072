#include "io/torch_file.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>

#include "io/file_kind.h"
#include "io/hdf5.h"
#include "io/import_weights.h"
#include "io/keras.h"
#include "io/probe.h"
#include "io/safetensors.h"
#include "io/torch_weights.h"
#include "tensor/files.h"

namespace curie {
namespace {

constexpr const char* kFormatKey = "curie.pytorch_format";
constexpr const char* kFormat = "1";

}  // namespace

void save_torch_safetensors(const std::filesystem::path& path, Model& model, const ModelInfo& info) {
  const auto state = model.state();
  std::vector<NamedTensor> tensors;
  std::set<std::string> names;
  for (Node& node : model.graph().nodes()) {
    for (const Parameter& parameter : node.layer->parameters()) {
      const TorchLayout torch(model.graph(), node, parameter);
      const std::string own = node.name + "/" + parameter.name;
      const auto value =
          std::find_if(state.begin(), state.end(), [&](const auto& named) { return named.first == own; });
      CURIE_CHECK(names.insert(torch.names()[0]).second, usage, "two layers have the name \"{}\" in PyTorch's files",
                  torch.names()[0]);
      tensors.push_back({torch.names()[0], torch.to_torch(value->second)});
    }
  }
  std::map<std::string, std::string> metadata = model_metadata(model, info);
  metadata.insert({{"format", "pt"}, {kFormatKey, kFormat}, {"curie.probe", make_probe(model).dump()}});
  write_safetensors(path, metadata, tensors);
}

LoadedModel load_torch_safetensors(const std::filesystem::path& path, const std::string& device,
                                   const BackendOptions& backend) {
  const SafetensorsFile file = read_safetensors(path);
  const auto format = file.metadata.find(kFormatKey);
  CURIE_CHECK(format != file.metadata.end() && format->second == kFormat, file,
              "{}: expected a model that Curie wrote for PyTorch, found no \"{}\" of {} in its metadata", file.path,
              kFormatKey, kFormat);
  return with_context(fmt::format("loading the model {}", file.path), [&] {
    ModelDescription description = describe_metadata(file.metadata, file.path);
    Model model = compile_model(description, file, device, backend);
    import_weights(model, path);
    return LoadedModel{std::move(model), std::move(description.info)};
  });
}

namespace {

bool starts_like_keras(const std::filesystem::path& path) {
  std::array<std::byte, 8> start{};
  const InputFile file(path);
  file.read(0, std::span(start).first(std::min(start.size(), file.size())));
  return looks_like_keras(start);
}

bool holds_model(const SafetensorsFile& file) {
  return file.metadata.contains(kFormatKey) || file.metadata.contains("curie.model_format");
}

}  // namespace

LoadedModel open_model(const std::filesystem::path& path, const std::string& device, const BackendOptions& backend,
                       const ToldInfo& told) {
  if (starts_like_keras(path)) return load_keras(path, device, backend, told);
  expect_weights_file(path);
  const SafetensorsFile tensors = read_safetensors(path);
  CURIE_CHECK(holds_model(tensors), file,
              "{}: it holds weights without a model; --recipe NAME puts them into that recipe's network", tensors.path);
  LoadedModel loaded = tensors.metadata.contains(kFormatKey) ? load_torch_safetensors(path, device, backend)
                                                             : load_model(path, device, backend);
  rename_classes(loaded.info, told, tensors.path);
  return loaded;
}

bool holds_model(const std::filesystem::path& path) {
  if (starts_like_keras(path)) return keras_has_model(read_file(path, Hdf5Limits{}.file_bytes), path.string());
  expect_weights_file(path);
  return holds_model(read_safetensors(path));
}

}  // namespace curie
