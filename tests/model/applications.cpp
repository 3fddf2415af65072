// VGG16 and ResNet18: their documented parameters and shapes, and outputs against torchvision's for the same weights
// (scripts/goldens/applications.py).
#include "model/applications.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "model/executor.h"
#include "model/parameters.h"
#include "model/summary.h"
#include "support/backend.h"
#include "support/hashed.h"
#include "support/throws.h"
#include "tensor/files.h"

using namespace curie;
using curie::test::error_message;

namespace {

nlohmann::json golden_of(const char* name) {
  return nlohmann::json::parse(read_text(std::string(CURIE_TEST_DATA) + "/applications.json")).at(name);
}

const Node& node_named(const Graph& graph, const std::string& name) {
  const auto found =
      std::find_if(graph.nodes().begin(), graph.nodes().end(), [&](const Node& node) { return node.name == name; });
  REQUIRE(found != graph.nodes().end());
  return *found;
}

// Outputs of the graph for the formula's weights and images. torch_names: parameters in the formula's order;
// ours(name): our name for torchvision's.
template <typename Ours>
std::vector<float> outputs(Graph& graph, const nlohmann::json& torch_names, int n, Ours&& ours) {
  const std::unique_ptr<Backend> backend = test::test_backend(2);
  ParameterStore store(graph, *backend, 0);
  std::map<std::string, Parameter*> parameters;
  for (const NamedParameter& named : store.parameters()) parameters[named.name] = named.parameter;
  std::uint32_t stream = 0;
  for (const nlohmann::json& torch_name : torch_names) {
    const std::string name = ours(torch_name.get<std::string>());
    CAPTURE(name);
    REQUIRE(parameters.contains(name));
    const Parameter& parameter = *parameters[name];
    const Shape& shape = parameter.shape;
    std::vector<float> values(shape.elements());
    const bool mean = name.ends_with("moving_mean") || name.ends_with("beta") || name.ends_with("bias");
    for (std::size_t i = 0; i < values.size(); ++i) {
      std::size_t torch_index = i;
      if (shape.rank() == 4) {  // KRSC here, KCRS there
        const std::size_t c = static_cast<std::size_t>(shape[3]), cells = static_cast<std::size_t>(shape[1] * shape[2]);
        const std::size_t filter = i / (cells * c), cell = i / c % cells, channel = i % c;
        torch_index = (filter * c + channel) * cells + cell;
      } else if (shape.rank() == 2) {  // (in, out) here, (out, in) there
        const std::size_t in = static_cast<std::size_t>(shape[0]), out = static_cast<std::size_t>(shape[1]);
        torch_index = i % out * in + i / out;
      }
      const double u = test::unit(stream, torch_index);
      const double limit = std::sqrt(6.0 / parameter.fans.in);
      values[i] = static_cast<float>(shape.rank() > 1 ? (2 * u - 1) * limit : mean ? 0.2 * (u - 0.5) : 0.5 + u);
    }
    backend->copy_to_device(parameter.value.raw(), std::as_bytes(std::span(values)).data(), parameter.value.bytes());
    parameters.erase(name);
    ++stream;
  }
  CHECK(parameters.empty());
  Executor executor(graph, *backend, n, Mode::inference, graph.output());
  executor.bind(std::make_shared<const Buffer>(backend->allocate(executor.arena_bytes())));
  executor.prepare(n);
  std::vector<float> pixels(graph.input_shape().elements() * static_cast<std::size_t>(n));
  constexpr std::uint32_t kImageStream = 1000;
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<float>(test::unit(kImageStream, i));
  const Tensor& input = executor.value(n, 0);
  backend->copy_to_device(input.raw(), std::as_bytes(std::span(pixels)).data(), input.bytes());
  executor.forward(n, nullptr);
  const Tensor& output = executor.value(n, graph.output());
  std::vector<float> result(output.elements());
  backend->copy_to_host(std::as_writable_bytes(std::span(result)).data(), output.raw(), output.bytes());
  return result;
}

Shape shape_of(const nlohmann::json& extents) {
  const auto values = extents.get<std::vector<int>>();
  return Shape(std::span<const int>(values)).sample();
}

// Float32 against float64 through twenty layers whose sums have up to 4608 terms.
void check_near(const std::vector<float>& found, const nlohmann::json& expected, std::size_t stride) {
  double largest = 0.0;
  for (const nlohmann::json& value : expected) largest = std::max(largest, std::abs(value.get<double>()));
  for (std::size_t i = 0; i < expected.size(); ++i) {
    CHECK(std::abs(static_cast<double>(found.at(i * stride)) - expected[i].get<double>()) <= 2e-5 * largest);
  }
}

}  // namespace

