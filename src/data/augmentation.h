// Augmentation: each epoch sees every image turned, shifted, zoomed or mirrored a little differently.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "ops/warp.h"
#include "tensor/shape.h"

namespace curie {

enum class AugmentationStyle {
  // Keras' ImageDataGenerator as it is since keras-preprocessing 1.1.2 (pull request 318), Keras 3's legacy module
  // included: width_shift moves rows and height_shift moves columns, and the centre of an image that is not square is
  // not its own; shifts in channels stay between the image's own smallest and largest value; brightness works on
  // values cut to whole numbers, as Pillow does; fill_mode wrap repeats the picture every extent - 1 pixels.
  keras,
  // The same with each shift along its own axis and the true centre; shifts in channels stay between 0 and 255;
  // brightness is a product, 255 at most; wrap repeats the picture every extent pixels.
  keras_corrected,
  // torchvision's RandomRotation (nearest pixel, black outside) and RandomHorizontalFlip, RandomVerticalFlip, on 8-bit
  // images, as on Pillow's.
  torchvision,
};

// What ImageDataGenerator and the transforms of torchvision take. Not here: featurewise centre and deviation, which are
// a network's Normalization (data/channel_statistics.h fits it), samplewise ones, which are a data set's
// (PixelScale), zca_whitening (a matrix of the squared number of pixels: 416 MB for grey images of 101 x 101, and
// no use for convolutions), rescale (PixelScale) and preprocessing_function.
struct Augmentation {
  AugmentationStyle style = AugmentationStyle::keras;
  double rotation = 0;                       // degrees: uniform between -rotation and rotation
  double width_shift = 0, height_shift = 0;  // below 1: a share of the extent, else pixels; uniform, both signs
  // In place of a range, values of which each image gets one, with either sign: pixels or, where the largest is below
  // 1 (keras: of the values, keras_corrected: of their magnitudes), shares of the extent.
  std::vector<double> width_shifts = {}, height_shifts = {};
  double shear = 0;                                     // degrees, both signs
  double zoom_low = 1, zoom_high = 1;                   // factors, drawn for each axis; above 1 the picture shrinks
  bool horizontal_flip = false, vertical_flip = false;  // each in half of the cases
  double channel_shift = 0;                             // grey levels, both signs: one draw, added to all channels
  double brightness_low = 1, brightness_high = 1;       // factors; 1 to 1: left alone, and not cut to whole numbers
  WarpFill fill_mode = WarpFill::edge;  // Keras' nearest, or constant, reflect, wrap; torchvision: constant
  std::uint8_t fill = 0;

  static Augmentation keras_zoom(double zoom);  // zoom_range=zoom: factors from 1 - zoom to 1 + zoom
  // The values of Keras' int as a shift's range, 0 to n - 1: whole pixels between -n and n, both left out, of which 0
  // comes as often as 1 and -1 together. Throws Error(usage) for an n below 1.
  static std::vector<double> whole_pixels(int n);
  // Throws Error(usage) for a negative range, a zoom that is not above 0, two descriptions of one shift, and what
  // torchvision's style has not.
  void check() const;
  bool shifts() const;
  bool zooms() const;
  bool changes_brightness() const;
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
  double channel_shift = 0, brightness = 1;
};

// A function of its arguments alone (Philox, one place in the stream for each parameter): not of the order in which
// images are read, nor of the number of threads. Parameters are drawn in the order of Transform's members, channel
// shift and brightness from a stream of their own; a parameter's draw does not depend on whether others are used.
// Keras' distributions, not its draws.
Transform draw_transform(const Augmentation& augmentation, int height, int width, std::uint64_t seed, int epoch,
                         int image);

// The matrix that warps as the style does.
// keras: input = C R(theta) T(tx, ty) S(shear) Z(zx, zy) C^-1 output about the centre C, rows and columns exchanged as
// in Keras, then the flips. torchvision: rotation about the centre in Pillow's 16.16 fixed point, then the flips.
WarpMatrix warp_matrix(AugmentationStyle style, const Transform& transform, int height, int width);

// The matrix, the channel shift and the brightness: Keras' order (matrix, channel shift, flips, brightness), of which
// the flips can be part of the matrix because the rest looks at single pixels and at the whole image.
ImageWarp image_warp(AugmentationStyle style, const Transform& transform, int height, int width);

// How samples are taken; count is left 0. Throws Error(usage) for a sample that is no image, and for Keras' brightness
// on images of other than 1 or 3 channels, which it does not take as grey or colour.
WarpShape warp_shape(const Augmentation& augmentation, const Shape& sample);

}  // namespace curie
