// Models of other programs in the commands that use one: what their files do not tell is told by options or guessed
// aloud.
#include <doctest/doctest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "program.h"

using namespace curie;
using namespace curie::test;

namespace {

namespace fs = std::filesystem;

const std::string kKeras = std::string(CURIE_TEST_DATA) + "/keras/";
const fs::path kImages = fs::path(CURIE_TEST_DATA) / "images";
const std::string kImage = (kImages / "rgb8.png").string();

bool reads_keras(const TemporaryFolder& folder) {
  const bool reads = contains(run_curie(folder, {"info"}).out, "Keras files   yes");
  if (!reads) MESSAGE("skipped: this build is without HDF5");
  return reads;
}

std::vector<std::string> joined(std::vector<std::string> words, const std::vector<std::string>& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

// What `curie predict --json` says about the image: probability by class.
nlohmann::json probabilities(const TemporaryFolder& folder, const std::string& model,
                             const std::vector<std::string>& options = {}) {
  const Result result = run_curie(folder, joined({"predict", model, kImage, "--json"}, options));
  REQUIRE_MESSAGE(result.status == 0, result.err);
  const nlohmann::json parsed = nlohmann::json::parse(result.out);
  return parsed.at(0).at("probabilities");
}

}  // namespace

TEST_CASE("Keras' files are used as they are: every form, and as a converted model says") {
  const TemporaryFolder folder;
  if (!reads_keras(folder)) return;
  fs::copy_file(kKeras + "keras2_sequential.h5", folder / "m.hdf5");
  for (const std::string& model : {kKeras + "keras2_residual.h5", kKeras + "keras3_nested.h5",
                                   kKeras + "keras3_nested.keras", (folder / "m.hdf5").string()}) {
    CAPTURE(model);
    const Result guessed = run_curie(folder, {"predict", model, kImage});
    CHECK(guessed.status == 0);
    CHECK(contains(guessed.out, "class "));
    CHECK(contains(guessed.err, "does not say how images become its input"));
    const std::string classes = contains(model, "residual") ? "Normal,COVID,Viral Pneumonia" : "Normal,COVID";
    const std::vector<std::string> told = {"--classes",       classes, "--resample",  "bilinear",
                                           "--channel-order", "bgr",   "--divide-by", "127.5",
                                           "--mean",          "1,1,1", "--stddev",    "1,0.5,2"};
    const Result silent = run_curie(folder, joined({"predict", model, kImage}, told));
    REQUIRE_MESSAGE(silent.status == 0, silent.err);
    CHECK(silent.err.empty());
    REQUIRE(run_curie(folder, joined({"convert", model, "m.safetensors", "--to", "curie", "--force"}, told)).status ==
            0);
    const nlohmann::json expected = probabilities(folder, "m.safetensors");
    CHECK(expected.contains("COVID"));
    CHECK(probabilities(folder, model, told) == expected);
  }
}

TEST_CASE("each option reaches the model") {
  const TemporaryFolder folder;
  if (!reads_keras(folder)) return;
  const std::string model = kKeras + "keras3_sequential.keras";
  const nlohmann::json guessed = probabilities(folder, model);
  using Words = std::vector<std::string>;
  for (const Words& option :
       {Words{"--resample", "nearest"}, Words{"--channel-order", "bgr"}, Words{"--divide-by", "100"},
        Words{"--mean", ".4,.5,.6"}, Words{"--stddev", ".2,.2,.3"}}) {
    CAPTURE(option[0]);
    CHECK(probabilities(folder, model, option) != guessed);
  }
  const nlohmann::json as_recipe = probabilities(folder, model, {"--recipe", "covid-vgg16-237"});
  CHECK(as_recipe == probabilities(folder, model,
                                   {"--classes", "NORMAL,COVID", "--resample", "opencv_linear", "--divide-by", "255"}));
}

TEST_CASE("evaluate needs the classes' names, summary and explain tell what is guessed") {
  const TemporaryFolder folder;
  if (!reads_keras(folder)) return;
  const std::string model = kKeras + "keras3_sequential.keras";
  for (const char* file : {"A/grey8.png", "A/rgb8.png", "B/rgb420.jpg"}) {
    fs::create_directories((folder / "data" / file).parent_path());
    fs::copy_file(kImages / fs::path(file).filename(), folder / "data" / file);
  }
  Result result = run_curie(folder, {"evaluate", model, "--data", "data"});
  CHECK(result.status == 2);
  CHECK(contains(result.err, "which output stands for which class"));
  CHECK(contains(result.err, "data holds A, B"));
  result = run_curie(folder, {"evaluate", model, "--data", "data", "--classes", "A,B", "--json"});
  REQUIRE_MESSAGE(result.status == 0, result.err);
  CHECK(nlohmann::json::parse(result.out).at("classes").at("A").at("support") == 2);
  CHECK_FALSE(contains(result.err, "--classes"));

  result = run_curie(folder, {"summary", model});
  CHECK(contains(result.out, "Classes (assumed): 0 = class 0 1 = class 1"));
  CHECK(contains(result.out, "Preprocessing (assumed): "));
  result = run_curie(folder, {"summary", model, "--recipe", "covid-vgg16-237"});
  CHECK(contains(result.out, "Classes: 0 = NORMAL 1 = COVID"));
  CHECK(contains(result.out, "RGB, opencv_linear"));
  result = run_curie(folder, {"explain", model, kImage, "--classes", "Normal,COVID", "--class", "COVID", "--out", "e"});
  REQUIRE_MESSAGE(result.status == 0, result.err);
  CHECK(fs::exists(folder / "e" / "explain.html"));
}

TEST_CASE("weights alone go into a recipe's network; contradictions are named") {
  const TemporaryFolder folder;
  if (!reads_keras(folder)) return;
  const std::string weights = kKeras + "keras3_backbone.weights.h5", nested = kKeras + "keras3_nested.keras";
  const auto refused = [&](const std::vector<std::string>& words, int status, const char* text) {
    CAPTURE(text);
    const Result result = run_curie(folder, words);
    CHECK(result.status == status);
    CHECK(result.out.empty());
    CHECK_MESSAGE(contains(result.err, text), result.err);
  };
  refused({"predict", weights, kImage}, 1, "--recipe NAME puts them into that recipe's network");
  refused({"predict", weights, kImage, "--recipe", "covid-cnn-64"}, 1, "layer \"conv2d\" is missing");
  refused({"predict", nested, kImage, "--recipe", "covid-basic-180"}, 2, "expected a model of images with 1 channel");
  refused({"predict", nested, kImage, "--classes", "a,b,c"}, 2, "tells 2 classes apart, got 3");
  refused({"predict", nested, kImage, "--mean", ".5"}, 2, "one value for each of 3 channels, got 1");
  refused({"predict", kKeras + "keras3_rescaled.keras", kImage, "--divide-by", "7"}, 2, "Rescaling");
  refused({"predict", nested, kImage, "--resample", "cubic"}, 2, "bicubic");
  refused({"summary", "nothing.h5"}, 1, "nothing.h5");
  REQUIRE(run_curie(folder, {"convert", nested, "own.safetensors", "--to", "curie"}).status == 0);
  refused({"predict", "own.safetensors", kImage, "--resample", "nearest"}, 2, "leave out --recipe, --resample");

  // A recipe's weights alone, as PyTorch's users keep them.
  REQUIRE(run_curie(folder, {"train", "--limit", "Normal=40", "--limit", "COVID=40", "--epochs", "1", "--out", "run"})
              .status == 0);
  REQUIRE(run_curie(folder, {"convert", "run", "run.h5", "--to", "keras"}).status == 0);
  const nlohmann::json expected = probabilities(folder, "run");
  CHECK(probabilities(folder, "run.h5") == expected);
  CHECK(probabilities(folder, "run.h5", {"--classes", "well,ill"}).at("ill") == expected.at("COVID"));
}
