#include "io/keras.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <map>

#include "io/hdf5.h"
#include "io/keras_model.h"
#include "io/keras_training.h"
#include "io/keras_weights.h"
#include "io/zip_archive.h"
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

struct Golden {
  LabelledImages images;
  std::vector<float> outputs;
  int parameters = 0;
};

Golden golden(const std::string& writer, const std::string& name) {
  const auto json = nlohmann::json::parse(read_text(kKeras / (writer + ".json")))["models"][name];
  const auto shape = json["shape"].get<std::vector<int>>();
  const auto pixels = json["pixels"].get<std::vector<std::uint8_t>>();
  Golden golden;
  golden.images = random_images(Shape(std::span<const int>(shape)), 3);
  std::copy(pixels.begin(), pixels.end(), golden.images.pixels.host<std::uint8_t>().begin());
  for (const auto& row : json["outputs"])
    for (const auto& value : row) golden.outputs.push_back(value.get<float>());
  golden.parameters = json["parameters"].get<int>();
  return golden;
}

void check_near(const std::vector<float>& found, const std::vector<float>& expected, float bound) {
  REQUIRE(found.size() == expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    CAPTURE(i);
    CHECK(std::abs(found[i] - expected[i]) <= bound);
  }
}

int parameters_of(Model& model) {
  std::size_t count = 0;
  for (const auto& [name, tensor] : model.state()) count += tensor.elements();
  return static_cast<int>(count);
}

void check_same_state(const Model& found, const Model& expected) {
  std::map<std::string, Tensor> values;
  for (const auto& [name, value] : found.state()) values.emplace(name, value);
  const auto state = expected.state();
  REQUIRE(values.size() == state.size());
  for (const auto& named : state) {
    const std::string& name = named.first;  // clang 14 cannot capture a structured binding
    const Tensor& value = named.second;
    CAPTURE(name);
    REQUIRE(values.contains(name));
    REQUIRE(values[name].shape() == value.shape());
    CHECK(std::memcmp(values[name].raw(), value.raw(), value.bytes()) == 0);
  }
}

std::vector<fs::path> written_by_keras() {
  std::vector<fs::path> files;
  for (const char* model : {"sequential", "residual", "nested", "rescaled"}) {
    for (const char* writer : {"keras2", "keras3"}) {
      files.push_back(kKeras / fmt::format("{}_{}.h5", writer, model));
      files.push_back(kKeras / fmt::format("{}_{}.keras", writer, model));
    }
  }
  return files;
}

}  // namespace

TEST_CASE("models that Keras saved predict what they predict in Keras") {
  if (!hdf5_support().present) {
    MESSAGE("skipped: " << hdf5_support().detail);
    return;
  }
  for (const fs::path& file : written_by_keras()) {
    CAPTURE(file);
    const LogCapture warnings;
    const std::string stem = file.stem();
    const Golden expected = golden(stem.substr(0, 6), stem.substr(7));
    LoadedModel loaded = load_keras(file, "cpu");
    check_near(outputs_of(loaded.model, expected.images), expected.outputs, 2e-6f);
    CHECK(parameters_of(loaded.model) == expected.parameters);
    CHECK(warnings.lines.find("does not say how images become its input") != std::string::npos);
  }
}

TEST_CASE("what Keras says about training, freezing and scaling arrives") {
  if (!hdf5_support().present) return;
  const LogCapture warnings;
  const LoadedModel residual = load_keras(kKeras / "keras2_residual.h5", "cpu");
  const auto training = residual.model.training_config();
  CHECK(training["optimizer"]["kind"] == "sgd");
  CHECK(training["optimizer"]["momentum"] == 0.9);
  CHECK(training["loss"]["kind"] == "categorical_crossentropy");
  for (const std::string name : {"keras2_nested.h5", "keras3_nested.h5", "keras3_nested.keras"}) {
    CAPTURE(name);
    const LoadedModel nested = load_keras(kKeras / name, "cpu");
    CHECK(nested.model.training_config()["optimizer"]["kind"] == "adam");
    CHECK(nested.model.training_config()["optimizer"]["learning_rate"] == doctest::Approx(0.002));
    for (const Node& node : nested.model.graph().nodes())
      CHECK(node.layer->trainable() == !node.name.starts_with("block1"));
  }
  const LoadedModel rescaled = load_keras(kKeras / "keras3_rescaled.keras", "cpu");
  CHECK(rescaled.model.normalization().divisor == doctest::Approx(127.5));
  CHECK(rescaled.model.normalization().mean == std::vector<double>{1.0});
}

