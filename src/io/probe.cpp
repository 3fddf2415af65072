#include "io/probe.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>

#include "tensor/json_fields.h"
#include "tensor/log.h"

namespace curie {
namespace {

using nlohmann::json;

constexpr std::size_t kMostFeatures = 256;
constexpr float kTolerance = 1e-4f;
constexpr std::size_t kMostValues = std::size_t{1} << 26;  // of all layers for one image: a file must not ask for more

std::size_t values_of(const Model& model) {
  std::size_t values = 0;
  for (int value = 0; value < model.graph().values(); ++value) values += model.graph().shape(value).elements();
  return values;
}

std::vector<float> answer(Model& model) {
  LabelledImages image;
  image.pixels = Tensor::zeros(model.graph().input_shape().with_batch(1), DType::u8);
  std::uint32_t i = 0;
  for (std::uint8_t& pixel : image.pixels.host<std::uint8_t>())
    pixel = static_cast<std::uint8_t>(i++ * 2654435761u >> 24);
  image.labels = {0};
  const Tensor outputs = model.predict(ImageDataset(image), 1);
  const std::span<const float> values = outputs.host<float>();
  return {values.begin(), values.end()};
}

const Node* last_weighted(const Model& model) {
  const std::vector<Node>& nodes = model.graph().nodes();
  const auto last =
      std::find_if(nodes.rbegin(), nodes.rend(), [](const Node& node) { return !node.layer->parameters().empty(); });
  return last == nodes.rend() ? nullptr : &*last;
}

// What the last layer with weights reads, when it is a vector that some layer makes.
std::optional<std::vector<float>> features(Model& model) {
  const Node* last = last_weighted(model);
  if (last == nullptr || last->inputs[0] == Model::kInput || model.graph().shape(last->inputs[0]).rank() != 1)
    return {};
  const Node* maker = &model.graph().nodes()[static_cast<std::size_t>(last->inputs[0] - 1)];
  if (maker->hidden) maker = &model.graph().nodes()[static_cast<std::size_t>(maker->inputs[0] - 1)];
  json config = model.config();
  json& layers = config["layers"];
  const auto end =
      std::find_if(layers.begin(), layers.end(), [&](const json& layer) { return layer["name"] == maker->name; });
  layers.erase(end + 1, layers.end());
  Model part = Model::from_config(config);
  part.compile({.loss = MeanSquaredError{}, .device = "cpu"});
  std::vector<std::pair<std::string, Tensor>> state;
  for (const auto& [name, value] : part.state()) {
    for (const auto& whole : model.state())
      if (whole.first == name) state.push_back(whole);
  }
  part.set_state(state);
  return answer(part);
}

json numbers(const std::vector<float>& values, std::size_t stride) {
  json list = json::array();
  for (std::size_t i = 0; i < values.size(); i += stride) list.push_back(json_number(values[i]));
  return list;
}

void compare(const std::vector<float>& found, std::size_t stride, const json& expected, const std::string& what,
             const std::string& file) {
  const std::size_t count = (found.size() + stride - 1) / stride;
  const bool right = expected.is_array() && expected.size() == count &&
                     std::all_of(expected.begin(), expected.end(), [](const json& value) { return value.is_number(); });
  CURIE_CHECK(right, file, "{}: its probe has no {} {} for this model", file, count, what);
  float largest = 1.0f;
  for (const json& value : expected) largest = std::max(largest, std::abs(value.get<float>()));
  for (std::size_t i = 0; i < count; ++i) {
    const float wanted = expected[i].get<float>(), got = found[i * stride];
    CURIE_CHECK(std::abs(got - wanted) <= kTolerance * largest, file,
                "{}: the imported model does not answer the file's probe as its writer did: expected {} {} to be {}, "
                "found {}; the weights, their order or the architecture differ",
                file, what, i * stride, wanted, got);
  }
}

}  // namespace

json make_probe(Model& model) {
  if (const std::size_t values = values_of(model); values > kMostValues) {
    log_warning(
        "a model with {} values for one image is too large to be probed (more than {}): its file gets no answer "
        "for readers to compare with",
        values, kMostValues);
    return nullptr;
  }
  json probe = {{"pixels", "(i * 2654435761 mod 2^32) >> 24"}, {"outputs", numbers(answer(model), 1)}};
  if (const auto values = features(model)) {
    const std::size_t stride = (values->size() + kMostFeatures - 1) / kMostFeatures;
    probe["features"] = numbers(*values, stride);
    probe["features_stride"] = stride;
  }
  return probe;
}

void check_probe(Model& model, const json& probe, bool without_last_layer, const std::string& file) {
  CURIE_CHECK(probe.is_object(), file, "{}: its probe is damaged", file);
  const std::size_t values = values_of(model);
  CURIE_CHECK(values <= kMostValues, file, "{}: a model with {} values for one image is too large to be probed", file,
              values);
  if (!without_last_layer) compare(answer(model), 1, probe.value("outputs", json()), "outputs", file);
  const json stride = probe.value("features_stride", json());
  if (!stride.is_number_unsigned() || stride == 0) return;
  if (const auto found = features(model))
    compare(*found, stride.get<std::size_t>(), probe.value("features", json()), "features", file);
}

std::string last_weighted_layer(const Model& model) {
  const Node* last = last_weighted(model);
  return last == nullptr ? "" : last->name;
}

}  // namespace curie
