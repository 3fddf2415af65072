#include "recipes/recipe.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "model/summary.h"
#include "support/throws.h"

using namespace curie;

namespace {

// One row of the document's (or Keras') summary table.
struct Row {
  std::string name;
  Shape output;
  std::size_t parameters;
  friend bool operator==(const Row&, const Row&) = default;
};

std::ostream& operator<<(std::ostream& out, const Row& row) {
  return out << row.name << " " << to_string(row.output) << " " << row.parameters;
}

std::vector<Row> rows_of(const Graph& graph) {
  std::vector<Row> rows;
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
    const Node& node = graph.nodes()[i];
    if (!node.hidden) rows.push_back({node.name, graph.shape(node.output), count_parameters(node).total});
  }
  return rows;
}

void check_rows(const std::string& recipe, const std::vector<Row>& expected) {
  CAPTURE(recipe);
  const Model model = find_recipe(recipe).build(1);
  const std::vector<Row> found = rows_of(model.graph());
  REQUIRE(found.size() == expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) CHECK(found[i] == expected[i]);
}

void check_counts(const std::string& recipe, std::size_t total, std::size_t trainable) {
  CAPTURE(recipe);
  const Model model = find_recipe(recipe).build(1);
  CHECK(count_parameters(model.graph()).total == total);
  CHECK(count_parameters(model.graph()).trainable == trainable);
  CHECK(model.summary().find("Total params: " + with_commas(total)) != std::string::npos);
  CHECK(model.summary().find("Trainable params: " + with_commas(trainable)) != std::string::npos);
}

}  // namespace

TEST_CASE("recipes have names of their own, classes, phantoms for each class and a model that fits their images") {
  std::set<std::string> names;
  for (const Recipe& recipe : all_recipes()) {
    CAPTURE(recipe.name);
    CHECK(names.insert(recipe.name).second);
    CHECK(recipe.classes.size() >= 2);
    CHECK(recipe.phantoms.size() == recipe.classes.size());
    const Model model = recipe.build(1);
    CHECK(model.graph().input_shape() == recipe.preprocessing.shape());
    const Shape outputs = model.graph().shape(model.graph().output());
    CHECK(outputs == Shape{recipe.classes.size() == 2 ? 1 : static_cast<int>(recipe.classes.size())});
    CHECK_FALSE(recipe.title.empty());
    CHECK_FALSE(recipe.document.empty());
    CHECK_FALSE(recipe.description.empty());
    CHECK_FALSE(recipe.notes.empty());
  }
}

TEST_CASE("an unknown recipe is answered with the nearest") {
  CHECK_ERROR([] { find_recipe("covid-cn-64"); }, usage, "did you mean \"covid-cnn-64\"");
  CHECK(find_recipe("covid-cnn-64").batch_size == 256);
}

TEST_CASE("covid-cnn-64 is the document's network") {
  const Recipe& recipe = find_recipe("covid-cnn-64");
  check_counts(recipe.name, 645697, 645697);
  CHECK(recipe.epochs == 50);
  CHECK(recipe.early_stopping.patience == 4);
}

TEST_CASE("pneumonia-cnn-70 is the document's network") {
  const Recipe& recipe = find_recipe("pneumonia-cnn-70");
  check_counts(recipe.name, 1059235, 1059235);
  check_rows(recipe.name, {{"conv2d", {68, 68, 32}, 896},
                           {"max_pooling2d", {34, 34, 32}, 0},
                           {"conv2d_1", {32, 32, 32}, 9248},
                           {"max_pooling2d_1", {16, 16, 32}, 0},
                           {"dropout", {16, 16, 32}, 0},
                           {"flatten", {8192}, 0},
                           {"dense", {128}, 1048704},
                           {"dropout_1", {128}, 0},
                           {"dense_1", {3}, 387}});
  CHECK(recipe.epochs == 50);
  CHECK(recipe.batch_size == 32);
  const nlohmann::json optimizer = recipe.compile().optimizer.get()->config();
  CHECK(optimizer.at("momentum").get<float>() == 0.9f);
  CHECK(optimizer.at("decay").get<float>() == 0.01f / 50);
}

