#include "report/metrics_json.h"

#include <doctest/doctest.h>

#include "report/demo_run.h"

namespace curie {
namespace {

TEST_CASE("programs get the figures, classes and confusion of an evaluation") {
  const EvaluationResult two = demo::run().results.back(), four = demo::four_classes().results.back();
  const nlohmann::json binary = metrics_json(two), several = metrics_json(four);
  CHECK(binary.at("loss") == two.loss);
  CHECK(binary.at("accuracy") == two.scores.accuracy);
  CHECK(binary.at("auc") == two.roc[0].auc);
  CHECK(binary.at("class_names") == nlohmann::json({"Normal", "COVID"}));
  CHECK(binary.at("confusion").at(1).at(0) == two.confusion.at(1, 0));
  CHECK(binary.at("figures").size() == two.figures.size());
  CHECK(binary.at("figures").at("f1").at("low") == find_figure(two.figures, "f1")->interval.low);
  CHECK(binary.at("figures").at("calibration_error").at("low").is_null());
  CHECK(binary.at("classes").at("Normal").at("specificity") == two.confusion.specificity(0));
  CHECK_FALSE(binary.at("classes").at("Normal").contains("roc_auc"));
  CHECK_FALSE(binary.contains("top_k_accuracy"));

  const nlohmann::json& viral = several.at("classes").at("Viral Pneumonia");
  CHECK(viral.at("recall") == four.scores.classes[3].scores.recall);
  CHECK(viral.at("specificity") == four.confusion.specificity(3));
  CHECK(viral.at("roc_auc") == four.roc[3].auc);
  CHECK(viral.at("pr_auc") == four.precision_recall[3].average_precision);
  CHECK(viral.at("support") == 60);
  const nlohmann::json& top = several.at("top_k_accuracy");
  CHECK(top.size() == 3);
  CHECK(top.at("2") == find_figure(four.figures, "top_2_accuracy")->value);
  CHECK(top.at("1") <= top.at("2"));
  CHECK(top.at("2") <= top.at("3"));
}

TEST_CASE("an operating point tells programs what is not known by null") {
  const OperatingPoint point{.threshold = 0.25, .true_positives = 3, .true_negatives = 5, .false_negatives = 1};
  const nlohmann::json json = operating_point_json(point);
  CHECK(json.at("threshold") == 0.25);
  CHECK(json.at("sensitivity") == 0.75);
  CHECK(json.at("precision") == 1);
  CHECK(json.at("false_negatives") == 1);
  CHECK(operating_point_json({.true_positives = 1}).at("specificity").is_null());
}

}  // namespace
}  // namespace curie
