#include "io/import_weights.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>

#include "io/hdf5.h"
#include "io/keras.h"
#include "io/layout.h"
#include "io/probe.h"
#include "io/safetensors.h"
#include "io/torch_file.h"
#include "support/file_models.h"
#include "support/log_capture.h"
#include "support/temporary_folder.h"
#include "support/throws.h"
#include "tensor/files.h"

using namespace curie;
using namespace curie::test;

namespace {

namespace fs = std::filesystem;

const fs::path kKeras = fs::path(CURIE_TEST_DATA) / "keras";

std::map<std::string, Tensor> by_name(const std::vector<std::pair<std::string, Tensor>>& state) {
  return {state.begin(), state.end()};
}

bool same(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && std::memcmp(a.raw(), b.raw(), a.bytes()) == 0;
}

bool same_state(const Model& a, const Model& b) {
  const auto x = a.state(), y = b.state();
  return std::equal(x.begin(), x.end(), y.begin(), y.end(),
                    [](const auto& p, const auto& q) { return p.first == q.first && same(p.second, q.second); });
}

// The backbone of scripts/goldens/keras_files.py, under Keras' names for VGG16.
Model backbone() {
  Model model({12, 10, 3});
  int x = model.apply(
      Conv2D{.filters = 3, .padding = Padding::same(), .activation = Activation::relu, .name = "block1_conv1"},
      {Model::kInput});
  x = model.apply(BatchNormalization{.name = "block1_norm"}, {x});
  x = model.apply(
      Conv2D{.filters = 4, .padding = Padding::same(), .activation = Activation::relu, .name = "block1_conv2"}, {x});
  model.apply(MaxPool2D{.name = "block1_pool"}, {x});
  return model;
}

Model backbone_with_head() {
  Model model = backbone();
  const int x = model.apply(Flatten{.name = "flatten"}, {model.graph().output()});
  model.apply(Dense{.units = 2, .activation = Activation::softmax, .name = "head"}, {x});
  return model;
}

std::vector<NamedTensor> torch_tensors(const fs::path& path) { return read_safetensors(path).tensors; }

// Rewrites a file of tensors after `change`.
void rewrite(const fs::path& from, const fs::path& to, const std::function<void(std::vector<NamedTensor>&)>& change,
             bool keep_metadata = false) {
  SafetensorsFile file = read_safetensors(from);
  change(file.tensors);
  if (!keep_metadata) file.metadata = {{"format", "pt"}};
  write_safetensors(to, file.metadata, file.tensors);
}

NamedTensor& tensor_named(std::vector<NamedTensor>& tensors, const std::string& name) {
  return *std::find_if(tensors.begin(), tensors.end(), [&](const NamedTensor& t) { return t.name == name; });
}

}  // namespace

TEST_CASE("orders of axes, by hand, on extents that all differ") {
  Tensor krsc = Tensor::zeros({2, 3, 4, 5});
  float number = 0.0f;
  for (float& value : krsc.host<float>()) value = number++;
  const auto at = [&](int k, int r, int s, int c) { return krsc.host<float>()[((k * 3 + r) * 4 + s) * 5 + c]; };
  const Tensor hwio = hwio_from_krsc(krsc), oihw = oihw_from_krsc(krsc);
  CHECK(hwio.shape() == Shape{3, 4, 5, 2});
  CHECK(oihw.shape() == Shape{2, 5, 3, 4});
  for (int k = 0; k < 2; ++k)
    for (int r = 0; r < 3; ++r)
      for (int s = 0; s < 4; ++s)
        for (int c = 0; c < 5; ++c) {
          CHECK(hwio.host<float>()[((r * 4 + s) * 5 + c) * 2 + k] == at(k, r, s, c));
          CHECK(oihw.host<float>()[((k * 5 + c) * 3 + r) * 4 + s] == at(k, r, s, c));
        }
  CHECK(same(krsc_from_hwio(hwio), krsc));
  CHECK(same(krsc_from_oihw(oihw), krsc));

  // Rows of a Dense kernel behind Flatten of (2, 3, 4): row (h * 3 + w) * 4 + c here is row (c * 2 + h) * 3 + w there.
  const Tensor kernel = krsc.reshape({24, 5});
  const Tensor outermost = channel_outermost_rows(kernel, {2, 3, 4});
  for (int h = 0; h < 2; ++h)
    for (int w = 0; w < 3; ++w)
      for (int c = 0; c < 4; ++c)
        for (int o = 0; o < 5; ++o)
          CHECK(outermost.host<float>()[((c * 2 + h) * 3 + w) * 5 + o] ==
                kernel.host<float>()[((h * 3 + w) * 4 + c) * 5 + o]);
  CHECK(same(channel_innermost_rows(outermost, {2, 3, 4}), kernel));
}

