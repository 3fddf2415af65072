// OpenCV's cv2.resize for 8-bit images, bit for bit (OpenCV 4.6, modules/imgproc/src/resize.cpp): half-pixel centres,
// no widening when shrinking (so small structures alias), 11-bit weights. Internal to the Resizer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace curie {

// INTER_LINEAR, the default. A shrink to exactly half in both directions silently becomes INTER_AREA there, the mean of
// four pixels, and so it does here.
class OpencvLinear {
 public:
  OpencvLinear() = default;
  OpencvLinear(int in_width, int in_height, int out_width, int out_height);

  // source: (in_height, in_width, channels), target: (out_height, out_width, channels). As OpenCV's for 1, 3 and 4
  // channels; with others its means of four round differently.
  void run(const std::uint8_t* source, std::size_t channels, std::uint8_t* target);

 private:
  // Output x is (inputs at first and second) . (weights 0 and 1) / 2^11.
  struct Tap {
    int first, second;
    std::int32_t weight0, weight1;
  };
  static std::vector<Tap> make_taps(int in, int out, bool vertical);
  void run_half(const std::uint8_t* source, std::size_t channels, std::uint8_t* target) const;
  void combine_columns(const std::uint8_t* row, std::size_t channels, std::int32_t* sums) const;

  std::size_t in_width_ = 0, out_width_ = 0, out_height_ = 0;
  bool half_ = false;
  std::vector<Tap> horizontal_, vertical_;
  std::vector<std::int32_t> rows_[2];  // horizontally interpolated rows of the source, in units of 2^-11
};

// INTER_NEAREST: the input of each output along one axis, floor(x * scale). Pillow's takes the pixel under the centre.
std::vector<int> opencv_nearest(int in, int out);

}  // namespace curie
