// Affine warps of 8-bit images: what augmentation does to every sample of a batch, on any device.
//
//   v[r, q, c] = sample(images[rows[i]], c, A_i (r, q, 1))         a value between 0 and 255
//   u = v, shifted by s_i and made brighter by b_i                 WarpShift, WarpBrightness
//   y[i, r, q, c] = (u - offset[c]) * factor[c]                    or with the sample's own mean: WarpSamplewise
//
// A_i maps a pixel of the output to a place in the input, (row, column), of which pixel centres have whole numbers. It
// is kept in fixed point, and samples are weighted in integers, so that every device gives the same bits: a place is
// exact to 2^-32 pixels for each step from the origin, a weight to 2^-16, a value to .01 of a grey level. The steps
// after it add to exact products only, so that it does not matter whether a compiler fuses the two, and sums over a
// sample are sums of integers.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>

namespace curie {

enum class WarpSampling {
  linear,   // the four pixels around the place
  nearest,  // the pixel at floor(row), floor(column)
};
// What stands beyond the edges of an image whose row is abcd; SciPy's names, but for edge (nearest).
enum class WarpFill {
  edge,      // aaaa|abcd|dddd
  constant,  // `fill`; linear: nothing is interpolated beyond the centres of the edge's pixels
  reflect,   // dcba|abcd|dcba
  wrap,  // abc|abcd|bcd: the centres of opposite edges fall together, so the picture repeats every extent - 1 pixels
  grid_wrap,  // abcd|abcd|abcd
};
// The channel shift s, in grey levels, the same for all channels.
enum class WarpShift {
  none,       // s is not looked at
  clipped,    // v + s between 0 and 255
  own_range,  // v + s between the smallest and the largest value of the warped image, over all its channels
};
// The brightness b, at least 0.
enum class WarpBrightness {
  none,     // b is not looked at
  product,  // v * b, 255 at most
  whole,    // the same with v and the product cut to whole numbers, as on 8-bit images (Pillow's ImageEnhance)
};
// Whether y is (w - offset[c]) * factor[c] of something else than u. m and d are the mean and the standard deviation
// of u over all pixels and channels of the sample.
enum class WarpSamplewise {
  none,
  center,       // w = u - m
  standardize,  // w = (u - m) / (d + kWarpDeviationFloor)
};
// Keras adds 1e-6 to the deviation of images that were rescaled by 1 / 255.
inline constexpr double kWarpDeviationFloor = 255e-6;
// Elements of a sample whose mean is asked for, at most: its sum of squares fits 64 bits.
inline constexpr std::size_t kLargestSamplewise = std::size_t{1} << 23;

struct WarpShape {
  int count = 0;  // images in the batch
  int height = 0, width = 0, channels = 0;
  WarpSampling sampling = WarpSampling::linear;
  WarpFill fill_mode = WarpFill::edge;
  std::uint8_t fill = 0;
  WarpShift shift = WarpShift::none;
  WarpBrightness brightness = WarpBrightness::none;
  WarpSamplewise samplewise = WarpSamplewise::none;