TEST_CASE("what is written is read back bit for bit, with what Curie notes beside it") {
  if (!hdf5_support().present) return;
  const TemporaryFolder folder;
  const LogCapture warnings;
  for (const bool archive : {false, true}) {
    for (const bool residual : {false, true}) {
      CAPTURE(archive);
      CAPTURE(residual);
      Model model = ready(residual ? residual_model() : chain_model(),
                          {.optimizer = Sgd{.learning_rate = 0.01f, .momentum = 0.9f, .decay = 2e-4f},
                           .loss = residual ? Loss(SparseCategoricalCrossentropy{}) : Loss(BinaryCrossentropy{})});
      const ModelInfo info = info_for(model, residual ? 3 : 2);
      const fs::path file = folder / "model";
      archive ? save_keras_archive(file, model, info) : save_keras_hdf5(file, model, info);
      const std::vector<std::byte> first = read_file(file);
      archive ? save_keras_archive(file, model, info) : save_keras_hdf5(file, model, info);
      CHECK(read_file(file) == first);
      LoadedModel loaded = load_keras(file, "cpu");
      check_same_state(loaded.model, model);
      CHECK(loaded.info.preprocessing == info.preprocessing);
      CHECK(loaded.info.class_names == info.class_names);
      CHECK(loaded.info.provenance == info.provenance);
      const LabelledImages images = random_images(model.graph().input_shape(), 2);
      CHECK(outputs_of(loaded.model, images) == outputs_of(model, images));
      CHECK(loaded.model.training_config()["loss"] == model.training_config()["loss"]);
    }
  }
  CHECK(warnings.lines.empty());
}

TEST_CASE("optimizers, schedules and clipping go to Keras and come back") {
  const auto there_and_back = [](const Model& model) {
    std::vector<nlohmann::json> found;
    for (const KerasVersion dialect : {KerasVersion::keras2, KerasVersion::keras3}) {
      const nlohmann::json config = keras_training_config(model.training_config(), dialect);
      found.push_back(read_keras_training(config, model, "a file").optimizer.get()->config());
    }
    CHECK(found[0] == found[1]);
    return found[0];
  };
  for (const OptimizerChoice& optimizer :
       {OptimizerChoice(Sgd{.learning_rate = 0.02f, .momentum = 0.9f, .nesterov = true}),
        OptimizerChoice(Adam{.learning_rate = 3e-5f, .epsilon = 1e-6f, .clip = {.norm = 1.5f}}),
        OptimizerChoice(AdamW{.weight_decay = 0.01f}),
        OptimizerChoice(Adam{.schedule = CosineDecay{.learning_rate = 0.1, .decay_steps = 100}}),
        OptimizerChoice(Adam{.schedule = ExponentialDecay{.learning_rate = 0.01, .decay_steps = 9, .decay_rate = 0.6}}),
        OptimizerChoice(Sgd{.schedule = PiecewiseConstantDecay{.boundaries = {3}, .values = {0.1, 0.01}}})}) {
    const Model model = ready(chain_model(), {.optimizer = optimizer});
    nlohmann::json expected = optimizer.get()->config(), found = there_and_back(model);
    if (expected.contains("schedule")) {  // which decides; Keras has no other rate beside it
      expected.erase("learning_rate");
      found.erase("learning_rate");
    }
    CHECK(found == expected);
  }
  // Legacy decay is Keras' InverseTimeDecay.
  const auto decayed = there_and_back(ready(chain_model(), {.optimizer = Sgd{.learning_rate = 0.01f, .decay = 2e-4f}}));
  CHECK(decayed["schedule"]["kind"] == "InverseTimeDecay");
  CHECK(decayed["schedule"]["decay_rate"] == doctest::Approx(2e-4));

  // Steps of a warm-up without a target are none, in Keras as in Curie.
  const Model model = ready(chain_model(), {.optimizer = Adam{.schedule = CosineDecay{.learning_rate = 0.1}}});
  nlohmann::json config = keras_training_config(model.training_config(), KerasVersion::keras3);
  nlohmann::json& cosine = config["optimizer"]["config"]["learning_rate"]["config"];
  CHECK(cosine["warmup_target"].is_null());
  cosine["warmup_steps"] = 7;
  CHECK(read_keras_training(config, model, "a file").optimizer.get()->config().at("schedule") ==
        model.training_config().at("optimizer").at("schedule"));
}

TEST_CASE("options that Curie has not are named") {
  const Model model = ready(residual_model());
  const auto warning = [&](const char* config) {
    const LogCapture log;
    read_keras_training(nlohmann::json::parse(config), model, "a file");
    return log.lines;
  };
  const auto contains = [](const std::string& text, const char* part) { return text.find(part) != std::string::npos; };
  const std::string adam = R"({"optimizer_config": {"class_name": "Adam", "config": {"learning_rate": 0.1)";
  const std::string loss = R"(}}, "loss": "categorical_crossentropy"})";
  CHECK(warning((adam + loss).c_str()).empty());
  CHECK(contains(warning((adam + R"(, "amsgrad": true)" + loss).c_str()), "Adam with amsgrad, which Curie has not"));
  CHECK(contains(warning((adam + R"(, "loss_scale_factor": 2.0)" + loss).c_str()), "\"loss_scale_factor\" = 2.0"));
  CHECK(contains(warning((adam + R"(}}, "loss": {"class_name": "CategoricalCrossentropy", "config": {"name": "x",
                 "reduction": "sum_over_batch_size", "label_smoothing": 0.2, "from_logits": false}}})")
                             .c_str()),
                 "its loss has options that Curie has not, they are left out: \"label_smoothing\" = 0.2"));
  CHECK(contains(warning(R"({"optimizer": null, "loss": null})"), "says nothing about training"));
}

