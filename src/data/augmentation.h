// Augmentation: each epoch sees every image turned, shifted, zoomed or mirrored a little differently.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "ops/warp.h"
#include "tensor/shape.h"

namespace curie {

enum class AugmentationStyle {
  // Keras' ImageDataGenerator as it is since keras-preprocessing 1.1.2 (pull request 318): width_shift moves rows and
  // height_shift moves columns, and the centre of an image that is not square is not its own.
  keras,
  // The same with each shift along its own axis and the true centre.
  keras_corrected,
  // torchvision's RandomRotation (nearest pixel, black outside) and RandomHorizontalFlip, RandomVerticalFlip, on 8-bit
  // images, as on Pillow's.
  torchvision,
};

// What ImageDataGenerator and the transforms of torchvision take.
struct Augmentation {
  AugmentationStyle style = AugmentationStyle::keras;
  double rotation = 0;                       // degrees: uniform between -rotation and rotation
  double width_shift = 0, height_shift = 0;  // below 1: a share of the extent, else pixels; uniform, both signs
  double shear = 0;                          // degrees, both signs
  double zoom_low = 1, zoom_high = 1;        // factors, drawn for each axis; above 1 the picture shrinks
  bool horizontal_flip = false, vertical_flip = false;  // each in half of the cases
  WarpFill fill_mode = WarpFill::edge;                  // Keras' fill_mode: nearest or constant (torchvision: constant)
  std::uint8_t fill = 0;

  static Augmentation keras_zoom(double zoom);  // zoom_range=zoom: factors from 1 - zoom to 1 + zoom
  // Throws Error(usage) for a negative range, a zoom that is not above 0, and what torchvision's style has not.
  void check() const;
  bool changes_nothing() const;
  friend bool operator==(const Augmentation&, const Augmentation&) = default;
};

std::string_view name_of(AugmentationStyle style);  // "keras", "keras_corrected", "torchvision"
nlohmann::json to_json(const Augmentation& augmentation);
// Every member must be there, and no other. Throws Error(file).
Augmentation augmentation_from_json(const nlohmann::json& json);
std::string to_string(const Augmentation& augmentation);  // "keras: rotation 45, zoom 0.5 to 1.5, horizontal flip"

// What was drawn for one image in one epoch, in Keras' names: theta and shear in degrees, tx (height shift) and ty
// (width shift) in pixels.
struct Transform {
  double theta = 0, tx = 0, ty = 0, shear = 0, zx = 1, zy = 1;
  bool flip_horizontal = false, flip_vertical = false;
};

// A function of its arguments alone (Philox, one place in the stream for each parameter): not of the order in which
// images are read, nor of the number of threads.
Transform draw_transform(const Augmentation& augmentation, int height, int width, std::uint64_t seed, int epoch,
                         int image);

// The matrix that warps as the style does.
// keras: input = C R(theta) T(tx, ty) S(shear) Z(zx, zy) C^-1 output about the centre C, rows and columns exchanged as
// in Keras, then the flips. torchvision: rotation about the centre in Pillow's 16.16 fixed point, then the flips.
WarpMatrix warp_matrix(AugmentationStyle style, const Transform& transform, int height, int width);

// How samples are taken; count is left 0.
WarpShape warp_shape(const Augmentation& augmentation, const Shape& sample);

}  // namespace curie
