#include "io/told_info.h"

#include <doctest/doctest.h>

#include "io/model_file.h"
#include "support/file_models.h"
#include "support/log_capture.h"
#include "support/throws.h"

using namespace curie;
using namespace curie::test;

namespace {

std::vector<std::string> names(const char* first, const char* second) { return {first, second}; }

ModelInfo informed(Model& model, const ToldInfo& told, Assumed& assumed, bool scales = false) {
  return foreign_info(model, scales, told, assumed, "m.h5");
}

}  // namespace

TEST_CASE("what is not told is guessed, and each guess is named with its option") {
  Model model = chain_model();
  Assumed assumed;
  const LogCapture log;
  const ModelInfo info = informed(model, {}, assumed);
  CHECK(info.class_names == names("class 0", "class 1"));
  const Preprocessing expected{.width = 11, .height = 13, .channels = 3};
  CHECK((info.preprocessing == expected));
  CHECK((assumed.class_names && assumed.resample && assumed.channel_order && assumed.normalization));
  for (const char* part : {"m.h5", "class 0, class 1 (--classes)", "bicubic (--resample)", "RGB (--channel-order)",
                           "divided by 255 (--divide-by, --mean, --stddev)"}) {
    CAPTURE(part);
    CHECK(log.lines.find(part) != std::string::npos);
  }
}

TEST_CASE("outputs that are no probabilities are named, many classes by a few") {
  const auto warning = [](Activation last, int classes) {
    Model model = residual_model(last, classes);
    Assumed assumed;
    const LogCapture log;
    informed(model, {}, assumed);
    return log.lines;
  };
  const auto contains = [](const std::string& text, const char* part) { return text.find(part) != std::string::npos; };
  CHECK(contains(warning(Activation::none, 3), "are logits: a softmax makes probabilities"));
  CHECK(contains(warning(Activation::none, 1), "are logits: a sigmoid makes probabilities"));
  CHECK(contains(warning(Activation::tanh, 3), "end in tanh, are scores"));
  CHECK(!contains(warning(Activation::softmax, 3), "its outputs,"));
  CHECK(contains(warning(Activation::softmax, 512), "class 0, class 1, ... class 511 (512 names)"));
}

TEST_CASE("a recipe may repeat what a file tells, and must not contradict it") {
  Model model = chain_model();
  ModelInfo info = info_for(model, 2);
  const ModelInfo before = info;
  rename_classes(info, {.class_names = names("a", "b"), .resample = Resample::bilinear, .by_recipe = true}, "m.h5");
  CHECK(info.class_names == before.class_names);
  CHECK_ERROR(
      [&] {
        rename_classes(info, {.class_names = names("a", "b"), .resample = Resample::bicubic, .by_recipe = true},
                       "m.h5");
      },
      usage, "other than --recipe");
}

TEST_CASE("what is told is taken, without a word") {
  Model model = chain_model();
  Assumed assumed;
  const LogCapture log;
  const ModelInfo info = informed(model,
                                  {.class_names = {"ill", "well"},
                                   .resample = Resample::opencv_linear,
                                   .channel_order = ChannelOrder::bgr,
                                   .normalization = Normalization{.divisor = 2, .mean = {1, 2, 3}, .stddev = {}}},
                                  assumed);
  CHECK(info.class_names == names("ill", "well"));
  CHECK(info.preprocessing.resample == Resample::opencv_linear);
  CHECK(info.preprocessing.channel_order == ChannelOrder::bgr);
  CHECK(model.normalization().divisor == 2);
  const std::vector<double> mean = {1, 2, 3};
  CHECK(model.normalization().mean == mean);
  CHECK_FALSE((assumed.class_names || assumed.resample || assumed.channel_order || assumed.normalization));
  CHECK(log.lines.empty());
}

TEST_CASE("what contradicts the model is refused") {
  Model model = chain_model();
  Assumed assumed;
  const LogCapture log;
  const auto refused = [&](Model& asked, const ToldInfo& told, ErrorKind kind, const char* text, bool scales = false) {
    CAPTURE(text);
    CHECK(mismatch([&] { informed(asked, told, assumed, scales); }, kind, text) == "");
  };
  const auto scaled = [](double divisor, std::vector<double> mean = {}) {
    ToldInfo told;
    told.normalization = Normalization{.divisor = divisor, .mean = std::move(mean), .stddev = {}};
    return told;
  };
  refused(model, {.class_names = {"a", "b", "c"}}, ErrorKind::usage, "tells 2 classes apart, got 3");
  refused(model, scaled(255, {1}), ErrorKind::usage, "3 channels, got 1");
  Sequential grey({8, 8, 1});
  grey.add(Flatten{}).add(Dense{.units = 1, .activation = Activation::sigmoid});
  refused(grey, {.channel_order = ChannelOrder::bgr}, ErrorKind::usage, "bgr");
  Sequential table({8, 8, 5});
  table.add(Flatten{}).add(Dense{.units = 1});
  refused(table, {}, ErrorKind::file, "expected a model of images");

  // A Rescaling layer has the last word; the same again is no contradiction.
  model.set_normalization({.divisor = 1 / 0.00392156862745098});
  informed(model, scaled(255), assumed, true);
  CHECK_FALSE(assumed.normalization);
  refused(model, scaled(127.5), ErrorKind::usage, "Rescaling", true);
}

TEST_CASE("a file that tells everything takes other names, nothing else") {
  Model model = chain_model();
  ModelInfo info = info_for(model, 2);
  const auto rename = [&](const ToldInfo& told) { rename_classes(info, told, "m.safetensors"); };
  rename({});
  CHECK(info.class_names == names("kind 0", "kind 1"));
  rename({.class_names = {"ill", "well"}});
  CHECK(info.class_names == names("ill", "well"));
  CHECK(mismatch([&] { rename({.class_names = {"ill"}}); }, ErrorKind::usage, "got 1 names") == "");
  CHECK(mismatch([&] { rename({.resample = Resample::nearest}); }, ErrorKind::usage, "leave out --recipe") == "");
  CHECK(info.class_names == names("ill", "well"));
}