TEST_CASE("Keras' Adam with a weight decay is AdamW") {
  const nlohmann::json config = {
      {"optimizer", {{"class_name", "Adam"}, {"config", {{"learning_rate", 0.1}, {"weight_decay", 0.01}}}}},
      {"loss", "binary_crossentropy"}};
  const auto found = read_keras_training(config, ready(chain_model()), "a file").optimizer.get()->config();
  CHECK(found["kind"] == "adamw");
  CHECK(found["weight_decay"] == doctest::Approx(0.01));
}

TEST_CASE("a negative variance is refused by name and value") {
  const TemporaryFolder folder;
  Model model = ready(chain_model());
  auto state = model.state();
  for (auto& [name, value] : state)
    if (name.ends_with("moving_variance")) value.host<float>()[1] = -0.25f;
  model.set_state(state);
  save_model(folder / "m.safetensors", model, info_for(model, 2));
  CHECK_ERROR([&] { load_model(folder / "m.safetensors", "cpu"); }, file, "at least 0, found -0.25 at element 1");
  if (!hdf5_support().present) return;
  save_keras_archive(folder / "m.keras", model, info_for(model, 2));
  CHECK_ERROR([&] { load_keras(folder / "m.keras", "cpu"); }, file, "at least 0, found -0.25 at element 1");
}

TEST_CASE("schedules carry the module that Keras 3 finds them by, in HDF5 too") {
  for (const OptimizerChoice& optimizer : {OptimizerChoice(Adam{.schedule = ExponentialDecay{.decay_steps = 9}}),
                                           OptimizerChoice(Sgd{.learning_rate = 0.01f, .decay = 2e-4f})}) {
    const Model model = ready(chain_model(), {.optimizer = optimizer});
    const nlohmann::json config = keras_training_config(model.training_config(), KerasVersion::keras2);
    const nlohmann::json& rate = config["optimizer_config"]["config"]["learning_rate"];
    CHECK(rate["module"] == "keras.optimizers.schedules");
    CHECK(rate.contains("registered_name"));
    CHECK(!config["optimizer_config"].contains("module"));
  }
}

TEST_CASE("layers keep their order, names and padding through Keras") {
  Model model = residual_model();
  const std::vector<KerasLayer> layers = keras_layers(model);
  std::string names;
  for (const KerasLayer& layer : layers) names += layer.name + " ";
  // The order of keras.Model(...).layers for this graph, which weights are found by.
  CHECK(names ==
        "input_1 conv1_pad conv1 bn1 relu maxpool_pad maxpool layer1.0.conv1_pad layer1.0.conv1 layer1.0.bn1 "
        "layer1.0.relu layer1.0.conv2_pad layer1.0.conv2 layer1.0.downsample.0 layer1.0.bn2 layer1.0.downsample.1 "
        "layer1.0.add layer1.0.out avgpool fc ");
  for (const KerasVersion dialect : {KerasVersion::keras2, KerasVersion::keras3}) {
    const KerasModel read = read_keras_model(keras_model_config("m", layers, dialect), "a file", KerasVersion::keras2);
    CHECK(read.model.graph().nodes().size() == model.graph().nodes().size());
    CHECK(read.model.graph().shape(read.model.graph().output()) == model.graph().shape(model.graph().output()));
  }
}

TEST_CASE("what Keras does not have is refused before anything is written") {
  const TemporaryFolder folder;
  const auto refused = [&](auto spec, const char* text) {
    Sequential model({9, 9, 1});
    model.add(Conv2D{.filters = 2, .kernel = 1}).add(spec).add(Flatten{}).add(Dense{.units = 1});
    model.compile({.loss = MeanSquaredError{}, .device = "cpu"});
    CHECK_ERROR([&] { save_keras_archive(folder / "m.keras", model, info_for(model, 2)); }, usage, text);
  };
  refused(L2Pool2D{.name = "norms"}, "layer \"norms\" (L2Pooling2D): Keras has no such layer");
  refused(MaxPool2D{.pool = 3, .padding = Padding::cells(1)}, "could be the maximum of this layer's negative inputs");
  refused(AveragePool2D{.pool = 3, .padding = Padding::cells(1)}, "Keras' average of padded cells counts them");
  refused(AveragePool2D{.pool = 3, .padding = Padding::same(), .count_padding = true}, "does not count the padding");
  CHECK(folder.files() == 0);
}

TEST_CASE("long lists are cut into attributes that HDF5 holds") {
  Hdf5Object group{.path = "/"};
  std::vector<std::string> names;
  for (int i = 0; i < 5000; ++i) names.push_back(fmt::format("a layer with a rather long name, number {}", i));
  set_chunked_attribute(group, "layer_names", names);
  CHECK(group.attributes.size() > 1);
  CHECK(group.attribute("layer_names") == nullptr);
  CHECK(chunked_attribute(group, "layer_names") == names);
  if (!hdf5_support().present) return;
  const Hdf5File read = parse_hdf5(compose_hdf5(std::span(&group, 1)), "memory");
  CHECK(chunked_attribute(*read.find("/"), "layer_names") == names);
}
