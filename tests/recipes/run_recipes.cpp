// Runs of the recipes beside covid-cnn-64: what each leaves, and that a run can be repeated and resumed to the bit.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cstring>

#include "io/hdf5.h"
#include "io/keras.h"
#include "io/safetensors.h"
#include "recipes/run.h"
#include "support/quiet.h"
#include "support/temporary_folder.h"
#include "support/throws.h"
#include "tensor/files.h"
#include "tensor/log.h"

using namespace curie;

namespace {

namespace fs = std::filesystem;

RunOptions small_run(const std::string& recipe, const fs::path& out, int per_class) {
  RunOptions options;
  options.recipe = recipe;
  options.out = out;
  options.epochs = 2;
  options.device = "cpu";
  options.backend.threads = 2;
  options.use_cache = false;
  options.verbose = Verbosity::silent;
  for (const std::string& name : find_recipe(recipe).classes) options.limits[name] = per_class;
  return options;
}

void check_same_models(const fs::path& one, const fs::path& other) {
  const SafetensorsFile a = read_safetensors(one), b = read_safetensors(other);
  REQUIRE(a.tensors.size() == b.tensors.size());
  for (std::size_t i = 0; i < a.tensors.size(); ++i) {
    CAPTURE(a.tensors[i].name);
    CHECK(std::memcmp(a.tensors[i].tensor.raw(), b.tensors[i].tensor.raw(), a.tensors[i].tensor.bytes()) == 0);
  }
}

bool differ(const fs::path& one, const fs::path& other) { return read_text(one) != read_text(other); }

}  // namespace

TEST_CASE(
    "an augmented run with a learning-rate schedule resumes to the same bytes, and repeats from its configuration") {
  const Quiet quiet;
  const TemporaryFolder folder;
  RunOptions options = small_run("covid-batchnorm-224", folder / "whole", 24);
  options.image_size = 96;
  options.batch_size = 4;
  options.epochs = 3;
  run_recipe(options);
  const nlohmann::json config = nlohmann::json::parse(read_text(folder / "whole" / kConfigFile));
  CHECK(config.at("augmentation").at("rotation") == 45.0);
  CHECK(config.at("image_size") == 96);

  for (const int stop_after : {1, 2}) {
    CAPTURE(stop_after);
    const fs::path out = folder / ("cut" + std::to_string(stop_after));
    options.out = out;
    std::atomic<int> asked{0};
    options.interrupted = [&] { return ++asked > stop_after; };
    CHECK(run_recipe(options).interrupted);
    RunOptions rest = options_of_run(out);
    CHECK(rest.image_size == 96);
    rest.resume = true;
    rest.use_cache = false;
    rest.verbose = Verbosity::silent;
    run_recipe(rest);
    check_same_models(folder / "whole" / kModelFile, out / kModelFile);
    CHECK_FALSE(differ(folder / "whole" / "history.csv", out / "history.csv"));
  }

  RunOptions again = options_of_run(folder / "whole");
  again.out = folder / "again";
  again.use_cache = false;
  again.verbose = Verbosity::silent;
  run_recipe(again);
  check_same_models(folder / "whole" / kModelFile, folder / "again" / kModelFile);

  again.out = folder / "plain";
  again.augment = "none";
  run_recipe(again);
  CHECK(differ(folder / "whole" / "history.csv", folder / "plain" / "history.csv"));
}

