// Colours for numbers.
#pragma once

#include <array>
#include <cstdint>

namespace curie {

// viridis and inferno (N. Smith, S. van der Walt, 2015, CC0: Matplotlib's) for values from nothing to much; `balance`
// for values around zero: blue below, white, red above.
enum class ColorMap : std::uint8_t { viridis, inferno, balance };

using Rgb = std::array<std::uint8_t, 3>;

// The colour of a value in [0, 1]; values beyond take the end's colour, NaN that of 0.
Rgb color_of(ColorMap map, double value);

}  // namespace curie