TEST_CASE("the experiments of document 002 are its networks") {
  check_counts("covid-basic-180", 156417, 156417);
  check_rows("covid-basic-180", {{"conv2d", {178, 178, 32}, 320},
                                 {"max_pooling2d", {89, 89, 32}, 0},
                                 {"conv2d_1", {87, 87, 32}, 9248},
                                 {"max_pooling2d_1", {43, 43, 32}, 0},
                                 {"conv2d_2", {41, 41, 32}, 9248},
                                 {"max_pooling2d_2", {20, 20, 32}, 0},
                                 {"conv2d_3", {18, 18, 64}, 18496},
                                 {"max_pooling2d_3", {9, 9, 64}, 0},
                                 {"conv2d_4", {7, 7, 64}, 36928},
                                 {"max_pooling2d_4", {3, 3, 64}, 0},
                                 {"flatten", {576}, 0},
                                 {"dense", {128}, 73856},
                                 {"dense_1", {64}, 8256},
                                 {"dense_2", {1}, 65}});
  check_counts("covid-dropout-224", 287489, 287489);
  check_counts("covid-batchnorm-224", 288065, 287489);
  check_rows("covid-batchnorm-224", {{"conv2d", {222, 222, 32}, 320},
                                     {"max_pooling2d", {111, 111, 32}, 0},
                                     {"conv2d_1", {109, 109, 32}, 9248},
                                     {"max_pooling2d_1", {54, 54, 32}, 0},
                                     {"conv2d_2", {52, 52, 32}, 9216},
                                     {"batch_normalization", {52, 52, 32}, 96},
                                     {"re_lu", {52, 52, 32}, 0},
                                     {"max_pooling2d_2", {26, 26, 32}, 0},
                                     {"conv2d_3", {24, 24, 64}, 18432},
                                     {"batch_normalization_1", {24, 24, 64}, 192},
                                     {"re_lu_1", {24, 24, 64}, 0},
                                     {"max_pooling2d_3", {12, 12, 64}, 0},
                                     {"conv2d_4", {10, 10, 64}, 36864},
                                     {"batch_normalization_2", {10, 10, 64}, 192},
                                     {"re_lu_2", {10, 10, 64}, 0},
                                     {"max_pooling2d_4", {5, 5, 64}, 0},
                                     {"flatten", {1600}, 0},
                                     {"dense", {128}, 204800},
                                     {"batch_normalization_3", {128}, 384},
                                     {"re_lu_3", {128}, 0},
                                     {"dense_1", {64}, 8256},
                                     {"dropout", {64}, 0},
                                     {"dense_2", {1}, 65}});
  CHECK(find_recipe("covid-basic-180").batch_size == 20);
  CHECK(find_recipe("covid-dropout-224").batch_size == 15);
  const LearningRateScheduler scheduler = find_recipe("covid-batchnorm-224").learning_rate_scheduler.value();
  CHECK(scheduler.schedule(0, 1.0f) == 0.01f);
  CHECK(scheduler.schedule(1, 0.01f) == doctest::Approx(0.006));
  CHECK(scheduler.schedule(24, 1.0f) == doctest::Approx(0.01 * 4.738381338321617e-06));
}

TEST_CASE("the networks of document 003 are its networks") {
  for (const char* name : {"radiography-lenet-128", "radiography-lenet-128-augmented"}) {
    check_counts(name, 9826, 9826);
    check_rows(name, {{"conv2d", {124, 124, 6}, 456},
                      {"max_pooling2d", {15, 15, 6}, 0},
                      {"conv2d_1", {11, 11, 16}, 2416},
                      {"max_pooling2d_1", {1, 1, 16}, 0},
                      {"flatten", {16}, 0},
                      {"dense", {100}, 1700},
                      {"dense_1", {50}, 5050},
                      {"dense_2", {4}, 204}});
  }
  const Recipe& recipe = find_recipe("radiography-lenet-128");
  CHECK(recipe.epochs == 10);
  CHECK(recipe.build(1).normalization().mean == std::vector<double>{0.485, 0.456, 0.406});
}

TEST_CASE("VGG16 under a head is the documents' network, frozen but for the head") {
  for (const int size : {224, 237}) {
    const std::string name = "covid-vgg16-" + std::to_string(size);
    check_counts(name, 14747585, 32897);
    const Model model = find_recipe(name).build(1);
    const std::vector<Row> rows = rows_of(model.graph());
    const std::vector<Row> head(rows.end() - 5, rows.end());
    CHECK(rows.front() == Row{"block1_conv1", {size, size, 64}, 1792});
    CHECK(head == std::vector<Row>{{"average_pooling2d", {1, 1, 512}, 0},
                                   {"flatten", {512}, 0},
                                   {"dense", {64}, 32832},
                                   {"dropout", {64}, 0},
                                   {"dense_1", {1}, 65}});
  }
  CHECK(find_recipe("covid-vgg16-237").split_seed == 40);
  CHECK(find_recipe("covid-vgg16-237").batch_size == 8);
}

TEST_CASE("radiography-resnet18 is torchvision's ResNet18 with four outputs") {
  check_counts("radiography-resnet18", 11178564 + 9600, 11178564);
  const Model model = find_recipe("radiography-resnet18").build(1);
  const std::vector<Row> rows = rows_of(model.graph());
  CHECK(rows.front() == Row{"conv1", {64, 64, 64}, 9408});
  CHECK(rows.back() == Row{"fc", {4}, 2052});
}

TEST_CASE("an image too small for a recipe's network is refused with the network's name") {
  for (const Recipe& known : all_recipes()) {
    if (known.name == "radiography-resnet18") continue;  // its padded layers reach down to a single pixel
    Recipe recipe = known;
    recipe.preprocessing.width = recipe.preprocessing.height = 5;
    CAPTURE(recipe.name);
    CHECK_ERROR([&] { recipe.build(1); }, usage, recipe.name);
  }
  Recipe vgg16 = find_recipe("covid-vgg16-224");
  vgg16.preprocessing.width = vgg16.preprocessing.height = 127;  // 127 / 32 = 3 pixels, the head's pool wants 4
  CHECK_ERROR([&] { vgg16.build(1); }, usage, "4");
}
