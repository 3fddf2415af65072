// The figures of `curie evaluate`, thresholds chosen and applied, for people and for programs.
#include <doctest/doctest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "program.h"
#include "support/temporary_folder.h"

using namespace curie;
using namespace curie::test;

namespace {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

// A bitmap of 8 x 8 pixels of 24 bits, its greys growing by `step` from `first`.
std::string bitmap(int first, int step) {
  std::string bmp = "BM";
  const auto put = [&bmp](std::uint32_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) bmp += static_cast<char>(value >> (8 * i) & 0xff);
  };
  for (const std::uint32_t value : {54u + 192u, 0u, 54u, 40u, 8u, 8u}) put(value, 4);
  put(1, 2);
  put(24, 2);
  for (const std::uint32_t value : {0u, 192u, 0u, 0u, 0u, 0u}) put(value, 4);
  for (int i = 0; i < 64; ++i) bmp += std::string(3, static_cast<char>((first + i * step) & 0xff));
  return bmp;
}

// `each` images of each class; two neighbours are one patient where `patients` are told.
void put_images(const TemporaryFolder& folder, const Words& classes, int each, bool patients) {
  std::string table = "file,patient\n";
  for (std::size_t c = 0; c < classes.size(); ++c) {
    fs::create_directories(folder / "images" / classes[c]);
    for (int i = 0; i < each; ++i) {
      const std::string file = classes[c] + "/" + std::to_string(i) + ".bmp";
      folder.put("images/" + file, bitmap(37 * i + 90 * static_cast<int>(c), 1 + i % 4));
      table += file + "," + classes[c] + std::to_string(i / 2) + "\n";
    }
  }
  if (patients) folder.put("images/metadata.csv", table);
}

void train(const TemporaryFolder& folder, const std::string& recipe, const Words& classes) {
  Words words{"train", "--recipe", recipe, "--epochs", "1", "--threads", "2", "--out", "run"};
  for (const std::string& name : classes) words.insert(words.end(), {"--limit", name + "=40"});
  const Result trained = run_curie(folder, words);
  REQUIRE_MESSAGE(trained.status == 0, trained.err);
}

Words with(Words words, const Words& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

const Words kEvaluate{"evaluate", "run", "--data", "images", "--draws", "50"};

nlohmann::json evaluated(const TemporaryFolder& folder, const Words& more) {
  const Result result = run_curie(folder, with(with(kEvaluate, more), {"--json"}));
  REQUIRE_MESSAGE(result.status == 0, result.err);
  return nlohmann::json::parse(result.out);
}

void refused(const TemporaryFolder& folder, const Words& words, const std::string& message) {
  CAPTURE(message);
  const Result result = run_curie(folder, words);
  CHECK(result.status == 2);
  CHECK(result.out.empty());
  CHECK_MESSAGE(contains(result.err, message), result.err);
}

}  // namespace