TEST_CASE("PyTorch's names and shapes, and the way back") {
  const TemporaryFolder folder;
  Model model = ready(residual_model(), {.loss = SparseCategoricalCrossentropy{}});
  save_torch_safetensors(folder / "m.safetensors", model, info_for(model, 3));
  std::map<std::string, Shape> shapes;
  for (const NamedTensor& named : torch_tensors(folder / "m.safetensors"))
    shapes.emplace(named.name, named.tensor.shape());
  CHECK(shapes.at("conv1.weight") == Shape{4, 3, 7, 7});
  CHECK(shapes.at("bn1.weight") == Shape{4});
  CHECK(shapes.at("bn1.running_var") == Shape{4});
  CHECK(shapes.at("layer1.0.downsample.0.weight") == Shape{6, 4, 1, 1});
  CHECK(shapes.at("layer1.0.downsample.1.running_mean") == Shape{6});
  CHECK(shapes.at("fc.weight") == Shape{3, 6});
  CHECK(shapes.at("fc.bias") == Shape{3});

  for (const bool chain : {false, true}) {
    Model saved = ready(chain ? chain_model() : residual_model(),
                        {.loss = chain ? Loss(BinaryCrossentropy{}) : Loss(SparseCategoricalCrossentropy{})});
    const ModelInfo info = info_for(saved, chain ? 2 : 3);
    save_torch_safetensors(folder / "m.safetensors", saved, info);
    LoadedModel loaded = open_model(folder / "m.safetensors", "cpu");
    CHECK(same_state(loaded.model, saved));
    CHECK(loaded.info.class_names == info.class_names);
    CHECK(loaded.info.preprocessing == info.preprocessing);
  }
}

TEST_CASE("VGG16's layers take torchvision's names, the kernel behind Flatten its order") {
  const TemporaryFolder folder;
  Model model = backbone_with_head();
  model.compile({.loss = SparseCategoricalCrossentropy{}, .device = "cpu"});
  model.set_state(random_state(model));
  save_torch_safetensors(folder / "m.safetensors", model, info_for(model, 2));
  const SafetensorsFile file = read_safetensors(folder / "m.safetensors");
  CHECK(file.at("features.0.weight").shape() == Shape{3, 3, 3, 3});
  CHECK(file.at("features.2.bias").shape() == Shape{4});
  const Tensor head = file.at("head.weight"), own = by_name(model.state()).at("head/kernel");
  REQUIRE(head.shape() == Shape{2, 6 * 5 * 4});
  for (int h = 0; h < 6; ++h)
    for (int w = 0; w < 5; ++w)
      for (int c = 0; c < 4; ++c)
        for (int o = 0; o < 2; ++o)
          CHECK(head.host<float>()[o * 120 + (c * 6 + h) * 5 + w] == own.host<float>()[((h * 5 + w) * 4 + c) * 2 + o]);
}

TEST_CASE("weights without names are refused where the model has fewer layers of a class") {
  if (!hdf5_support().present) return;
  Model model({12, 10, 3});
  const int x = model.apply(Conv2D{.filters = 3, .padding = Padding::same()}, {Model::kInput});
  model.apply(Flatten{}, {model.apply(BatchNormalization{}, {x})});
  model.compile({.loss = MeanSquaredError{}, .device = "cpu"});
  CHECK_ERROR([&] { import_weights(model, kKeras / "keras2_backbone.weights.h5"); }, file,
              "its layers have no names, and it has 2 of the class conv2d where the model has 1");
}

