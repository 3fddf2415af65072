// Resizing 8-bit images as the programs do that the documents used, bit for bit:
// - Pillow's Image.resize (Pillow 9.4, src/libImaging/Resample.c and Geometry.c): bilinear and bicubic widen their
//   support when shrinking, so nothing aliases; two passes, each rounded to 8 bits.
// - OpenCV's cv2.resize (resize_opencv.h): opencv_linear, its default, does alias.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "data/image.h"
#include "data/resize_opencv.h"

namespace curie {

enum class Resample { nearest, bilinear, bicubic, opencv_nearest, opencv_linear };
inline constexpr std::array kResamples = {Resample::nearest, Resample::bilinear, Resample::bicubic,
                                          Resample::opencv_nearest, Resample::opencv_linear};

std::string_view name_of(Resample filter);           // "nearest", "bilinear", ..., "opencv_linear"
Resample resample_from_name(std::string_view name);  // throws Error(usage) that lists the names

// From one size to another, for any number of images: the coefficients are computed once. One Resizer serves one
// thread at a time.
class Resizer {
 public:
  // Extents of at least 1. Throws Error(usage) otherwise.
  Resizer(int in_width, int in_height, int out_width, int out_height, Resample filter);

  // source: (in_height, in_width, channels), target: (out_height, out_width, channels); they must not overlap.
  void run(const std::uint8_t* source, int channels, std::uint8_t* target);

 private:
  // One axis: output x is the sum of `weights` at `offset` times inputs first .. first + count - 1.
  struct Taps {
    int first, count;
    std::size_t offset;
  };
  struct Axis {
    std::vector<Taps> taps;
    std::vector<std::int32_t> weights;  // in units of 2^-22
    std::vector<int> nearest;           // input of each output, for the two nearest alone
  };
  static Axis make_axis(int in, int out, Resample filter);
  static void combine_rows(const Axis& axis, const std::uint8_t* source, std::size_t row, std::uint8_t* target);
  void run_nearest(const std::uint8_t* source, std::size_t channels, std::uint8_t* target) const;

  int in_width_, in_height_, out_width_, out_height_;
  Resample filter_;
  Axis horizontal_, vertical_;
  OpencvLinear linear_;                                    // for Resample::opencv_linear alone
  std::vector<std::uint8_t> turned_, narrowed_, upright_;  // scratch between the passes
};

Image resize(const Image& image, int width, int height, Resample filter);

}  // namespace curie
