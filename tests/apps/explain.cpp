// curie explain and curie compare, as a user runs them after training.
#include <doctest/doctest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "program.h"
#include "support/temporary_folder.h"
#include "tensor/files.h"

using namespace curie;
using namespace curie::test;

namespace {

namespace fs = std::filesystem;

std::vector<std::string> tiny_training(const std::string& out, const std::string& seed) {
  return {"train", "--limit",   "Normal=120", "--limit", "COVID=50", "--epochs", "2", "--batch-size",
          "32",    "--threads", "2",          "--seed",  seed,       "--out",    out};
}

const std::string kImage = std::string(CURIE_TEST_DATA) + "/images/grey8.png";

bool is_png(const fs::path& path) { return read_text(path).substr(1, 3) == "PNG"; }

}  // namespace

TEST_CASE("explain and compare tell about finished runs; what they cannot use is a clear error") {
  const TemporaryFolder folder;
  for (const char* seed : {"1", "2"}) {
    const Result trained = run_curie(folder, tiny_training(std::string("run") + seed, seed));
    REQUIRE_MESSAGE(trained.status == 0, trained.err);
  }
  const std::string report = read_text(folder / "run1" / "report.html");
  CHECK(contains(report, "with intervals of 95"));
  CHECK(contains(report, "Contact sheet"));
  CHECK(contains(report, "chosen on the validation part"));
  const nlohmann::json metrics = nlohmann::json::parse(read_text(folder / "run1" / "metrics.json"));
  CHECK(metrics.at("test").at("figures").at("roc_auc").at("low").is_number());

  SUBCASE("explain") {
    const Result explained =
        run_curie(folder, {"explain", "run1", kImage, kImage, "--out", "looked", "--occlusion", "4"});
    REQUIRE_MESSAGE(explained.status == 0, explained.err);
    CHECK(contains(explained.out, "grey8.png: "));
    CHECK(contains(explained.out, "Not a diagnosis"));
    CHECK(contains(explained.out, "looked/explain.html"));
    for (const char* name : {"input.png", "grad-cam.png", "occlusion.png", "gradient.png", "layer-01-conv2d.png"}) {
      CAPTURE(name);
      CHECK(is_png(folder / "looked" / "01-grey8" / name));
      CHECK(is_png(folder / "looked" / "02-grey8" / name));
    }
    CHECK(is_png(folder / "looked" / "filters-03-conv2d_2.png"));
    const std::string page = read_text(folder / "looked" / "explain.html");
    CHECK(contains(page, "Grad-CAM of conv2d_2"));
    CHECK(contains(page, "The model says"));
    CHECK(contains(page, "weights"));
    const Result again = run_curie(folder, {"explain", "run1", kImage, "--out", "looked", "--occlusion", "0"});
    CHECK(again.status == 2);
    CHECK(contains(again.err, "the folder holds files already"));

    const Result json = run_curie(folder, {"explain", "run1/best.safetensors", kImage, "--out", "other", "--layer",
                                           "conv2d_1", "--class", "COVID", "--occlusion", "0", "--json"});
    REQUIRE_MESSAGE(json.status == 0, json.err);
    const nlohmann::json result = nlohmann::json::parse(json.out);
    CHECK(result.at("images").at(0).at("explained") == "COVID");
    CHECK(result.at("images").at(0).at("probabilities").size() == 2);
    CHECK_FALSE(fs::exists(folder / "other" / "01-grey8" / "occlusion.png"));
    CHECK(contains(read_text(folder / "other" / "explain.html"), "Grad-CAM of conv2d_1"));

    const std::vector<std::pair<std::vector<std::string>, std::string>> mistakes = {
        {{"explain", "run1", kImage, "--layer", "conv2d_9"}, "no layer \"conv2d_9\""},
        {{"explain", "run1", kImage, "--layer", "dense"}, "choose a convolution"},
        {{"explain", "run1", kImage, "--class", "COVIT"}, "did you mean \"COVID\""},
        {{"explain", "run1", "nowhere.png"}, "nowhere.png"},
        {{"explain", "nothing", kImage}, "nothing"},
        {{"explain", "run1", kImage, "--out", "run1/config.json"}, "config.json"}};
    for (const auto& mistake : mistakes) {
      CAPTURE(mistake.second);
      const Result refused = run_curie(folder, mistake.first);
      CHECK((refused.status == 1 || refused.status == 2));
      CHECK(contains(refused.err, mistake.second));
      CHECK(refused.out.empty());
    }
  }
  SUBCASE("compare") {
    const Result compared = run_curie(folder, {"compare", "run1", "run2", "--out", "compared.html"});
    REQUIRE_MESSAGE(compared.status == 0, compared.err);
    for (const char* part :
         {"run1", "run2", "Test accuracy", "ROC-AUC", "Matthews", "seed", "truth \\ predicted", "synthetic phantoms"}) {
      CAPTURE(part);
      CHECK(contains(compared.out, part));
    }
    CHECK(contains(read_text(folder / "compared.html"), "2 runs beside each other"));
    CHECK(run_curie(folder, {"compare", "run1", "run2", "--out", "compared.html"}).status == 2);
    CHECK(run_curie(folder, {"compare", "run1", "run2", "--out", "compared.html", "--force"}).status == 0);
    const std::string kept = read_text(folder / "run2/metrics.json");
    CHECK(run_curie(folder, {"compare", "run1", "run2", "--out", "run2/metrics.json", "--force"}).status == 2);
    CHECK(read_text(folder / "run2/metrics.json") == kept);
    const nlohmann::json json = nlohmann::json::parse(run_curie(folder, {"compare", "run1", "run2", "--json"}).out);
    CHECK(json.at("runs").size() == 2);
    CHECK(json.at("runs").at(0).at("history").size() == 2);
    CHECK(json.at("differences").contains("seed"));
    CHECK(run_curie(folder, {"compare", "run1"}).status == 2);
    const Result nothing = run_curie(folder, {"compare", "run1", "nothing"});
    CHECK(nothing.status == 1);
    CHECK(contains(nothing.err, "nothing: not the folder of a run"));
  }
}
