// What options of curie train change in the numbers, not only in the configuration.
#include <doctest/doctest.h>

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "program.h"
#include "support/event_reader.h"

using namespace curie;
using namespace curie::test;

namespace {

namespace fs = std::filesystem;

// Phantoms, 24 Normal and 6 COVID in the training part: every epoch is one step.
Result train(const TemporaryFolder& folder, const char* out, int epochs, const std::vector<std::string>& more) {
  std::vector<std::string> words = {"train",
                                    "--recipe",
                                    "covid-basic-180",
                                    "--image-size",
                                    "96",
                                    "--limit",
                                    "COVID=24",
                                    "--limit",
                                    "Normal=48",
                                    "--batch-size",
                                    "30",
                                    "--epochs",
                                    std::to_string(epochs),
                                    "--device",
                                    "cpu",
                                    "--threads",
                                    "1",
                                    "--out",
                                    out};
  words.insert(words.end(), more.begin(), more.end());
  return run_curie(folder, words);
}

// One epoch's logs after another.
std::vector<std::map<std::string, double>> history(const TemporaryFolder& folder, const char* out) {
  std::vector<std::map<std::string, double>> epochs;
  const auto json = nlohmann::json::parse(read_text(folder / out / "history.json"));
  for (const nlohmann::json& epoch : json.at("epochs")) {
    auto& logs = epochs.emplace_back();
    for (const nlohmann::json& log : epoch.at("logs"))
      logs.emplace(log.at(0).get<std::string>(), log.at(1).get<double>());
  }
  return epochs;
}

}  // namespace

TEST_CASE("the loss of the first step is the sum of the classes' losses, each times its weight") {
  const TemporaryFolder folder;
  const auto loss = [&](const char* out, const std::vector<std::string>& weights) {
    const Result result = train(folder, out, 1, weights);
    REQUIRE(result.status == 0);
    return history(folder, out).at(0).at("loss");
  };
  const double plain = loss("plain", {});
  const double normal = loss("normal", {"--class-weights", "Normal=2"}) - plain;
  const double covid = loss("covid", {"--class-weights", "Normal=1", "--class-weights", "COVID=2"}) - plain;
  CHECK(normal > 3 * covid);  // 24 samples beside 6, of a model that knows nothing yet
  CHECK(normal + covid == doctest::Approx(plain).epsilon(1e-5));
  const double balanced = loss("balanced", {"--class-weights", "balanced"});
  CHECK(balanced == doctest::Approx(30.0 / (2 * 24) * normal + 30.0 / (2 * 6) * covid).epsilon(1e-5));
  const auto config = nlohmann::json::parse(read_text(folder / "balanced/config.json"));
  CHECK(config.at("class_weights") == "balanced");
}

TEST_CASE("TensorBoard's files hold the numbers of the run's history") {
  const TemporaryFolder folder;
  REQUIRE(train(folder, "run", 3, {"--tensorboard", "board"}).status == 0);
  const auto epochs = history(folder, "run");
  REQUIRE(epochs.size() == 3);
  for (const std::string part : {"train", "validation"}) {
    const std::vector<fs::path> files = files_in(folder / ("board/" + part));
    REQUIRE(files.size() == 1);
    const auto summaries = summaries_of(files[0]);
    for (const std::string name : {"loss", "accuracy"}) {
      CAPTURE(part);
      CAPTURE(name);
      const std::vector<Summary>& found = summaries.at("epoch_" + name);
      REQUIRE(found.size() == 3);
      for (std::size_t epoch = 0; epoch < 3; ++epoch) {
        CHECK(found[epoch].step == static_cast<std::int64_t>(epoch));
        const double wanted = epochs[epoch].at(part == "train" ? name : "val_" + name);
        CHECK(as<float>(only(found[epoch].value, 2)) == static_cast<float>(wanted));
      }
    }
  }
}
