// Affine warps of 8-bit images: what augmentation does to every sample of a batch, on any device.
//
//   y[i, r, q, c] = (sample(images[rows[i]], c, A_i (r, q, 1)) - offset[c]) * factor[c]
//
// A_i maps a pixel of the output to a place in the input, (row, column), of which pixel centres have whole numbers. It
// is kept in fixed point, and samples are weighted in integers, so that every device gives the same bits: a place is
// exact to 2^-32 pixels for each step from the origin, a weight to 2^-16, a value to .01 of a grey level.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>

namespace curie {

enum class WarpSampling {
  linear,   // the four pixels around the place
  nearest,  // the pixel at floor(row), floor(column)
};
enum class WarpFill {
  edge,      // places outside are moved to the nearest edge
  constant,  // places outside give `fill`; linear: nothing is interpolated beyond the centres of the edge's pixels
};

struct WarpShape {
  int count = 0;  // images in the batch
  int height = 0, width = 0, channels = 0;
  WarpSampling sampling = WarpSampling::linear;
  WarpFill fill_mode = WarpFill::edge;
  std::uint8_t fill = 0;

  constexpr std::size_t sample() const { return std::size_t(height) * std::size_t(width) * std::size_t(channels); }
  auto operator<=>(const WarpShape&) const = default;
};

// The matrix A of one image, in units of 2^-32 pixels: row = row_per_row * r + row_per_column * q + row_origin, and so
// on.
struct WarpMatrix {
  std::int64_t row_per_row = std::int64_t{1} << 32, row_per_column = 0, row_origin = 0;
  std::int64_t column_per_row = 0, column_per_column = std::int64_t{1} << 32, column_origin = 0;
  friend bool operator==(const WarpMatrix&, const WarpMatrix&) = default;
};
static_assert(sizeof(WarpMatrix) == 48);  // batches of them travel to devices as bytes

// What one pixel of the output is made of. Plain arithmetic that kernels share.
struct WarpPlace {
  int top = 0, bottom = 0, left = 0, right = 0;  // rows and columns of the input, inside it
  int down = 0, along = 0;                       // weights of bottom and of right, in units of 2^-15
  bool filled = false;                           // by the constant
};

namespace warp_detail {

inline constexpr int kPlaceBits = 32, kWeightBits = 15;

constexpr int clamped(std::int64_t index, int extent) {
  return index < 0 ? 0 : index >= extent ? extent - 1 : static_cast<int>(index);
}
constexpr bool outside(std::int64_t place, int extent, WarpSampling sampling) {
  if (place < 0) return true;
  return sampling == WarpSampling::linear ? place > (std::int64_t{extent - 1} << kPlaceBits)
                                          : place >> kPlaceBits >= extent;
}

}  // namespace warp_detail

// The place whose coordinates are `row` and `column`, in units of 2^-32 pixels.
constexpr WarpPlace warp_place(const WarpShape& shape, std::int64_t row, std::int64_t column) {
  using warp_detail::clamped, warp_detail::outside, warp_detail::kPlaceBits, warp_detail::kWeightBits;
  WarpPlace place;
  place.filled = shape.fill_mode == WarpFill::constant &&
                 (outside(row, shape.height, shape.sampling) || outside(column, shape.width, shape.sampling));
  const std::int64_t top = row >> kPlaceBits, left = column >> kPlaceBits;  // floor, of negative places too
  place.top = clamped(top, shape.height);
  place.left = clamped(left, shape.width);
  if (shape.sampling == WarpSampling::nearest) return place;
  place.bottom = clamped(top + 1, shape.height);
  place.right = clamped(left + 1, shape.width);
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

}  // namespace curie
