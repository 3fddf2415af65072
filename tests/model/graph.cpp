#include "model/graph.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "model/model.h"
#include "model/summary.h"
#include "recipes/recipe.h"
#include "support/throws.h"

using namespace curie;
using curie::test::error_message;

TEST_CASE("names follow Keras") {
  CHECK(snake_case("Conv2D") == "conv2d");
  CHECK(snake_case("MaxPooling2D") == "max_pooling2d");
  CHECK(snake_case("GlobalAveragePooling2D") == "global_average_pooling2d");
  CHECK(snake_case("BatchNormalization") == "batch_normalization");
  CHECK(snake_case("ReLU") == "re_lu");
  CHECK(snake_case("Dense") == "dense");
}

TEST_CASE("layers of one kind are numbered, and an activation that is not fused becomes a hidden node") {
  Graph graph({8}, 1);
  int value = graph.add(Dense{.units = 4, .activation = Activation::relu}.make(), {0});
  value = graph.add(Dense{.units = 3, .activation = Activation::softmax}.make(), {value});
  REQUIRE(graph.nodes().size() == 3);
  CHECK(graph.nodes()[0].name == "dense");
  CHECK(graph.nodes()[1].name == "dense_1");
  CHECK(graph.nodes()[2].hidden);
  CHECK(graph.last_activation() == Activation::softmax);
  CHECK(graph.logits() == graph.nodes()[1].output);
  CHECK(graph.output() == value);
}

TEST_CASE("a layer that does not fit says where it stands") {
  Sequential model({4, 4, 1});
  const std::string message = error_message([&] { model.add(Conv2D{.filters = 2, .kernel = 5, .name = "big"}); });
  CHECK(message.find("5") != std::string::npos);
  CHECK(message.find("adding layer \"big\"") != std::string::npos);
  CHECK_THROWS_AS(model.apply(Flatten{}, {9}), Error);
  model.add(Flatten{.name = "same"});
  CHECK(error_message([&] { model.add(Dense{.units = 1, .name = "same"}); }).find("\"same\"") != std::string::npos);
}

TEST_CASE("the summary has the document's rows, shapes and counts") {
  const Model model = find_recipe("covid-cnn-64").build(1);
  const std::string expected =
      "Model: \"sequential\"\n"
      "_________________________________________________________________\n"
      "Layer (type)                 Output Shape              Param #\n"
      "=================================================================\n"
      "conv2d (Conv2D)              (None, 62, 62, 32)        320\n"
      "_________________________________________________________________\n"
      "max_pooling2d (MaxPooling2D) (None, 31, 31, 32)        0\n"
      "_________________________________________________________________\n"
      "dropout (Dropout)            (None, 31, 31, 32)        0\n"
      "_________________________________________________________________\n"
      "conv2d_1 (Conv2D)            (None, 29, 29, 64)        18496\n"
      "_________________________________________________________________\n"
      "max_pooling2d_1 (MaxPooling2 (None, 14, 14, 64)        0\n"
      "_________________________________________________________________\n"
      "dropout_1 (Dropout)          (None, 14, 14, 64)        0\n"
      "_________________________________________________________________\n"
      "conv2d_2 (Conv2D)            (None, 12, 12, 64)        36928\n"
      "_________________________________________________________________\n"
      "flatten (Flatten)            (None, 9216)              0\n"
      "_________________________________________________________________\n"
      "dense (Dense)                (None, 64)                589888\n"
      "_________________________________________________________________\n"
      "dropout_2 (Dropout)          (None, 64)                0\n"
      "_________________________________________________________________\n"
      "dense_1 (Dense)              (None, 1)                 65\n"
      "=================================================================\n"
      "Total params: 645,697\n"
      "Trainable params: 645,697\n"
      "Non-trainable params: 0\n"
      "_________________________________________________________________\n";
  CHECK(summary_table(model.graph(), model.name()) == expected);
}

TEST_CASE("numbers for people") {
  CHECK(with_commas(0) == "0");
  CHECK(with_commas(999) == "999");
  CHECK(with_commas(1000) == "1,000");
  CHECK(with_commas(14747585) == "14,747,585");
  CHECK(human_bytes(1023) == "1023 B");
  CHECK(human_bytes(645697 * 4) == "2.46 MB");
}

TEST_CASE("a model's description makes an equal model") {
  Model model({6, 6, 3}, 1, "net");
  const int stem = model.apply(Conv2D{.filters = 4, .kernel = 3, .padding = Padding::same()}, {Model::kInput});
  const int norm = model.apply(BatchNormalization{.scale = false}, {stem});
  const int sum = model.apply(Add{.name = "shortcut"}, {stem, norm});
  model.apply(Dense{.units = 2, .activation = Activation::softmax},
              {model.apply(GlobalAveragePool2D{}, {model.apply(ReLU{}, {sum})})});
  model.set_normalization({.divisor = 255.0, .mean = {.4, .5, .6}, .stddev = {.2, .2, .3}});
  const Model copy = Model::from_config(model.config());
  CHECK(copy.config() == model.config());
  CHECK(summary_table(copy.graph(), copy.name()) == summary_table(model.graph(), model.name()));
  const ParameterCounts counts = count_parameters(model.graph());
  CHECK(counts.total == 3 * 3 * 3 * 4 + 4 + 3 * 4 + 4 * 2 + 2);
  CHECK(counts.total - counts.trainable == 8);
  nlohmann::json damaged = model.config();
  damaged["layers"][0]["inputs"] = {77};
  CHECK_THROWS_AS(Model::from_config(damaged), Error);
  damaged.erase("layers");
  CHECK_THROWS_AS(Model::from_config(damaged), Error);
}

TEST_CASE("layers are frozen by name, by the beginning of their names, or from the input up") {
  Sequential model({8, 8, 1});
  model.add(Conv2D{.filters = 2, .kernel = 3})
      .add(Conv2D{.filters = 2, .kernel = 3})
      .add(Flatten{})
      .add(Dense{.units = 2, .activation = Activation::softmax});
  const auto learning = [&] {
    std::string names;
    for (const Node& node : model.graph().nodes())
      names += node.layer->trainable() && !node.hidden ? node.name + " " : "";
    return names;
  };
  model.freeze("conv2d");  // a layer's own name: not conv2d_1
  CHECK(learning() == "conv2d_1 flatten dense ");
  model.freeze("conv");
  CHECK(learning() == "flatten dense ");
  model.set_trainable("conv2d_1", true);
  CHECK(learning() == "conv2d_1 flatten dense ");
  model.freeze_through("conv2d_1");
  CHECK(learning() == "flatten dense ");
  CHECK(error_message([&] { model.freeze("block"); }) ==
        "model: no layer is named \"block\" and no layer's name begins so; there are conv2d, conv2d_1, flatten, dense");
  CHECK(error_message([&] { model.freeze_through("conv"); }).find("no layer is named \"conv\"") != std::string::npos);

  const Model twin = Model::from_config(nlohmann::json::parse(model.config().dump()));
  CHECK(twin.config() == model.config());
  CHECK(count_parameters(twin.graph()).trainable == 66);
}
