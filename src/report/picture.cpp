#include "report/picture.h"

#include <algorithm>
#include <cmath>

#include "tensor/error.h"

namespace curie {
namespace {

std::size_t size_of(int width, int height, int channels) {
  return static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * static_cast<std::size_t>(channels);
}

void check(const Picture& picture) {
  CURIE_CHECK(picture.width >= 1 && picture.height >= 1 && (picture.channels == 1 || picture.channels == 3) &&
                  picture.pixels.size() == size_of(picture.width, picture.height, picture.channels),
              usage, "picture: expected {} x {} pixels of 1 or 3 channels, got {} values of {} channels", picture.width,
              picture.height, picture.pixels.size(), picture.channels);
}

// What one new pixel takes of the old ones along an axis: from `first`, these shares.
struct Taps {
  int first = 0;
  std::vector<double> weights;
};

std::vector<Taps> taps(int from, int to) {
  const double scale = static_cast<double>(from) / to;
  std::vector<Taps> all;
  for (int i = 0; i < to; ++i) {
    Taps one;
    if (scale <= 1) {
      const double place = std::clamp((i + 0.5) * scale - 0.5, 0.0, static_cast<double>(from - 1));
      one.first = std::min(static_cast<int>(place), std::max(from - 2, 0));
      const double share = place - one.first;
      one.weights = from == 1 ? std::vector<double>{1} : std::vector<double>{1 - share, share};
    } else {
      const double begin = i * scale, end = std::min((i + 1) * scale, static_cast<double>(from));
      one.first = static_cast<int>(begin);
      for (int cell = one.first; cell < end; ++cell) {
        one.weights.push_back((std::min(end, cell + 1.0) - std::max(begin, static_cast<double>(cell))) / (end - begin));
      }
    }
    all.push_back(std::move(one));
  }
  return all;
}

// Values of `channels` planes interleaved.
std::vector<double> scale(std::span<const double> values, int width, int height, int channels, int to_width,
                          int to_height) {
  const std::vector<Taps> across = taps(width, to_width), down = taps(height, to_height);
  const auto planes = static_cast<std::size_t>(channels);
  std::vector<double> rows(size_of(to_width, height, channels)), result(size_of(to_width, to_height, channels));
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < to_width; ++x) {
      const Taps& own = across[static_cast<std::size_t>(x)];
      for (std::size_t c = 0; c < planes; ++c) {
        double sum = 0;
        for (std::size_t k = 0; k < own.weights.size(); ++k) {
          sum += own.weights[k] *
                 values[size_of(width, y, channels) + (static_cast<std::size_t>(own.first) + k) * planes + c];
        }
        rows[size_of(to_width, y, channels) + size_of(x, 1, channels) + c] = sum;
      }
    }
  }
  for (int y = 0; y < to_height; ++y) {
    const Taps& own = down[static_cast<std::size_t>(y)];
    const std::size_t row = size_of(to_width, 1, channels);
    for (std::size_t k = 0; k < own.weights.size(); ++k) {
      const std::size_t from = (static_cast<std::size_t>(own.first) + k) * row;
      for (std::size_t i = 0; i < row; ++i)
        result[size_of(to_width, y, channels) + i] += own.weights[k] * rows[from + i];
    }
  }
  return result;
}

void check_size(int width, int height) {
  CURIE_CHECK(width >= 1 && height >= 1, usage, "picture: expected a size of at least 1 x 1, got {} x {}", width,
              height);
}

}  // namespace

Picture resized(const Picture& picture, int width, int height) {
  check(picture);
  check_size(width, height);
  if (picture.width == width && picture.height == height) return picture;
  const std::vector<double> values(picture.pixels.begin(), picture.pixels.end());
  Picture result{width, height, picture.channels, {}};
  for (const double value : scale(values, picture.width, picture.height, picture.channels, width, height)) {
    result.pixels.push_back(static_cast<std::uint8_t>(std::clamp(std::lround(value), 0L, 255L)));
  }
  return result;
}

HeatMap resized(const HeatMap& map, int width, int height) {
  check_size(width, height);
  CURIE_CHECK(map.width >= 1 && map.height >= 1 && map.values.size() == size_of(map.width, map.height, 1), usage,
              "heat map: expected {} x {} values, got {}", map.width, map.height, map.values.size());
  const std::vector<double> values(map.values.begin(), map.values.end());
  const std::vector<double> scaled = scale(values, map.width, map.height, 1, width, height);
  HeatMap result{width, height, {}};
  for (const double value : scaled) result.values.push_back(static_cast<float>(value));
  return result;
}

