// Keras' ImageDataGenerator: what scripts/goldens/image_data_generator.py saw it do.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "data/channel_statistics.h"
#include "warps.h"

namespace curie {
namespace {

Transform toned_transform_of(const nlohmann::json& t) {
  Transform transform = transform_of(t);
  transform.channel_shift = t.at("channel_shift");
  transform.brightness = t.at("brightness");
  return transform;
}

Augmentation augmentation_of(const nlohmann::json& test) {
  Augmentation augmentation;
  augmentation.style = style_of(test["style"]);
  augmentation.fill_mode = test["fill_mode"] == "wrap" ? WarpFill::wrap : WarpFill::reflect;
  for (const nlohmann::json& tone : test["tones"]) {
    if (tone == "channel_shift") augmentation.channel_shift = 1;
    if (tone == "brightness") augmentation.brightness_high = 2;
  }
  return augmentation;
}

TEST_CASE("reflect, wrap, channel shifts and brightness are Keras'") {
  const nlohmann::json golden = read_golden("image_data_generator.json");
  REQUIRE(golden.at("fill").size() >= 80);
  REQUIRE(golden.at("tone").size() >= 90);
  for (const char* part : {"fill", "tone"}) {
    for (const nlohmann::json& test : golden.at(part)) {
      CAPTURE(test["transform"].dump());
      CAPTURE(test["style"].dump());
      CAPTURE(test["fill_mode"].dump());
      CAPTURE(test["size"].dump());
      const Image image = picture_of(test["size"]);
      // -100: Keras cuts to a whole number there, and SciPy's last bits decide to which.
      const double worst = difference(warped(augmentation_of(test), toned_transform_of(test["transform"]), image),
                                      test["hundredths"], .01, -100);
      CHECK(worst < .02);  // see augmentation.cpp
    }
  }
}

PixelScale scale_of(const nlohmann::json& options, const ChannelStatistics& statistics, int channels) {
  std::vector<double> mean, stddev;
  WarpSamplewise samplewise = WarpSamplewise::none;
  for (const nlohmann::json& option : options) {
    if (option == "samplewise_center") samplewise = WarpSamplewise::center;
    if (option == "samplewise_std_normalization") samplewise = WarpSamplewise::standardize;
    if (option == "featurewise_center" || option == "featurewise_std_normalization") mean = statistics.mean;
    if (option == "featurewise_std_normalization") stddev = statistics.stddev;
  }
  PixelScale scale = pixel_scale(samplewise == WarpSamplewise::standardize ? 1 : 255, mean, stddev, channels);
  scale.samplewise = samplewise;
  return scale;
}

LabelledImages ten_pictures(const nlohmann::json& size) {
  LabelledImages images;
  images.pixels = Tensor::zeros({10, size[0], size[1], size[2]}, DType::u8);
  images.labels.assign(10, 0);
  images.class_names = {"a"};
  auto at = images.pixels.host<std::uint8_t>().begin();
  for (std::uint32_t seed = 1; seed <= 10; ++seed) {
    const Image image = soft_image(size[0], size[1], size[2], seed);
    at = std::copy(image.pixels.begin(), image.pixels.end(), at);
  }
  return images;
}

TEST_CASE("samplewise and featurewise standardisation are Keras'") {
  int fitted = 0;
  const nlohmann::json golden = read_golden("image_data_generator.json");
  for (const nlohmann::json& test : golden.at("standardized")) {
    const LabelledImages images = ten_pictures(test["size"]);
    const ChannelStatistics statistics = channel_statistics(images, 255);
    const int channels = test["size"][2];
    if (test.contains("mean")) {
      REQUIRE(test["mean"].size() == static_cast<std::size_t>(channels));
      for (std::size_t c = 0; c < test["mean"].size(); ++c) {
        CHECK(statistics.mean[c] == doctest::Approx(test["mean"][c].get<double>()).epsilon(1e-5));
        CHECK(statistics.stddev[c] == doctest::Approx(test["stddev"][c].get<double>()).epsilon(1e-5));
      }
      ++fitted;
      continue;
    }
    CAPTURE(test["options"].dump());
    CAPTURE(test["transform"].dump());
    const Augmentation augmentation{.channel_shift = 1, .fill_mode = WarpFill::reflect};
    const double worst = difference(warped(augmentation, toned_transform_of(test["transform"]),
                                           picture_of(test["size"]), scale_of(test["options"], statistics, channels)),
                                    test["values"], 1e-4, std::numeric_limits<int>::min());
    // A hundredth of a grey level beside deviations above 20, divided once more by one of .1 or more.
    const bool twice = test["options"].size() == 2;
    CHECK(worst < (twice ? .02 : .002));
  }
  CHECK(fitted == 3);
}

TEST_CASE("shifts by a list or an int are as frequent as Keras'") {
  constexpr int kDraws = 4000;
  const nlohmann::json golden = read_golden("image_data_generator.json");
  REQUIRE(golden.at("draws").size() == 6);
  for (const nlohmann::json& test : golden.at("draws")) {
    CAPTURE(test["shift"].dump());
    Augmentation augmentation;
    augmentation.height_shifts = test["shift"].is_array() ? test["shift"].get<std::vector<double>>()
                                                          : Augmentation::whole_pixels(test["shift"].get<int>());
    augmentation.width_shifts = augmentation.height_shifts;
    augmentation.check();
    std::map<double, int> tx, ty;
    for (int i = 0; i < kDraws; ++i) {
      const Transform drawn = draw_transform(augmentation, 100, 200, 3, 1, i);
      ++tx[drawn.tx + 0.0];
      ++ty[drawn.ty + 0.0];
    }
    for (const auto& [name, counts] : {std::pair("tx", &tx), std::pair("ty", &ty)}) {
      REQUIRE(counts->size() == test[name].size());
      std::size_t at = 0;
      for (const auto& [value, count] : *counts) {
        CHECK(value == doctest::Approx(test[name][at][0].get<double>()));
        // Both are binomial: five deviations of their difference at most.
        const double expected = test[name][at][1];
        CHECK(std::abs(count - expected) <= 5 * std::sqrt(2 * expected));
        ++at;
      }
    }
  }
  // Corrected, values whose magnitudes reach 1 are pixels.
  const Augmentation below{.style = AugmentationStyle::keras_corrected, .width_shifts = {-3, 0}};
  for (int i = 0; i < 20; ++i) CHECK(std::abs(draw_transform(below, 100, 200, 3, 1, i).ty) <= 3);
}

TEST_CASE("channel shifts and brightness fill their ranges and leave the other draws alone") {
  const Augmentation tones{.rotation = 30, .channel_shift = 20, .brightness_low = .5, .brightness_high = 1.5};
  double darkest = 9, brightest = 0, lowest = 99, highest = -99;
  for (int i = 0; i < 2000; ++i) {
    const Transform drawn = draw_transform(tones, 10, 10, 1, 0, i);
    darkest = std::min(darkest, drawn.brightness);
    brightest = std::max(brightest, drawn.brightness);
    lowest = std::min(lowest, drawn.channel_shift);
    highest = std::max(highest, drawn.channel_shift);
    CHECK(drawn.theta == draw_transform({.rotation = 30}, 10, 10, 1, 0, i).theta);
  }
  CHECK(darkest >= .5);
  CHECK(darkest < .51);
  CHECK(brightest < 1.5);
  CHECK(brightest > 1.49);
  CHECK(lowest >= -20);
  CHECK(lowest < -19.6);
  CHECK(highest < 20);
  CHECK(highest > 19.6);
}

TEST_CASE("what the fill modes and tones do to a row of four") {
  const Image image{4, 1, 1, {10, 20, 50, 90}};
  const auto shifted = [&](AugmentationStyle style, WarpFill fill_mode, double pixels) {
    const Transform transform = style == AugmentationStyle::keras ? Transform{.tx = pixels} : Transform{.ty = pixels};
    return warped({.style = style, .fill_mode = fill_mode}, transform, image);
  };
  using Pixels = std::vector<float>;
  const auto keras = AugmentationStyle::keras, corrected = AugmentationStyle::keras_corrected;
  CHECK(shifted(corrected, WarpFill::reflect, -2) == Pixels{20, 10, 10, 20});
  CHECK(shifted(corrected, WarpFill::reflect, 2) == Pixels{50, 90, 90, 50});
  CHECK(shifted(corrected, WarpFill::reflect, -9) == Pixels{10, 10, 20, 50});
  CHECK(shifted(corrected, WarpFill::reflect, .5) == Pixels{15, 35, 70, 90});
  CHECK(shifted(corrected, WarpFill::wrap, 1) == Pixels{20, 50, 90, 10});
  CHECK(shifted(corrected, WarpFill::wrap, -5) == Pixels{90, 10, 20, 50});
  CHECK(shifted(corrected, WarpFill::wrap, .5) == Pixels{15, 35, 70, 50});
  CHECK(shifted(keras, WarpFill::wrap, 1) == Pixels{20, 50, 90, 20});  // as SciPy: the last pixel is the first, too

  const auto toned = [&](const Augmentation& augmentation, const Transform& transform) {
    return warped(augmentation, transform, image);
  };
  CHECK(toned({.channel_shift = 1}, {.channel_shift = 30}) == Pixels{40, 50, 80, 90});  // within its own range
  CHECK(toned({.channel_shift = 1}, {.channel_shift = -15}) == Pixels{10, 10, 35, 75});
  CHECK(toned({.style = corrected, .channel_shift = 1}, {.channel_shift = -15}) == Pixels{0, 5, 35, 75});
  CHECK(toned({.style = corrected, .channel_shift = 1}, {.channel_shift = 200}) == Pixels{210, 220, 250, 255});
  CHECK(toned({.brightness_high = 9}, {.brightness = .75}) == Pixels{7, 15, 37, 67});  // whole numbers
  CHECK(toned({.style = corrected, .brightness_high = 9}, {.brightness = .75}) == Pixels{7.5, 15, 37.5, 67.5});
  CHECK(toned({.style = corrected, .brightness_high = 9}, {.brightness = 4}) == Pixels{40, 80, 200, 255});
}

TEST_CASE("an augmented data set standardises each of its samples") {
  const LabelledImages images = ten_pictures({12, 9, 3});
  PixelScale scale = pixel_scale(1, {}, {}, 3);
  scale.samplewise = WarpSamplewise::standardize;
  const AugmentedDataset data(images, {.rotation = 20, .brightness_low = .5, .brightness_high = 1.5}, scale, 4);
  for (int i = 0; i < data.size(); ++i) {
    std::vector<float> sample(data.sample_shape().elements());
    data.read(i, 3, reinterpret_cast<std::byte*>(sample.data()));
    double sum = 0, squares = 0;
    for (const float value : sample) {
      sum += static_cast<double>(value);
      squares += static_cast<double>(value) * static_cast<double>(value);
    }
    const auto count = static_cast<double>(sample.size());
    CHECK(std::abs(sum / count) < 1e-4);
    CHECK(squares / count == doctest::Approx(1).epsilon(1e-4));
  }
}

TEST_CASE("statistics of what is no set of images are refused") {
  LabelledImages floats;
  floats.pixels = Tensor::zeros({1, 2, 2, 1});
  CHECK(error_of([&] { channel_statistics(floats, 255); }).says("expected u8 images"));
  CHECK(error_of([&] { channel_statistics({}, 255); }).says("expected u8 images"));
  CHECK(error_of([] { channel_statistics(ten_pictures({2, 2, 1}), 0); }).says("a divisor above 0, got 0"));
  LabelledImages black;
  black.pixels = Tensor::zeros({1, 2, 2, 1}, DType::u8);
  CHECK(channel_statistics(black, 255).stddev[0] == doctest::Approx(1e-6));  // Keras' floor
}

}  // namespace
}  // namespace curie