TEST_CASE("weights of Keras 1, 2 and 3 without a model go into the layers of their names") {
  if (!hdf5_support().present) {
    MESSAGE("skipped: " << hdf5_support().detail);
    return;
  }
  for (const char* name : {"keras3_backbone.weights.h5", "keras1_backbone.h5", "keras3_nested.h5",
                           "keras3_nested.keras", "keras2_backbone.weights.h5", "keras2_nested.keras"}) {
    const std::string file = name, writer = file.substr(0, 6);
    CAPTURE(file);
    const auto golden =
        nlohmann::json::parse(read_text(kKeras / ((writer == "keras1" ? "keras3" : writer) + ".json")))["models"];
    const auto pixels = golden["nested"]["pixels"].get<std::vector<std::uint8_t>>();
    LabelledImages images = random_images({12, 10, 3}, 3);
    std::copy(pixels.begin(), pixels.end(), images.pixels.host<std::uint8_t>().begin());
    const LogCapture log;
    Model model = backbone();
    model.apply(Flatten{}, {model.graph().output()});
    model.compile({.loss = MeanSquaredError{}, .device = "cpu"});
    const bool whole = file.find("nested") != std::string::npos;
    const ImportReport report = import_weights(model, kKeras / file, {.prefix = "block1_", .allow_unused = whole});
    CHECK(report.layers == 3);
    CHECK(report.tensors == 8);
    CHECK(report.unused.size() == (whole ? 4u : 0u));
    // Keras 2.12 to 2.15 keeps no names beside weights alone.
    CHECK((log.lines.find("layers have no names") != std::string::npos) == (file == "keras2_backbone.weights.h5"));
    const std::vector<float> outputs = outputs_of(model, images);
    std::vector<float> expected;
    for (const auto& row : golden["backbone"]["outputs"])
      for (const auto& value : row) expected.push_back(value.get<float>());
    REQUIRE(outputs.size() == expected.size());
    for (std::size_t i = 0; i < outputs.size(); ++i) CHECK(std::abs(outputs[i] - expected[i]) < 2e-6f);
  }
  Model model = backbone();
  model.apply(Flatten{}, {model.graph().output()});
  model.compile({.loss = MeanSquaredError{}, .device = "cpu"});
  CHECK(import_weights(model, kKeras / "keras2_backbone.h5").layers == 3);
}

TEST_CASE("a backbone is imported, the head stays; the file's probe is answered") {
  const TemporaryFolder folder;
  Model source = ready(residual_model(), {.loss = SparseCategoricalCrossentropy{}});
  save_torch_safetensors(folder / "m.safetensors", source, info_for(source, 3));
  Model model = residual_model(Activation::softmax, 5);
  model.compile({.loss = SparseCategoricalCrossentropy{}, .device = "cpu"});
  const auto before = by_name(model.state());
  CHECK_ERROR([&] { import_weights(model, folder / "m.safetensors"); }, file,
              "tensor \"fc.weight\": expected shape (5, 6) (units, inputs) for layer \"fc\", found (3, 6)");
  const ImportReport report = import_weights(model, folder / "m.safetensors", {.leave_out = {"fc"}});
  CHECK(report.probed);
  CHECK(report.left_out == std::vector<std::string>{"fc"});
  CHECK(report.layers == 8);
  auto after = by_name(model.state());
  CHECK(same(after.at("fc/kernel"), before.at("fc/kernel")));
  CHECK(same(after.at("conv1/kernel"), by_name(source.state()).at("conv1/kernel")));
  CHECK_ERROR([&] { import_weights(model, folder / "m.safetensors", {.leave_out = {"top"}}); }, usage,
              "no layer \"top\"");
  CHECK_ERROR([&] { import_weights(model, folder / "m.safetensors", {.prefix = "blockk"}); }, usage, "\"blockk\"");

  // Names with something before them, as wrappers write them.
  rewrite(folder / "m.safetensors", folder / "prefixed.safetensors", [](std::vector<NamedTensor>& tensors) {
    for (NamedTensor& named : tensors) named.name = "model." + named.name;
    tensors.push_back({"model.bn1.num_batches_tracked", Tensor::zeros({}, DType::i32)});
  });
  CHECK(
      import_weights(model, folder / "prefixed.safetensors", {.leave_out = {"fc"}, .file_prefix = "model."}).tensors ==
      20);
}

