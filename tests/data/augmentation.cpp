#include "data/augmentation.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "data/augmented_dataset.h"
#include "data/crc32.h"
#include "tensor/parallel.h"
#include "warps.h"

namespace curie {
namespace {

const PixelScale kPlain1{{0.0f}, {1.0f}}, kPlain3{{0.0f, 0.0f, 0.0f}, {1.0f, 1.0f, 1.0f}};

TEST_CASE("warps agree with SciPy called as Keras calls it") {
  const nlohmann::json golden = read_golden("augmentation.json");
  REQUIRE(golden.at("keras").size() >= 90);
  for (const nlohmann::json& test : golden.at("keras")) {
    const Image image = picture_of(test["size"]);
    const Transform transform = transform_of(test["transform"]);
    const Augmentation augmentation{.style = style_of(test["style"]),
                                    .fill_mode = test["fill_mode"] == "nearest" ? WarpFill::edge : WarpFill::constant,
                                    .fill = test["fill"]};
    CAPTURE(test["transform"].dump());
    CAPTURE(test["style"].dump());
    // .005 from the golden's rounding; a place is off by 2^-16 pixels in each direction, a row's value by 2^-9.
    CHECK(difference(warped(augmentation, transform, image), test["hundredths"], .01, -1) < .02);
  }
}

TEST_CASE("rotations and flips agree with torchvision's bit for bit") {
  const nlohmann::json golden = read_golden("augmentation.json");
  REQUIRE(golden.at("torchvision").size() >= 60);
  for (const nlohmann::json& test : golden.at("torchvision")) {
    CAPTURE(test.dump());
    const Image image = picture_of(test["size"]);
    const std::vector<float> result = warped({.style = AugmentationStyle::torchvision},
                                             {.theta = test["angle"], .flip_horizontal = test["flip"]}, image);
    std::vector<std::uint8_t> bytes(result.size());
    std::transform(result.begin(), result.end(), bytes.begin(), [](float v) { return static_cast<std::uint8_t>(v); });
    CHECK(crc32(std::as_bytes(std::span(bytes))) == test["crc"].get<std::uint32_t>());
  }
}

// Readable cases on a picture of 3 x 3.
TEST_CASE("what each parameter does") {
  const Image image{3, 3, 1, {1, 2, 3, 4, 5, 6, 7, 8, 9}};
  const auto keras = [&](const Transform& transform, AugmentationStyle style = AugmentationStyle::keras) {
    return warped({.style = style}, transform, image);
  };
  using Pixels = std::vector<float>;
  CHECK(keras({}) == Pixels{1, 2, 3, 4, 5, 6, 7, 8, 9});
  CHECK(keras({.theta = 90}) == Pixels{3, 6, 9, 2, 5, 8, 1, 4, 7});  // the top goes to the left
  CHECK(keras({.theta = 180}) == Pixels{9, 8, 7, 6, 5, 4, 3, 2, 1});
  CHECK(keras({.flip_horizontal = true}) == Pixels{3, 2, 1, 6, 5, 4, 9, 8, 7});
  CHECK(keras({.flip_vertical = true}) == Pixels{7, 8, 9, 4, 5, 6, 1, 2, 3});
  // The shift in height moves columns, as in Keras; corrected, it moves rows. A positive one moves the picture up or
  // left.
  CHECK(keras({.tx = 1}) == Pixels{2, 3, 3, 5, 6, 6, 8, 9, 9});
  CHECK(keras({.tx = 1}, AugmentationStyle::keras_corrected) == Pixels{4, 5, 6, 7, 8, 9, 7, 8, 9});
  CHECK(keras({.ty = 1}, AugmentationStyle::keras_corrected) == Pixels{2, 3, 3, 5, 6, 6, 8, 9, 9});
  CHECK(keras({.tx = .5}) == Pixels{1.5, 2.5, 3, 4.5, 5.5, 6, 7.5, 8.5, 9});
  CHECK(keras({.zx = 2, .zy = 2}) == Pixels{1, 2, 3, 4, 5, 6, 7, 8, 9});  // places beyond the edge are moved to it
  const Image dot{5, 5, 1, {0, 0, 0, 0, 0, 0, 9, 9, 9, 0, 0, 9, 9, 9, 0, 0, 9, 9, 9, 0, 0, 0, 0, 0, 0}};
  const Pixels shrunk = warped({}, {.zx = 2, .zy = 2}, dot);
  CHECK(std::count_if(shrunk.begin(), shrunk.end(), [](float v) { return v > 0; }) == 1);  // above 1 it shrinks
}

TEST_CASE("the centre of an image that is not square is its own only where Keras is corrected") {
  Image image{9, 5, 1, std::vector<std::uint8_t>(45, 0)};
  image.pixels[2 * 9 + 4] = 200;
  const Transform half_turn{.theta = 180};
  const std::vector<float> corrected = warped({.style = AugmentationStyle::keras_corrected}, half_turn, image);
  CHECK(corrected[2 * 9 + 4] == 200);
  const std::vector<float> keras = warped({.style = AugmentationStyle::keras}, half_turn, image);
  CHECK(keras[2 * 9 + 4] == 0);
}

const Augmentation kFull{.rotation = 45,
                         .width_shift = .15,
                         .height_shift = .15,
                         .shear = 10,
                         .zoom_low = .5,
                         .zoom_high = 1.5,
                         .horizontal_flip = true,
                         .vertical_flip = true};

TEST_CASE("draws fill their ranges, and depend on seed, epoch and image alone") {
  double low = 1e9, high = -1e9, sum = 0;
  int flips = 0;
  std::set<double> thetas;
  constexpr int kDraws = 4000;
  for (int i = 0; i < kDraws; ++i) {
    const Transform t = draw_transform(kFull, 100, 200, 5, 0, i);
    CHECK(std::abs(t.theta) <= 45);
    CHECK(std::abs(t.tx) <= 15);
    CHECK(std::abs(t.ty) <= 30);
    CHECK(std::abs(t.shear) <= 10);
    CHECK(t.zx >= .5);
    CHECK(t.zx < 1.5);
    CHECK(t.zx != t.zy);
    low = std::min(low, t.ty);
    high = std::max(high, t.ty);
    sum += t.theta;
    flips += t.flip_horizontal ? 1 : 0;
    thetas.insert(t.theta);
  }
  CHECK(low < -29);
  CHECK(high > 29);
  CHECK(std::abs(sum / kDraws) < 2);  // five standard errors of a uniform mean
  CHECK(std::abs(flips - kDraws / 2) < 160);
  CHECK(thetas.size() > kDraws - 10);

  const double theta = draw_transform(kFull, 100, 200, 5, 3, 7).theta;
  CHECK(draw_transform(kFull, 100, 200, 5, 3, 7).theta == theta);
  CHECK(draw_transform(kFull, 100, 200, 6, 3, 7).theta != theta);
  CHECK(draw_transform(kFull, 100, 200, 5, 4, 7).theta != theta);
  CHECK(draw_transform(kFull, 100, 200, 5, 3, 8).theta != theta);
  // A parameter's draw does not hang on whether others are used.
  CHECK(draw_transform({.rotation = 45}, 100, 200, 5, 3, 7).theta == theta);
  const Transform none = draw_transform({}, 100, 200, 5, 3, 7);
  CHECK(warp_matrix(AugmentationStyle::keras, none, 100, 200) == WarpMatrix{});
  CHECK(draw_transform({.width_shift = 3}, 100, 200, 5, 3, 7).ty <= 3);  // 1 and more: pixels
}

LabelledImages some_images(int n, int height, int width, int channels) {
  LabelledImages images;
  images.pixels = Tensor::zeros({n, height, width, channels}, DType::u8);
  const Image noise = noise_image(width, height * n, channels, 3);
  std::copy(noise.pixels.begin(), noise.pixels.end(), images.pixels.data<std::uint8_t>());
  for (int i = 0; i < n; ++i) images.labels.push_back(i % 2);
  images.class_names = {"a", "b"};
  return images;
}

std::vector<float> sample_of(const Dataset& data, int index, int epoch) {
  std::vector<float> sample(data.sample_shape().elements());
  data.read(index, epoch, reinterpret_cast<std::byte*>(sample.data()));
  return sample;
}

TEST_CASE("an augmented data set: another picture each epoch, the same again, whoever asks") {
  const LabelledImages images = some_images(12, 20, 20, 3);
  const double mean[] = {.485, .456, .406}, stddev[] = {.229, .224, .225};
  const AugmentedDataset data(images, kFull, pixel_scale(255, mean, stddev, 3), 9);
  CHECK(data.size() == 12);
  CHECK(data.dtype() == DType::f32);
  CHECK(data.sample_shape() == Shape{20, 20, 3});
  CHECK(data.label(3) == 1);
  CHECK(data.all_samples() == nullptr);
  CHECK(static_cast<const Dataset&>(data).augmented() == &data);
  CHECK(sample_of(data, 4, 0) == sample_of(data, 4, 0));
  CHECK(sample_of(data, 4, 0) != sample_of(data, 4, 1));
  std::vector<std::vector<float>> together(12);
  ThreadPool pool(4);
  pool.run(12, [&](int i, int) { together[static_cast<std::size_t>(i)] = sample_of(data, i, 2); });
  for (int i = 0; i < 12; ++i) CHECK(together[static_cast<std::size_t>(i)] == sample_of(data, i, 2));
}

TEST_CASE("without augmentation samples are scaled pixels") {
  const LabelledImages images = some_images(3, 6, 7, 3);
  const double mean[] = {.485, .456, .406}, stddev[] = {.229, .224, .225};
  for (const AugmentationStyle style : {AugmentationStyle::keras, AugmentationStyle::torchvision}) {
    const AugmentedDataset data(images, {.style = style}, pixel_scale(255, mean, stddev, 3), 1);
    const std::vector<float> sample = sample_of(data, 1, 5);
    for (std::size_t i = 0; i < sample.size(); ++i) {
      const double pixel = images.pixels.host<std::uint8_t>()[sample.size() + i];
      CHECK(sample[i] == doctest::Approx((pixel / 255 - mean[i % 3]) / stddev[i % 3]).epsilon(1e-5));
    }
  }
}

TEST_CASE("an augmentation survives JSON") {
  for (const AugmentationStyle style : {AugmentationStyle::keras, AugmentationStyle::keras_corrected}) {
    Augmentation augmentation = kFull;
    augmentation.style = style;
    augmentation.fill_mode = WarpFill::constant;
    augmentation.fill = 200;
    CHECK(augmentation_from_json(nlohmann::json::parse(to_json(augmentation).dump())) == augmentation);
  }
  Augmentation tones{.width_shift = .1,
                     .height_shifts = Augmentation::whole_pixels(3),
                     .channel_shift = 12.5,
                     .brightness_low = .8,
                     .brightness_high = 1.25};
  for (const WarpFill fill_mode : {WarpFill::edge, WarpFill::constant, WarpFill::reflect, WarpFill::wrap}) {
    tones.fill_mode = fill_mode;
    CHECK(augmentation_from_json(nlohmann::json::parse(to_json(tones).dump())) == tones);
  }
  CHECK(to_string(tones) ==
        "keras: width shift 0.1, height shift one of 0 1 2, either sign, channel shift 12.5, brightness 0.8 to 1.25");
  const Augmentation torchvision{.style = AugmentationStyle::torchvision, .rotation = 10, .horizontal_flip = true};
  CHECK(augmentation_from_json(to_json(torchvision)) == torchvision);
  CHECK(to_string(torchvision) == "torchvision: rotation 10, horizontal flip");
  CHECK(to_string(kFull) ==
        "keras: rotation 45, width shift 0.15, height shift 0.15, shear 10, zoom 0.5 to 1.5, horizontal flip, vertical "
        "flip");
  CHECK(to_string(Augmentation{}) == "keras: nothing");
  CHECK(Augmentation{}.changes_nothing());
  CHECK_FALSE(torchvision.changes_nothing());
  CHECK(Augmentation::keras_zoom(.5).zoom_high == 1.5);
}

TEST_CASE("hostile JSON is refused with the member's name") {
  const auto refused = [](const char* member, const nlohmann::json& value, const char* why) {
    CAPTURE(member);
    nlohmann::json json = to_json(kFull);
    if (value.is_null()) {
      json.erase(member);
    } else {
      json[member] = value;
    }
    const Thrown thrown = error_of([&] { augmentation_from_json(json); });
    CHECK(thrown.kind == ErrorKind::file);
    CHECK_MESSAGE(thrown.says(why), thrown.message);
  };
  refused("kind", "albumentations", "expected the kind keras, keras_corrected or torchvision");
  refused("rotation", nullptr, "\"rotation\" is missing");
  refused("rotation", -1, "ranges of at least 0, got -1");
  refused("shear", "much", "a number for \"shear\"");
  refused("zoom", 1, "two factors for \"zoom\"");
  refused("zoom", {1.5, .5}, "ascending order, got 1.5 to 0.5");
  refused("zoom", {0, 1}, "above 0");
  refused("fill_mode", "mirror", "nearest, constant, reflect or wrap, got \"mirror\"");
  refused("width_shift", nlohmann::json::array(), "a list of some for \"width_shift\"");
  refused("height_shift", {1, "two"}, "a number for \"height_shift\"");
  refused("height_shift", {1, 1e7}, "values of the height shift between");
  refused("channel_shift", -1, "ranges of at least 0, got -1");
  refused("brightness", {-1, 1}, "brightness of at least 0 in ascending order, got -1 to 1");
  refused("brightness", {1}, "two factors for \"brightness\"");
  refused("fill", 256, "\"fill\"");
  refused("extra", 1, "\"extra\" is unknown");
  refused("kind", "torchvision", "rotation and flips alone");
  CHECK(error_of([] { augmentation_from_json(nlohmann::json::array()); }).kind == ErrorKind::file);
}

TEST_CASE("a data set that cannot be augmented is refused") {
  const LabelledImages images = some_images(2, 4, 4, 1);
  const auto refused = [](const LabelledImages& of, const Augmentation& augmentation, const PixelScale& scale,
                          const char* why) {
    const Thrown thrown = error_of([&] { AugmentedDataset(of, augmentation, scale, 1); });
    CHECK(thrown.kind == ErrorKind::usage);
    CHECK_MESSAGE(thrown.says(why), thrown.message);
  };
  refused(images, {.rotation = -3}, kPlain1, "at least 0, got -3");
  refused(images, {}, kPlain3, "for each of 1 channels, got 3 and 3");
  LabelledImages floats = images;
  floats.pixels = Tensor::zeros({2, 4, 4, 1});
  refused(floats, {}, kPlain1, "expected 2 images of u8");
  LabelledImages short_of = images;
  short_of.labels.pop_back();
  refused(short_of, {}, kPlain1, "expected 1 images of u8");
  refused(images, {.width_shift = 2, .width_shifts = {1}}, kPlain1, "range or values for the width shift, got both");
  refused(images, {.brightness_low = 2}, kPlain1, "brightness of at least 0 in ascending order, got 2 to 1");
  refused(images, {.fill_mode = WarpFill::grid_wrap}, kPlain1, "keras_corrected's wrap is grid_wrap");
  refused(images, {.style = AugmentationStyle::torchvision, .channel_shift = 1}, kPlain1, "rotation and flips alone");
  const LabelledImages pairs = some_images(2, 4, 4, 2);
  refused(pairs, {.brightness_high = 2}, {{0, 0}, {1, 1}}, "images of 1 or 3 channels, got (4, 4, 2)");
  CHECK(error_of([] { Augmentation::whole_pixels(0); }).says("1 pixel or more, got 0"));
  const double zero[] = {0.0};
  CHECK(error_of([&] { pixel_scale(255, {}, zero, 1); }).says("above 0, got 0"));
  CHECK(error_of([&] { pixel_scale(255, zero, {}, 3); }).says("each of 3 channels, got 1 and 0"));
  CHECK(error_of([&] { pixel_scale(0, {}, {}, 3); }).says("divisor"));
}

}  // namespace
}  // namespace curie