TEST_CASE("pneumonia-cnn-70 keeps the best epoch, also as the file that its document names") {
  const Quiet quiet;
  const TemporaryFolder folder;
  RunOptions options = small_run("pneumonia-cnn-70", folder / "run", 30);
  options.image_size = 32;
  const RunOutcome outcome = run_recipe(options);
  const nlohmann::json& best = outcome.metrics.at("best");
  const std::vector<double> accuracy = outcome.history.column("val_accuracy");
  CHECK(best.at("value") == *std::max_element(accuracy.begin(), accuracy.end()));
  CHECK(best.at("monitor") == "val_accuracy");
  CHECK(best.at("test").at("accuracy").get<double>() == doctest::Approx(best.at("value").get<double>()));
  CHECK(outcome.metrics.at("test").at("classes").contains("PNEUMONIA VIRUS"));
  const std::string report = read_text(outcome.report);
  for (const RecipeNote& note : find_recipe("pneumonia-cnn-70").notes) {
    const std::string start = note.title.substr(0, note.title.find('\''));  // apostrophes are escaped
    CHECK(report.find(start) != std::string::npos);
  }
  if (!hdf5_support().present) {
    MESSAGE("model3classes.hdf5 is not looked at: " << hdf5_support().detail);
    return;
  }
  const auto from_keras = load_keras(folder / "run" / "model3classes.hdf5", "cpu").model.state();
  const auto from_best = load_model(folder / "run" / kBestModelFile, "cpu").model.state();
  REQUIRE(from_keras.size() == from_best.size());
  for (std::size_t i = 0; i < from_best.size(); ++i) {
    CHECK(std::memcmp(from_keras[i].second.raw(), from_best[i].second.raw(), from_best[i].second.bytes()) == 0);
  }
}

TEST_CASE("radiography-lenet-128-augmented runs on four classes, and log-probabilities become probabilities") {
  const Quiet quiet;
  const TemporaryFolder folder;
  const RunOutcome outcome = run_recipe(small_run("radiography-lenet-128-augmented", folder / "run", 20));
  CHECK(outcome.history.epochs.size() == 2);
  CHECK(outcome.metrics.at("test").at("classes").size() == 4);
  LoadedModel loaded = load_model(folder / "run" / kModelFile, "cpu");
  CHECK(loaded.model.normalization().stddev == std::vector<double>{0.229, 0.224, 0.225});
  const std::string report = read_text(outcome.report);
  CHECK(report.find("torchvision: rotation 10") != std::string::npos);
}

TEST_CASE("options that a recipe cannot honour are refused before anything is computed") {
  const Quiet quiet;
  const TemporaryFolder folder;
  const auto refused = [&](const std::string& recipe, const std::string& message, auto&& change) {
    RunOptions options = small_run(recipe, folder / "run", 4);
    change(options);
    CAPTURE(message);
    CHECK_ERROR([&] { run_recipe(options); }, usage, message);
    CHECK_FALSE(fs::exists(folder / "run" / kConfigFile));
  };
  refused("covid-cnn-64", "does not augment", [](RunOptions& o) { o.augment = "keras"; });
  refused("radiography-resnet18", "torchvision", [](RunOptions& o) { o.augment = "correct"; });
  refused("covid-basic-180", "keras, correct or none", [](RunOptions& o) { o.augment = "more"; });
  refused("covid-cnn-64", "covid-vgg16-224, radiography-resnet18, covid-vgg16-237",
          [](RunOptions& o) { o.weights = "vgg16.h5"; });
  refused("covid-vgg16-237", "two arrays", [](RunOptions& o) { o.data_x = "X.npy"; });
  refused("covid-vgg16-237", "got both", [](RunOptions& o) {
    o.data = "images";
    o.data_x = o.data_y = "X.npy";
  });
  refused("covid-basic-180", "--image-size: expected from 16 to 2048 pixels, got 8",
          [](RunOptions& o) { o.image_size = 8; });
  refused("covid-basic-180", "--image-size 64: the network of covid-basic-180 needs images of at least 94 x 94 pixels",
          [](RunOptions& o) { o.image_size = 64; });
  refused("pneumonia-cnn-70", "two arrays of the test part", [](RunOptions& o) {
    o.data_x = o.data_y = "X.npy";
    o.test_x = "X_Test.npy";
  });
  refused("pneumonia-cnn-70", "name its arrays with --test-x and --test-y", [](RunOptions& o) {
    o.data_x = o.data_y = "X.npy";
    o.limits.clear();
  });
  refused("covid-cnn-64", "leave out --test-x and --test-y",
          [](RunOptions& o) { o.data_x = o.data_y = o.test_x = o.test_y = "X.npy"; });
  refused("covid-cnn-64", "balanced", [](RunOptions& o) {
    o.balanced_classes = true;
    o.class_weights = {{"COVID", 2}};
  });
  refused("covid-basic-180", "phantoms have no patients", [](RunOptions& o) { o.by_patient = true; });
}