TEST_CASE("a wrong file names the tensor, and nothing is half loaded") {
  const TemporaryFolder folder;
  Model source = ready(residual_model(), {.loss = SparseCategoricalCrossentropy{}});
  const fs::path good = folder / "good.safetensors", bad = folder / "bad.safetensors";
  save_torch_safetensors(good, source, info_for(source, 3));
  Model model = residual_model();
  model.compile({.loss = SparseCategoricalCrossentropy{}, .device = "cpu"});
  const auto before = model.state();
  const auto refused = [&](const std::function<void(std::vector<NamedTensor>&)>& change, const char* text,
                           bool keep_metadata = false) {
    rewrite(good, bad, change, keep_metadata);
    CHECK_ERROR([&] { import_weights(model, bad); }, file, text);
    const auto after = model.state();
    for (std::size_t i = 0; i < before.size(); ++i) CHECK(same(before[i].second, after[i].second));
  };
  refused([](auto& tensors) { tensors.erase(tensors.begin() + 3); }, "bn1");
  refused(
      [](auto& tensors) {
        tensor_named(tensors, "fc.weight").tensor = Tensor::zeros({3, 7});
      },
      "tensor \"fc.weight\": expected shape (3, 6) (units, inputs) for layer \"fc\", found (3, 7)");
  refused([](auto& tensors) { tensor_named(tensors, "fc.weight").tensor = Tensor::zeros({6, 3}); }, "it is transposed");
  refused(
      [](auto& tensors) {
        tensor_named(tensors, "conv1.weight").tensor = Tensor::zeros({7, 7, 3, 4});
      },
      "this is Keras' order (rows, columns, channels, filters)");
  refused(
      [](auto& tensors) {
        tensors.push_back({"layer9.weight", Tensor::zeros({1})});
      },
      "belong to no layer of this model: \"layer9.weight\"");
  refused([](auto& tensors) { tensor_named(tensors, "fc.bias").tensor.template host<float>()[1] = NAN; }, "fc.bias");
  // Two filters of one shape in each other's place: only the probe can tell.
  refused(
      [](auto& tensors) {
        Tensor& kernel = tensor_named(tensors, "layer1.0.conv2.weight").tensor;
        kernel = permuted(kernel, std::array{1, 0, 2, 3});
      },
      "does not answer the file's probe as its writer did", true);
  const std::string bytes = read_text(good);
  folder.put("bad.safetensors", bytes.substr(0, bytes.size() / 2));
  CHECK_ERROR([&] { import_weights(model, bad); }, file, "bad.safetensors");
  folder.put("bad.safetensors", "neither of them");
  CHECK_ERROR([&] { import_weights(model, bad); }, file, "bad.safetensors");
}

TEST_CASE("a wrong Keras file names the layer or the tensor, and nothing is half loaded") {
  if (!hdf5_support().present) return;
  const TemporaryFolder folder;
  Model source = ready(residual_model(), {.loss = SparseCategoricalCrossentropy{}});
  save_keras_hdf5(folder / "good.h5", source, info_for(source, 3));
  const Hdf5File good = read_hdf5(folder / "good.h5");
  Model model = residual_model();
  model.compile({.loss = SparseCategoricalCrossentropy{}, .device = "cpu"});
  const auto before = model.state();
  const fs::path bad = folder / "bad.h5";
  const auto refused = [&](const std::function<void(Hdf5File&)>& change, const char* text) {
    Hdf5File file = good;
    change(file);
    write_file(bad, compose_hdf5(file.objects));
    CHECK_ERROR([&] { import_weights(model, bad); }, file, text);
    CHECK_ERROR([&] { load_keras(bad, "cpu"); }, file, text);
    const auto after = model.state();
    for (std::size_t i = 0; i < before.size(); ++i) CHECK(same(before[i].second, after[i].second));
  };
  const auto object = [](Hdf5File& file, const std::string& path) -> Hdf5Object& {
    return *std::find_if(file.objects.begin(), file.objects.end(), [&](const auto& o) { return o.path == path; });
  };
  const std::string kernel = "/model_weights/conv1/conv1/kernel:0";
  refused(
      [&](Hdf5File& file) {
        object(file, kernel).values = Tensor::zeros({4, 3, 7, 7});
      },
      "this is PyTorch's or Theano's order");
  refused(
      [&](Hdf5File& file) {
        object(file, kernel).values = Tensor::zeros({7, 7, 3, 5});
      },
      "expected shape (7, 7, 3, 4) (rows, columns, channels, filters) for the kernel of layer \"conv1\"");
  refused(
      [&](Hdf5File& file) {
        object(file, "/model_weights/fc/fc/kernel:0").values = Tensor::zeros({3, 6});
      },
      "it is transposed");
  refused(
      [&](Hdf5File& file) {
        Tensor& values = object(file, kernel).values;
        values = values.clone();  // the original is shared
        values.host<float>()[2] = INFINITY;
      },
      "element 2 is not a finite number");
  refused([&](Hdf5File& file) { object(file, "/model_weights/bn1").attributes["weight_names"].texts.pop_back(); },
          "layer \"bn1\": expected 4 tensors (gamma, beta, moving_mean, moving_variance), found 3");
  refused(
      [&](Hdf5File& file) { object(file, "/model_weights/bn1").attributes["weight_names"].texts[0] = "bn1/scale:0"; },
      "is listed, but not there");
  // Another order of the list does no harm, since the names tell which is which.
  Hdf5File swapped = good;
  std::reverse(object(swapped, "/model_weights/bn1").attributes["weight_names"].texts.begin(),
               object(swapped, "/model_weights/bn1").attributes["weight_names"].texts.end());
  write_file(bad, compose_hdf5(swapped.objects));
  CHECK(import_weights(model, bad).probed);
  CHECK(same_state(model, source));
}