  constexpr std::size_t sample() const { return std::size_t(height) * std::size_t(width) * std::size_t(channels); }
  // u is v, and y as without samplewise.
  constexpr bool keeps_tone() const {
    return shift == WarpShift::none && brightness == WarpBrightness::none && samplewise == WarpSamplewise::none;
  }
  // A pixel of the output depends on the whole image.
  constexpr bool needs_image() const { return shift == WarpShift::own_range || samplewise != WarpSamplewise::none; }
  auto operator<=>(const WarpShape&) const = default;
};

// The matrix A of one image, in units of 2^-32 pixels: row = row_per_row * r + row_per_column * q + row_origin, and so
// on.
struct WarpMatrix {
  std::int64_t row_per_row = std::int64_t{1} << 32, row_per_column = 0, row_origin = 0;
  std::int64_t column_per_row = 0, column_per_column = std::int64_t{1} << 32, column_origin = 0;
  friend bool operator==(const WarpMatrix&, const WarpMatrix&) = default;
};

// One image's matrix A, s and b.
struct ImageWarp {
  WarpMatrix matrix;
  float shift = 0.0f, brightness = 1.0f;
  friend bool operator==(const ImageWarp&, const ImageWarp&) = default;
};
static_assert(sizeof(ImageWarp) == 56);  // batches of them travel to devices as bytes

// What one pixel of the output is made of. Plain arithmetic that kernels share.
struct WarpPlace {
  int top = 0, bottom = 0, left = 0, right = 0;  // rows and columns of the input, inside it
  int down = 0, along = 0;                       // weights of bottom and of right, in units of 2^-15
  bool filled = false;                           // by the constant
};

namespace warp_detail {

inline constexpr int kPlaceBits = 32, kWeightBits = 15;

// From 0 up to `period`, of negative values too.
constexpr std::int64_t modulo(std::int64_t value, std::int64_t period) {
  const std::int64_t rest = value % period;
  return rest < 0 ? rest + period : rest;
}
// The pixel that stands at `index` of an axis continued beyond its ends.
constexpr int pixel_at(std::int64_t index, int extent, WarpFill fill_mode) {
  if (index >= 0 && index < extent) return static_cast<int>(index);
  if (fill_mode == WarpFill::grid_wrap) return static_cast<int>(modulo(index, extent));
  if (fill_mode == WarpFill::reflect) {
    const int there = static_cast<int>(modulo(index, 2 * std::int64_t{extent}));
    return there < extent ? there : 2 * extent - 1 - there;
  }
  return index < 0 ? 0 : extent - 1;
}
// SciPy's wrap. Whole periods away, a place below 0 is the last pixel and one above the end the first.
constexpr std::int64_t wrapped(std::int64_t place, int extent) {
  const std::int64_t last = std::int64_t{extent - 1} << kPlaceBits;
  if (place >= 0 && place <= last) return place;
  if (last == 0) return 0;
  return place < 0 ? place % last + last : place % last;
}
constexpr bool outside(std::int64_t place, int extent, WarpSampling sampling) {
  if (place < 0) return true;
  return sampling == WarpSampling::linear ? place > (std::int64_t{extent - 1} << kPlaceBits)
                                          : place >> kPlaceBits >= extent;
}

}  // namespace warp_detail

// The place whose coordinates are `row` and `column`, in units of 2^-32 pixels.
constexpr WarpPlace warp_place(const WarpShape& shape, std::int64_t row, std::int64_t column) {
  using warp_detail::pixel_at, warp_detail::outside, warp_detail::kPlaceBits, warp_detail::kWeightBits;
  WarpPlace place;
  if (shape.fill_mode == WarpFill::wrap) {
    row = warp_detail::wrapped(row, shape.height);
    column = warp_detail::wrapped(column, shape.width);
  }
  place.filled = shape.fill_mode == WarpFill::constant &&
                 (outside(row, shape.height, shape.sampling) || outside(column, shape.width, shape.sampling));
  const std::int64_t top = row >> kPlaceBits, left = column >> kPlaceBits;  // floor, of negative places too
  place.top = pixel_at(top, shape.height, shape.fill_mode);
  place.left = pixel_at(left, shape.width, shape.fill_mode);
  if (shape.sampling == WarpSampling::nearest) return place;
  place.bottom = pixel_at(top + 1, shape.height, shape.fill_mode);
  place.right = pixel_at(left + 1, shape.width, shape.fill_mode);
  constexpr int kDropped = kPlaceBits - kWeightBits;
  constexpr std::int64_t kMask = (std::int64_t{1} << kWeightBits) - 1;
  place.down = static_cast<int>((row >> kDropped) & kMask);
  place.along = static_cast<int>((column >> kDropped) & kMask);
  return place;
}

// A pixel's value between 0 and 255 from the four around its place. The horizontal sums are rounded to 2^-8, so that
// everything fits 31 bits; the conversion to float rounds once.
constexpr float warp_value(const WarpPlace& place, int top_left, int top_right, int bottom_left, int bottom_right) {
  constexpr int kOne = 1 << warp_detail::kWeightBits, kShift = warp_detail::kWeightBits - 8;
  const int top = (top_left * (kOne - place.along) + top_right * place.along + (1 << (kShift - 1))) >> kShift;
  const int bottom = (bottom_left * (kOne - place.along) + bottom_right * place.along + (1 << (kShift - 1))) >> kShift;
  return static_cast<float>(top * (kOne - place.down) + bottom * place.down) * 0x1p-23f;
}

// What a pixel's tone depends on beyond its own value.
struct WarpSample {
  float shift = 0.0f, brightness = 1.0f;
  float low = 0.0f, high = 255.0f;  // between which shifted values stay
  float mean = 0.0f, gain = 1.0f;   // w = (u - mean) * gain
};

// u of v.
constexpr float warp_tone(const WarpShape& shape, const WarpSample& sample, float value) {
  const auto least = [](float a, float b) { return a < b ? a : b; };
  if (shape.shift != WarpShift::none) {
    value += sample.shift;
    value = value < sample.low ? sample.low : least(value, sample.high);
  }
  if (shape.brightness == WarpBrightness::product) value = least(value * sample.brightness, 255.0f);
  if (shape.brightness == WarpBrightness::whole) {
    const float product = static_cast<float>(static_cast<int>(value)) * sample.brightness;
    value = static_cast<float>(static_cast<int>(least(product, 255.0f)));
  }
  return value;
}

// y of u. The product of two floats is exact in double.
constexpr float warp_output(const WarpShape& shape, const WarpSample& sample, float value, float offset, float factor) {
  if (shape.samplewise == WarpSamplewise::none) return (value - offset) * factor;
  const double scaled = static_cast<double>(value - sample.mean) * static_cast<double>(sample.gain);
  return static_cast<float>(scaled - static_cast<double>(offset)) * factor;
}

// u in units of 2^-12 grey levels, to be added up.
constexpr std::uint64_t warp_units(float value) { return static_cast<std::uint64_t>(value * 0x1p12f + 0.5f); }

// Sets the mean and gain of a sample from its sums of units and of their squares. `root` is the square root in double.
template <typename Root>
constexpr void set_moments(const WarpShape& shape, std::uint64_t sum, std::uint64_t squares, Root root,
                           WarpSample& sample) {
  const double count = static_cast<double>(shape.sample());
  const double mean = static_cast<double>(sum) / count * 0x1p-12;
  const double root_mean_square = root(static_cast<double>(squares) / count) * 0x1p-12;
  const double variance = (root_mean_square - mean) * (root_mean_square + mean);
  sample.mean = static_cast<float>(mean);
  if (shape.samplewise == WarpSamplewise::standardize) {
    sample.gain = static_cast<float>(1.0 / (root(variance > 0.0 ? variance : 0.0) + kWarpDeviationFloor));
  }
}

}  // namespace curie
