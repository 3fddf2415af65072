#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <vector>

#include "layers/layers.h"
#include "support/throws.h"

namespace curie {
namespace {

using nlohmann::json;

// One of each kind, no field at its default.
std::vector<LayerPtr> every_layer() {
  std::vector<LayerPtr> layers;
  layers.push_back(Conv2D{.filters = 7,
                          .kernel = {5, 3},
                          .stride = {2, 1},
                          .padding = {Padding::Kind::cells, 1, 2, 0, 1},
                          .activation = Activation::relu,
                          .bias = false,
                          .kernel_initializer = {Initializer::Kind::he_normal},
                          .bias_initializer = {Initializer::Kind::constant, 0.1f},
                          .name = "a"}
                       .make());
  layers.push_back(MaxPool2D{.pool = {3, 2}, .stride = Extent2{1, 2}, .padding = Padding::same(), .name = "b"}.make());
  layers.push_back(
      AveragePool2D{.pool = 3, .stride = Extent2{2}, .padding = Padding::cells(1), .count_padding = true, .name = "c"}
          .make());
  layers.push_back(L2Pool2D{.pool = 4, .stride = Extent2{3}, .padding = Padding::same(), .name = "d"}.make());
  layers.push_back(GlobalAveragePool2D{.name = "e"}.make());
  layers.push_back(Dense{.units = 12,
                         .activation = Activation::log_softmax,
                         .bias = false,
                         .kernel_initializer = {Initializer::Kind::pytorch_uniform},
                         .bias_initializer = {Initializer::Kind::ones},
                         .name = "f"}
                       .make());
  layers.push_back(Flatten{.name = "g"}.make());
  layers.push_back(Dropout{.rate = 0.3f, .name = "h"}.make());
  layers.push_back(BatchNormalization{.momentum = 0.9f,
                                      .epsilon = 1e-5f,
                                      .center = false,
                                      .scale = false,
                                      .unbiased_running_variance = false,
                                      .name = "i"}
                       .make());
  layers.push_back(ReLU{.name = "j"}.make());
  layers.push_back(Sigmoid{.name = "k"}.make());
  layers.push_back(Tanh{.name = "l"}.make());
  layers.push_back(Softmax{.name = "m"}.make());
  layers.push_back(LogSoftmax{.name = "n"}.make());
  layers.push_back(Add{.name = "o"}.make());
  return layers;
}

TEST_CASE("make_layer reads what config writes, through text") {
  for (const LayerPtr& layer : every_layer()) {
    const json config = json::parse(layer->config().dump());
    CAPTURE(config.dump());
    CHECK(config["kind"] == std::string(layer->kind()));
    const LayerPtr twin = make_layer(config);
    CHECK(twin->kind() == layer->kind());
    CHECK(twin->config() == layer->config());
    CHECK(twin->trailing_activation() == layer->trailing_activation());
  }
}

TEST_CASE("Layer configs hold every field, in plain words") {
  CHECK(Conv2D{.filters = 7, .padding = Padding::same(), .name = "a"}.make()->config() ==
        json::parse(R"({"kind": "Conv2D", "filters": 7, "kernel": [3, 3], "stride": [1, 1], "padding": "same",
                        "activation": "linear", "bias": true, "kernel_initializer": "glorot_uniform",
                        "bias_initializer": "zeros", "name": "a"})"));
  CHECK(MaxPool2D{.pool = {3, 2}}.make()->config() ==
        json::parse(R"({"kind": "MaxPooling2D", "pool": [3, 2], "stride": [3, 2], "padding": "valid", "name": ""})"));
  CHECK(Dropout{.rate = 0.3f}.make()->config().dump() == R"({"kind":"Dropout","name":"","rate":0.3})");
}

TEST_CASE("make_layer: a missing or an unknown field is named") {
  for (const LayerPtr& layer : every_layer()) {
    const json config = layer->config();
    CAPTURE(config.dump());
    for (const auto& item : config.items()) {
      json less = config;
      less.erase(item.key());
      CHECK_ERROR([&] { make_layer(less); }, file, "\"" + item.key() + "\" is missing");
      json wrong = config;
      wrong[item.key()] = json::object();
      CHECK_ERROR([&] { make_layer(wrong); }, file, "\"" + item.key() + "\"");
    }
    json more = config;
    more["dilation"] = 2;
    CHECK_ERROR([&] { make_layer(more); }, file, "\"dilation\" is unknown");
  }
}

TEST_CASE("make_layer: values that cannot be") {
  const json conv = Conv2D{}.make()->config();
  const auto with = [&](const char* field, const json& value) {
    json config = conv;
    config[field] = value;
    return [config] { make_layer(config); };
  };
  CHECK_ERROR(with("kind", "Conv3D"), file, "got \"Conv3D\"");
  for (const json& filters : {json(-1), json(0), json(1.5), json("3"), json(18446744073709551615u), json(1 << 30)}) {
    CHECK_ERROR(with("filters", filters), file, "expected \"filters\" to be an integer from 1 to 1048576");
  }
  for (const json& kernel : {json(3), json{3}, json{3, 3, 3}, json{-3, 3}, json{3, 5000}, json{0.5, 1}}) {
    CHECK_ERROR(with("kernel", kernel), file, "expected \"kernel\" to be 2 integers from 0 to 4096");
  }
  CHECK_ERROR(with("kernel", json{0, 3}), file, "expected a kernel from 1 to 4096 rows and columns, got 0x3");
  CHECK_ERROR(with("padding", "full"), file, "\"padding\"");
  CHECK_ERROR(with("padding", json{1, 1, 1}), file, "\"padding\" to be 4 integers");
  CHECK_ERROR(with("padding", json{3, 0, 0, 0}), file, "below the 3x3 window");
  CHECK_ERROR(with("activation", "gelu"), file, "got \"gelu\"");
  CHECK_ERROR(with("bias", 1), file, "expected \"bias\" to be true or false, got 1");
  CHECK_ERROR(with("kernel_initializer", "magic"), file, "got \"magic\"");
  CHECK_ERROR([] { make_layer(json::array()); }, file, "expected a JSON object, got []");
  CHECK_ERROR([] { make_layer(json{{"kind", 3}}); }, file, "expected \"kind\" to be text, got 3");

  json dropout = Dropout{}.make()->config();
  dropout["rate"] = 1.0;
  CHECK_ERROR([&] { make_layer(dropout); }, file, "while reading layer \"Dropout\"");
  dropout["rate"] = 1e300;
  CHECK_ERROR([&] { make_layer(dropout); }, file, "finite");
}

}  // namespace
}  // namespace curie