Picture magnified(const Picture& picture, int times) {
  check(picture);
  CURIE_CHECK(times >= 1, usage, "picture: expected a magnification of at least 1, got {}", times);
  Picture result{picture.width * times, picture.height * times, picture.channels, {}};
  result.pixels.reserve(size_of(result.width, result.height, result.channels));
  for (int y = 0; y < result.height; ++y) {
    for (int x = 0; x < result.width; ++x) {
      const std::size_t from =
          size_of(picture.width, y / times, picture.channels) + size_of(x / times, 1, picture.channels);
      for (std::size_t c = 0; c < static_cast<std::size_t>(picture.channels); ++c) {
        result.pixels.push_back(picture.pixels[from + c]);
      }
    }
  }
  return result;
}

Picture at_most(const Picture& picture, int longest) {
  const int side = std::max(picture.width, picture.height);
  if (side <= longest) return picture;
  const auto scaled = [&](int extent) {
    return std::max(1, static_cast<int>(std::lround(double(extent) * longest / side)));
  };
  return resized(picture, scaled(picture.width), scaled(picture.height));
}

Picture without_idle_color(Picture picture) {
  check(picture);
  if (picture.channels == 1) return picture;
  std::vector<std::uint8_t> grey;
  for (std::size_t i = 0; i < picture.pixels.size(); i += 3) {
    const std::uint8_t* pixel = picture.pixels.data() + i;
    if (pixel[0] != pixel[1] || pixel[0] != pixel[2]) return picture;
    grey.push_back(pixel[0]);
  }
  return {picture.width, picture.height, 1, std::move(grey)};
}

Picture colored(const HeatMap& map, ColorMap colors, double low, double high) {
  Picture result{map.width, map.height, 3, {}};
  const double range = high > low ? high - low : 1;
  for (const float value : map.values) {
    const Rgb color = color_of(colors, (static_cast<double>(value) - low) / range);
    result.pixels.insert(result.pixels.end(), color.begin(), color.end());
  }
  check(result);
  return result;
}

Picture overlaid(const Picture& picture, const HeatMap& map, ColorMap colors) {
  check(picture);
  const HeatMap heat = resized(map, picture.width, picture.height);
  constexpr double kMostOpaque = 0.75;
  const auto channels = static_cast<std::size_t>(picture.channels);
  Picture result{picture.width, picture.height, 3, {}};
  for (std::size_t i = 0; i < heat.values.size(); ++i) {
    const auto given = static_cast<double>(heat.values[i]);
    const double value = given > 0 ? std::min(given, 1.0) : 0;  // NaN is cold
    const Rgb color = color_of(colors, value);
    const double opacity = kMostOpaque * std::sqrt(value);
    for (std::size_t c = 0; c < 3; ++c) {
      const double under = picture.pixels[i * channels + (channels == 3 ? c : 0)];
      result.pixels.push_back(static_cast<std::uint8_t>(std::lround(under + opacity * (color[c] - under))));
    }
  }
  return result;
}

Picture tiled(std::span<const Picture> pictures, int columns, int gap, std::uint8_t grey) {
  CURIE_CHECK(!pictures.empty() && columns >= 1 && gap >= 0, usage,
              "tiles: expected pictures, columns and a gap, got {}, {} and {}", pictures.size(), columns, gap);
  const int width = pictures[0].width, height = pictures[0].height;
  int channels = 1;
  for (const Picture& one : pictures) {
    check(one);
    CURIE_CHECK(one.width == width && one.height == height, usage, "tiles: expected pictures of {} x {}, got {} x {}",
                width, height, one.width, one.height);
    channels = std::max(channels, one.channels);
  }
  const int count = static_cast<int>(pictures.size()), wide = std::min(columns, count);
  const int tall = (count + wide - 1) / wide;
  Picture result{wide * (width + gap) - gap, tall * (height + gap) - gap, channels, {}};
  result.pixels.assign(size_of(result.width, result.height, channels), grey);
  for (int n = 0; n < count; ++n) {
    const Picture& one = pictures[static_cast<std::size_t>(n)];
    const int left = n % wide * (width + gap), top = n / wide * (height + gap);
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) {
        for (int c = 0; c < channels; ++c) {
          const std::size_t from = size_of(width, y, one.channels) + size_of(x, 1, one.channels);
          const std::size_t to = size_of(result.width, top + y, channels) + size_of(left + x, 1, channels);
          result.pixels[to + static_cast<std::size_t>(c)] =
              one.pixels[from + static_cast<std::size_t>(one.channels == 3 ? c : 0)];
        }
      }
    }
  }
  return result;
}

}  // namespace curie