TEST_CASE("VGG16 without its top has Keras' layers and parameters; behind a head, Keras' totals") {
  Model model({237, 237, 3}, 1, "vgg");
  int value = vgg16_without_top(model);
  const Graph& graph = model.graph();
  REQUIRE(graph.nodes().size() == 18);
  CHECK(graph.nodes().front().name == "block1_conv1");
  CHECK(graph.nodes().back().name == "block5_pool");
  CHECK(count_parameters(graph).total == 14714688);
  const std::vector<std::pair<std::string, std::size_t>> counts = {
      {"block1_conv1", 1792},    {"block1_conv2", 36928},   {"block2_conv1", 73856},   {"block2_conv2", 147584},
      {"block3_conv1", 295168},  {"block3_conv2", 590080},  {"block3_conv3", 590080},  {"block4_conv1", 1180160},
      {"block4_conv2", 2359808}, {"block4_conv3", 2359808}, {"block5_conv1", 2359808}, {"block5_conv3", 2359808}};
  for (const auto& [name, count] : counts) CHECK(count_parameters(node_named(graph, name)).total == count);
  CHECK(graph.shape(node_named(graph, "block1_pool").output) == Shape{118, 118, 64});
  CHECK(graph.shape(value) == Shape{7, 7, 512});

  value = model.apply(AveragePool2D{.pool = 4}, {value});
  value = model.apply(Flatten{}, {value});
  value = model.apply(Dense{.units = 64, .activation = Activation::relu}, {value});
  value = model.apply(Dropout{.rate = 0.2f}, {value});
  model.apply(Dense{.units = 1, .activation = Activation::sigmoid}, {value});
  model.freeze("block");
  const std::string summary = model.summary();
  CHECK(summary.find("block5_conv3 (Conv2D)        (None, 14, 14, 512)       2359808\n") != std::string::npos);
  CHECK(summary.find("Total params: 14,747,585\nTrainable params: 32,897\nNon-trainable params: 14,714,688\n") !=
        std::string::npos);

  // What is frozen runs as in inference: fused with its pool, nothing kept for a backward pass.
  const std::unique_ptr<Backend> backend = test::test_backend(1);
  Executor training(model.graph(), *backend, 8, Mode::training, graph.logits());
  Executor inference(model.graph(), *backend, 8, Mode::inference, graph.logits());
  const auto fused = [](const Executor& executor) {
    return std::count_if(executor.steps().begin(), executor.steps().end(),
                         [](const Step& step) { return step.fused != nullptr; });
  };
  CHECK(fused(training) == fused(inference));
  const std::size_t head = std::size_t{1} << 20;  // what the head's few values and gradients may take
  CHECK(training.arena_bytes() <= inference.arena_bytes() + head);
  // The two largest neighbours: 237 x 237 x 64 in and out of block1_conv2, or its pooled output.
  CHECK(training.arena_bytes() <= 2 * std::size_t{8} * 237 * 237 * 64 * 4 + head);
}

TEST_CASE("ResNet18 has torchvision's modules, parameters and shapes") {
  Model model({128, 128, 3}, 1, "resnet18");
  resnet18(model, 4);
  const Graph& graph = model.graph();
  const ParameterCounts counts = count_parameters(graph);
  CHECK(counts.trainable == 11178564);
  CHECK(counts.total - counts.trainable == 9600);  // running means and variances
  CHECK(count_parameters(node_named(graph, "conv1")).total == 9408);
  CHECK(count_parameters(node_named(graph, "layer1.1.conv2")).total == 36864);
  CHECK(count_parameters(node_named(graph, "layer2.0.downsample.0")).total == 8192);
  CHECK(count_parameters(node_named(graph, "layer4.0.conv1")).total == 1179648);
  CHECK(count_parameters(node_named(graph, "layer4.1.bn2")).total == 2048);
  CHECK(count_parameters(node_named(graph, "fc")).total == 2052);
  CHECK(graph.shape(node_named(graph, "conv1").output) == Shape{64, 64, 64});
  CHECK(graph.shape(node_named(graph, "maxpool").output) == Shape{32, 32, 64});
  CHECK(graph.shape(node_named(graph, "layer2.0.relu2").output) == Shape{16, 16, 128});
  CHECK(graph.shape(node_named(graph, "layer4.1.add").output) == Shape{4, 4, 512});
  CHECK(graph.shape(graph.output()) == Shape{4});
  CHECK(graph.last_activation() == Activation::softmax);
}

TEST_CASE("ResNet18 computes what torchvision's does") {
  const nlohmann::json golden = golden_of("resnet18");
  Model model(shape_of(golden.at("input")));
  resnet18(model, golden.at("classes").get<int>(), Activation::none);
  const auto ours = [](const std::string& torch_name) {
    const std::size_t dot = torch_name.rfind('.');
    const std::string layer = torch_name.substr(0, dot), tensor = torch_name.substr(dot + 1);
    if (tensor == "running_mean") return layer + "/moving_mean";
    if (tensor == "running_var") return layer + "/moving_variance";
    const bool norm = layer.find("bn") != std::string::npos || layer.ends_with("downsample.1");
    if (norm) return layer + (tensor == "weight" ? "/gamma" : "/beta");
    return layer + (tensor == "weight" ? "/kernel" : "/bias");
  };
  check_near(outputs(model.graph(), golden.at("names"), 2, ours), golden.at("logits"), 1);
}

TEST_CASE("VGG16 computes what torchvision's does") {
  const nlohmann::json golden = golden_of("vgg16");
  Model model(shape_of(golden.at("input")));
  vgg16_without_top(model);
  std::vector<std::string> convolutions;
  for (const Node& node : model.graph().nodes()) {
    if (node.layer->kind() == "Conv2D") convolutions.push_back(node.name);
  }
  std::size_t at = 0;  // torchvision numbers its layers; kernel and bias come in pairs
  const auto ours = [&](const std::string& torch_name) {
    const bool weight = torch_name.ends_with("weight");
    return convolutions.at(at++ / 2) + (weight ? "/kernel" : "/bias");
  };
  check_near(outputs(model.graph(), golden.at("names"), 1, ours), golden.at("features"), 8);
}

TEST_CASE("an architecture refuses an image that it cannot read") {
  Model grey({64, 64, 1});
  CHECK(error_message([&] { vgg16_without_top(grey); }).find("three channels") != std::string::npos);
  CHECK(error_message([&] { resnet18(grey, 2); }).find("three channels") != std::string::npos);
  Model small({31, 64, 3});
  CHECK(error_message([&] { vgg16_without_top(small); }).find("at least 32x32 pixels") != std::string::npos);
}
