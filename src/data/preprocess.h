// From an image of any size to the input of a network. What is done here is saved in the model, since a network is only
// as good as the agreement between its training and its use.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "data/image.h"
#include "data/resize.h"
#include "tensor/shape.h"

namespace curie {

enum class ChannelOrder { rgb, bgr };  // bgr: as cv2.imread reads

std::string_view name_of(ChannelOrder order);  // "rgb", "bgr"

struct Preprocessing {
  int width = 64, height = 64;
  int channels = 1;  // 1: Pillow's grey, then resize; 3: colours, a grey file gives three equal channels
  Resample resample = Resample::bicubic;
  ChannelOrder channel_order = ChannelOrder::rgb;  // of three channels

  Shape shape() const { return {height, width, channels}; }
  std::size_t bytes() const { return shape().elements(); }
  // Throws Error(usage) unless the extents are at least 1, channels is 1 or 3, and order bgr goes with 3.
  void check() const;
  friend bool operator==(const Preprocessing&, const Preprocessing&) = default;
};

// {"width": 70, "height": 70, "channels": 3, "resample": "opencv_linear", "channel_order": "bgr"}
nlohmann::json to_json(const Preprocessing& preprocessing);
// Without "channel_order", which grey has not and older files lack, the order is rgb. Throws Error(file) that names the
// member which is missing, of the wrong type or out of range.
Preprocessing preprocessing_from_json(const nlohmann::json& json);
std::string to_string(const Preprocessing& preprocessing);  // "64 x 64 grey, bicubic", "70 x 70 BGR, opencv_linear"

// Serves one thread; keeps the coefficients of the image sizes it has met.
class Preprocessor {
 public:
  explicit Preprocessor(const Preprocessing& preprocessing);

  // Writes (height, width, channels) bytes to `out`. Takes the image over, since grey is made in place.
  void run(Image image, std::uint8_t* out);

 private:
  Preprocessing wanted_;
  std::map<std::pair<int, int>, Resizer> resizers_;  // by (width, height)
};

// One image, without anything kept.
void preprocess(const Image& image, const Preprocessing& preprocessing, std::uint8_t* out);

}  // namespace curie
