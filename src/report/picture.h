// Pictures and heat maps as plain arrays: scaling, colouring, laying one over the other, arranging many.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "report/colormap.h"

namespace curie {

// (height, width, channels) bytes, 1 channel (grey) or 3 (RGB).
struct Picture {
  int width = 0, height = 0, channels = 1;
  std::vector<std::uint8_t> pixels;

  bool empty() const { return pixels.empty(); }
};

// (height, width) values.
struct HeatMap {
  int width = 0, height = 0;
  std::vector<float> values;
};

// Bilinear between pixel centres where it grows, the mean of what each new pixel covers where it shrinks. Throws
// Error(usage) for sizes below 1 or pixels that do not match the picture's size.
Picture resized(const Picture& picture, int width, int height);
HeatMap resized(const HeatMap& map, int width, int height);

// Whole multiples without smoothing, so that single weights can be seen.
Picture magnified(const Picture& picture, int times);

// The picture no longer than `longest` on its long side, never enlarged.
Picture at_most(const Picture& picture, int longest);

// One channel where the three are equal everywhere, as in X-rays read as RGB; else the picture as it is.
Picture without_idle_color(Picture picture);

// Values from `low` to `high` take the map's colours.
Picture colored(const HeatMap& map, ColorMap colors, double low, double high);

// The picture in grey under the map's colours (values from 0 to 1), which grow opaque with the value: cold places stay
// readable. The map is brought to the picture's size.
Picture overlaid(const Picture& picture, const HeatMap& map, ColorMap colors = ColorMap::inferno);

// Pictures of one size, row by row, with a gap of `gap` pixels of that grey between them. All become RGB when one is.
Picture tiled(std::span<const Picture> pictures, int columns, int gap, std::uint8_t grey);

}  // namespace curie