TEST_CASE("evaluate tells every figure, by image and by patient, and a threshold that predict applies") {
  const TemporaryFolder folder;
  const Words classes{"Normal", "COVID"};
  train(folder, "covid-cnn-64", classes);
  put_images(folder, classes, 8, true);

  const nlohmann::json json = evaluated(folder, {"--sensitivity", "1"});
  for (const char* figure : {"accuracy", "balanced_accuracy", "sensitivity", "specificity", "precision", "f1",
                             "roc_auc", "pr_auc", "matthews", "brier", "calibration_error"}) {
    CAPTURE(figure);
    CHECK(json.at("figures").contains(figure));
    CHECK(json.at("patients").at("figures").contains(figure));
  }
  CHECK(json.at("figures").at("accuracy").at("low").is_number());
  CHECK(json.at("intervals").at("draws") == 50);
  CHECK(json.at("images") == 16);
  CHECK(json.at("positive_class") == "COVID");
  CHECK(json.at("patients").at("images") == 16);
  CHECK(json.at("patients").at("cases") == 8);
  const nlohmann::json& confusion = json.at("confusion");
  CHECK(json.at("accuracy").get<double>() ==
        (confusion.at(0).at(0).get<double>() + confusion.at(1).at(1).get<double>()) / 16);

  // The highest threshold that finds all eight, read by evaluate and by predict as it was printed.
  const nlohmann::json chosen = json.at("thresholds").at(0);
  CHECK(chosen.at("class") == "COVID");
  CHECK(chosen.at("sensitivity") == 1);
  CHECK(chosen.at("chosen_on_these_images") == true);
  const Result text = run_curie(folder, with(kEvaluate, {"--sensitivity", "1"}));
  REQUIRE_MESSAGE(text.status == 0, text.err);
  for (const char* part : {"macro avg", "Rows are the truth", "ROC-AUC", "Matthews correlation", "95 % interval",
                           "By patient: 16 images of 8 patients", "a sensitivity of at least 1 on these images",
                           "Chosen on the very images that it is judged on", "on 16 images"}) {
    CAPTURE(part);
    CHECK(contains(text.out, part));
  }
  const std::size_t row = text.out.rfind("\n  COVID ") + 9;
  const std::string threshold = text.out.substr(text.out.find_first_not_of(' ', row), 12);
  const std::string printed = threshold.substr(0, threshold.find(' '));
  CAPTURE(printed);
  nlohmann::json judged = evaluated(folder, {"--threshold", printed}).at("thresholds").at(0);
  CHECK(judged.at("chosen_on_these_images") == false);
  for (const char* count : {"true_positives", "false_positives", "true_negatives", "false_negatives"}) {
    CHECK(judged.at(count) == chosen.at(count));
  }
  for (const std::string name : {"COVID", "Normal"}) {
    Words words{"predict", "run", "--threshold", printed, "--json"};
    for (int i = 0; i < 8; ++i) words.push_back("images/" + name + "/" + std::to_string(i) + ".bmp");
    const Result predicted = run_curie(folder, words);
    REQUIRE_MESSAGE(predicted.status == 0, predicted.err);
    int called = 0;
    for (const nlohmann::json& one : nlohmann::json::parse(predicted.out)) {
      called += one.at("predicted") == "COVID";
      CHECK(one.at("threshold").at("class") == "COVID");
    }
    CHECK(called == chosen.at(name == "COVID" ? "true_positives" : "false_positives").get<int>());
  }
  // The other class is found by its own probability.
  const nlohmann::json normal = evaluated(folder, {"--sensitivity", "0.5", "--class", "Normal"});
  CHECK(normal.at("positive_class") == "Normal");
  CHECK(normal.at("thresholds").at(0).at("sensitivity").get<double>() >= 0.5);
  CHECK(normal.at("figures").at("sensitivity").at("value") == json.at("figures").at("specificity").at("value"));

  fs::remove(folder / "images/metadata.csv");
  const Result plain = run_curie(folder, {"evaluate", "run", "--data", "images", "--draws", "0"});
  CHECK_FALSE(contains(plain.out, "By patient"));
  CHECK_FALSE(contains(plain.out, "interval"));
  CHECK(evaluated(folder, {}).at("patients").is_null());

  refused(folder, with(kEvaluate, {"--sensitivity", "97"}), "such as 0.97, got 97");
  refused(folder, with(kEvaluate, {"--sensitivity", "0"}), "above 0 and at most 1");
  refused(folder, with(kEvaluate, {"--sensitivity", "nan"}), "above 0 and at most 1");
  refused(folder, with(kEvaluate, {"--threshold", "1.5"}), "from 0 to 1, such as 0.3, got 1.5");
  refused(folder, with(kEvaluate, {"--threshold", "0.5", "--sensitivity", "0.9"}), "excludes");
  refused(folder, with(kEvaluate, {"--sensitivity", "0.9", "--class", "Covid"}), "did you mean \"COVID\"");
  refused(folder, {"evaluate", "run", "--data", "images", "--draws", "-1"}, "--draws: expected 0 or more");
  refused(folder, {"predict", "run", "images/COVID/0.bmp", "--threshold", "-1"}, "from 0 to 1");
  refused(folder, {"predict", "run", "images/COVID/0.bmp", "--class", "COVID"}, "expected it with --threshold");
}

TEST_CASE("of several classes a threshold is for one against the rest") {
  const TemporaryFolder folder;
  const Words classes{"NORMAL", "PNEUMONIA BACTERIA", "PNEUMONIA VIRUS"};
  train(folder, "pneumonia-cnn-70", classes);
  put_images(folder, classes, 4, false);
  const nlohmann::json json = evaluated(folder, {"--sensitivity", "0.75"});
  REQUIRE(json.at("thresholds").size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(json.at("thresholds").at(i).at("sensitivity").get<double>() >= 0.75);
    CHECK(json.at("classes").at(classes[i]).at("pr_auc").is_number());
    CHECK(json.at("classes").at(classes[i]).at("specificity").is_number());
  }
  CHECK(json.at("positive_class").is_null());
  CHECK(json.at("top_k_accuracy").size() == 2);
  const Result text = run_curie(folder, with(kEvaluate, {"--sensitivity", "0.75", "--class", "PNEUMONIA VIRUS"}));
  CHECK(contains(text.out, "Class against the rest"));
  CHECK(contains(text.out, "Top-2 accuracy"));

  // From the threshold 0 on everything is the class, above 1 nothing is.
  const Result all = run_curie(folder, {"predict", "run", "images/NORMAL/0.bmp", "images/PNEUMONIA VIRUS/1.bmp",
                                        "--threshold", "0", "--class", "PNEUMONIA VIRUS"});
  CHECK(contains(all.out, "0.bmp: PNEUMONIA VIRUS"));
  CHECK(contains(all.out, "1.bmp: PNEUMONIA VIRUS"));
  refused(folder, with(kEvaluate, {"--threshold", "0.4"}), "expected --class NAME");
  refused(folder, with(kEvaluate, {"--class", "PNEUMONIA VIRUS"}), "with --sensitivity or --threshold");
  refused(folder, {"predict", "run", "images/NORMAL/0.bmp", "--threshold", "0.4"},
          "one of NORMAL, PNEUMONIA BACTERIA, PNEUMONIA VIRUS");

  fs::remove_all(folder / "images" / "PNEUMONIA VIRUS");
  fs::create_directories(folder / "images" / "PNEUMONIA VIRUS");
  const Result missing = run_curie(folder, with(kEvaluate, {"--sensitivity", "0.9", "--class", "PNEUMONIA VIRUS"}));
  CHECK(missing.status == 1);
  CHECK_MESSAGE(contains(missing.err, "PNEUMONIA VIRUS"), missing.err);
}
