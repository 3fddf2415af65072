// Transforms as goldens tell them, and what they make of an image.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <vector>

#include "data/augmented_dataset.h"
#include "ops/warp_image.h"
#include "pictures.h"

namespace curie {

inline AugmentationStyle style_of(const nlohmann::json& name) {
  return name == "keras" ? AugmentationStyle::keras : AugmentationStyle::keras_corrected;
}

// The places; tones stay as they are.
inline Transform transform_of(const nlohmann::json& t) {
  return {.theta = t.at("theta"),
          .tx = t.at("tx"),
          .ty = t.at("ty"),
          .shear = t.at("shear"),
          .zx = t.at("zx"),
          .zy = t.at("zy"),
          .flip_horizontal = t.at("flip_horizontal"),
          .flip_vertical = t.at("flip_vertical")};
}

inline Image picture_of(const nlohmann::json& size) { return soft_image(size[0], size[1], size[2], size[0]); }

inline std::vector<float> warped(const Augmentation& augmentation, const Transform& transform, const Image& image,
                                 const PixelScale& scale) {
  WarpShape shape = warp_shape(augmentation, Shape{image.height, image.width, image.channels});
  shape.samplewise = scale.samplewise;
  std::vector<float> out(shape.sample());
  warp_image(shape, image_warp(augmentation.style, transform, image.height, image.width), image.pixels.data(),
             scale.offset.data(), scale.factor.data(), out.data());
  return out;
}

// In grey levels.
inline std::vector<float> warped(const Augmentation& augmentation, const Transform& transform, const Image& image) {
  return warped(augmentation, transform, image, pixel_scale(1, {}, {}, image.channels));
}

// The largest difference from values in units of `unit`, of which `left_out` is none.
inline double difference(const std::vector<float>& result, const nlohmann::json& expected, double unit, int left_out) {
  REQUIRE(result.size() == expected.size());
  double worst = 0;
  for (std::size_t i = 0; i < result.size(); ++i) {
    const int value = expected[i];
    if (value != left_out) worst = std::max(worst, std::abs(static_cast<double>(result[i]) - value * unit));
  }
  return worst;
}

}  // namespace curie
