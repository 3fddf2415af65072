#include "data/leak.h"

#include <doctest/doctest.h>

#include <string>

#include "data/origin.h"
#include "data/smote.h"
#include "data/split.h"
#include "tensor/error.h"
#include "tensor/random.h"

using curie::LabelledImages;
using curie::synthetic_source;

namespace {

// One-pixel images: the value, and where it comes from.
LabelledImages images_of(const std::vector<std::pair<std::uint8_t, std::string>>& samples) {
  LabelledImages images;
  std::vector<std::uint8_t> pixels;
  for (const auto& [pixel, source] : samples) {
    pixels.push_back(pixel);
    images.sources.push_back(source);
    images.labels.push_back(0);
  }
  images.pixels = curie::Tensor::from<std::uint8_t>({static_cast<int>(samples.size()), 1, 1, 1}, pixels);
  images.class_names = {"Normal"};
  return images;
}

}  // namespace

TEST_CASE("parents survive being written and read, whatever their names hold") {
  const std::string awkward[] = {
      "a.jpg", "a + b.jpg", "\"quoted\" + \\.png", "synthetic: x", "", "\"", "ends with +", "+ begins", " + "};
  for (const std::string& a : awkward) {
    for (const std::string& b : awkward) {
      const auto parents = curie::parents_of(synthetic_source(a, b));
      CAPTURE(a);
      CAPTURE(b);
      REQUIRE(parents.has_value());
      CHECK(parents->first == a);
      CHECK(parents->second == b);
    }
  }
  CHECK(synthetic_source("COVID/a.jpg", "COVID/b.jpg") == "synthetic: COVID/a.jpg + COVID/b.jpg");
  CHECK_FALSE(curie::parents_of("COVID/a + b.jpg").has_value());
  CHECK_FALSE(curie::parents_of("synthetic: alone").has_value());
  CHECK_FALSE(curie::parents_of("synthetic: \"open + b").has_value());
  CHECK_FALSE(curie::parents_of("synthetic: a + b + c").has_value());
}

TEST_CASE("ancestors of a sample made from synthetic ones are the real ones") {
  const std::string child = synthetic_source("a", "b");
  CHECK(curie::real_ancestors("a") == std::vector<std::string>{"a"});
  CHECK(curie::real_ancestors(synthetic_source(child, synthetic_source("c", "a"))) ==
        std::vector<std::string>{"a", "b", "c"});
}

TEST_CASE("each relation is counted, and each sample once") {
  const LabelledImages train = images_of({{1, "a"}, {2, "b"}, {3, synthetic_source("a", "c")}, {4, "d"}});
  const LabelledImages other = images_of({{1, "copy of a"},                    // pixels of a
                                          {20, synthetic_source("b", "e")},    // parent b in training
                                          {21, "c"},                           // parent of a training sample
                                          {22, synthetic_source("c", "f")},    // shares c with a training sample
                                          {3, synthetic_source("a", "c")},     // all at once
                                          {23, "g"},                           // nothing
                                          {24, synthetic_source("g", "f")}});  // nothing
  const curie::LeakReport report = curie::check_leaks(train, other);
  CHECK(report.samples == 7);
  CHECK(report.duplicates == 2);
  CHECK(report.synthetic_here == 2);
  CHECK(report.synthetic_there == 1);
  CHECK(report.siblings == 2);
  CHECK(report.affected == 5);
  CHECK_FALSE(report.clean());
  REQUIRE(report.examples.size() == curie::kLeakExamples);
  CHECK(report.examples[0] == "\"copy of a\" equals the training sample \"a\"");
  CHECK(report.examples[1] == "\"synthetic: b + e\" is made from the training sample \"b\"");
  CHECK(curie::to_string(report, "validation").find("5 of 7 validation samples (71.4 %)") != std::string::npos);
}

TEST_CASE("parts that do not know each other are clean; so is an empty one") {
  const LabelledImages train = images_of({{1, "a"}, {2, synthetic_source("a", "b")}});
  const curie::LeakReport report = curie::check_leaks(train, images_of({{3, "c"}, {4, synthetic_source("c", "d")}}));
  CHECK(report.clean());
  CHECK(report.examples.empty());
  CHECK(curie::to_string(report, "test") == "leak check: none of the 2 test samples is known from training");
  CHECK(curie::check_leaks(LabelledImages{}, train).clean());
  CHECK(curie::check_leaks(train, LabelledImages{}).clean());
}

TEST_CASE("without sources, equal pixels are still found") {
  LabelledImages train = images_of({{1, ""}, {2, ""}}), other = images_of({{2, ""}, {3, ""}});
  train.sources.clear();
  other.sources.clear();
  const curie::LeakReport report = curie::check_leaks(train, other);
  CHECK(report.affected == 1);
  REQUIRE(report.examples.size() == 1);
  CHECK(report.examples[0] == "sample 0 equals the training sample sample 1");
}

TEST_CASE("samples of another shape or type cannot be compared") {
  const LabelledImages train = images_of({{1, "a"}});
  LabelledImages other = train;
  other.pixels = curie::Tensor::zeros({1, 2, 2, 1}, curie::DType::u8);
  CHECK_THROWS_AS(curie::check_leaks(train, other), curie::Error);
  other.pixels = curie::Tensor::zeros({1, 1, 1, 1}, curie::DType::f32);
  CHECK_THROWS_AS(curie::check_leaks(train, other), curie::Error);
}

TEST_CASE("splitting after SMOTE leaks, splitting before does not") {
  LabelledImages images;
  images.class_names = {"Normal", "COVID"};
  std::vector<std::uint8_t> pixels;
  const curie::RandomStream stream{.seed = 3};
  for (int i = 0; i < 90; ++i) {
    images.labels.push_back(i < 60 ? 0 : 1);
    images.sources.push_back("image " + std::to_string(i));
    for (int p = 0; p < 16; ++p) pixels.push_back(static_cast<std::uint8_t>(stream.bits(pixels.size())));
  }
  images.pixels = curie::Tensor::from<std::uint8_t>({90, 4, 4, 1}, pixels);
  curie::ThreadPool pool(1);

  const LabelledImages grown = curie::smote(images, 1.0, 5, 0, pool);
  const curie::Split late = curie::stratified_split(grown.labels, .2, 0);
  CHECK(curie::check_leaks(grown.select(late.train), grown.select(late.test)).affected > 0);

  const curie::Split early = curie::stratified_split(images.labels, .2, 0);
  const LabelledImages train = curie::smote(images.select(early.train), 1.0, 5, 0, pool);
  CHECK(curie::check_leaks(train, images.select(early.test)).clean());
}
