#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/explain.h"
#include "tensor/error.h"

namespace curie {
namespace {

constexpr int kLook = 256;    // pixels of the longer side of a picture to look at
constexpr int kMapSide = 72;  // of one map in a sheet
constexpr int kFewMaps = 64;  // of more, each is shown smaller
constexpr int kSmallMapSide = 48;
constexpr int kSheet = 2048;          // pixels of a row of filters, where they fit
constexpr int kMatrix = 512;          // cells of a matrix in each direction
constexpr int kCell = 10;             // of one unit or weight
constexpr std::uint8_t kPaper = 236;  // between maps and units
constexpr std::uint8_t kLines = 130;  // between filters, whose weights are near white

int magnification(int side, int wanted) { return std::max(1, wanted / side); }

// Channel `channel` of maps (1, h, w, c).
HeatMap map_of(const Tensor& maps, int channel) {
  const Shape& shape = maps.shape();
  const auto channels = static_cast<std::size_t>(shape[3]);
  const std::span<const float> values = maps.host<float>();
  HeatMap map{shape[2], shape[1], {}};
  for (std::size_t at = static_cast<std::size_t>(channel); at < values.size(); at += channels) {
    map.values.push_back(values[at]);
  }
  return map;
}

Picture in_own_range(const HeatMap& map) {
  const auto [low, high] = std::minmax_element(map.values.begin(), map.values.end());
  return colored(map, ColorMap::viridis, static_cast<double>(*low), static_cast<double>(*high));
}

double largest_magnitude(std::span<const float> values) {
  double largest = 0;
  for (const float value : values) largest = std::max(largest, std::abs(static_cast<double>(value)));
  return largest > 0 ? largest : 1;
}

LayerView units_view(const Tensor& output, int most) {
  const int units = static_cast<int>(output.elements()), shown = std::min(units, 8 * most);
  const std::span<const float> values = output.host<float>().first(static_cast<std::size_t>(shown));
  const double largest = largest_magnitude(values);
  std::vector<Picture> cells;
  for (const float value : values) {
    cells.push_back(magnified(colored(HeatMap{1, 1, {value}}, ColorMap::balance, -largest, largest), kCell));
  }
  LayerView view;
  view.picture = tiled(cells, 64, 1, kPaper);
  view.text =
      fmt::format("{} units, red above zero, blue below; the largest magnitude is {:.3g}",
                  shown == units ? fmt::format("{}", units) : fmt::format("the first {} of {}", shown, units), largest);
  view.whole = shown == units;
  return view;
}

// Weight (k, r, s, c) of a kernel.
float weight(const Tensor& kernel, int k, int r, int s, int c) {
  const Shape& shape = kernel.shape();
  const std::size_t at =
      ((static_cast<std::size_t>(k) * static_cast<std::size_t>(shape[1]) + static_cast<std::size_t>(r)) *
           static_cast<std::size_t>(shape[2]) +
       static_cast<std::size_t>(s)) *
          static_cast<std::size_t>(shape[3]) +
      static_cast<std::size_t>(c);
  return kernel.host<float>()[at];
}

// One filter in colour: its three channels from -largest (0) to largest (255).
Picture color_filter(const Tensor& kernel, int k, double largest) {
  const Shape& shape = kernel.shape();
  Picture picture{shape[2], shape[1], 3, {}};
  for (int r = 0; r < shape[1]; ++r) {
    for (int s = 0; s < shape[2]; ++s) {
      for (int c = 0; c < 3; ++c) {
        const double share = static_cast<double>(weight(kernel, k, r, s, c)) / largest;
        picture.pixels.push_back(static_cast<std::uint8_t>(std::lround(127.5 + 127.5 * share)));
      }
    }
  }
  return picture;
}

Picture slice(const Tensor& kernel, int k, int c, double largest) {
  const Shape& shape = kernel.shape();
  HeatMap map{shape[2], shape[1], {}};
  for (int r = 0; r < shape[1]; ++r) {
    for (int s = 0; s < shape[2]; ++s) map.values.push_back(weight(kernel, k, r, s, c));
  }
  return colored(map, ColorMap::balance, -largest, largest);
}

std::string counted(int shown, int all, std::string_view what) {
  return shown == all ? fmt::format("{} {}", all, what) : fmt::format("the first {} of {} {}", shown, all, what);
}

}  // namespace

LayerView activation_view(const Tensor& output, int most) {
  const Shape& shape = output.shape();
  CURIE_CHECK(most >= 1 && (shape.rank() == 4 || shape.rank() == 2) && shape[0] == 1, usage,
              "activations: expected those of one sample, (1, h, w, c) or (1, n), got {}", to_string(shape));
  if (shape.rank() == 2 || shape[1] * shape[2] == 1) return units_view(output, most);
  const int shown = std::min(shape[3], most);
  const int side = shown > kFewMaps ? kSmallMapSide : kMapSide;
  std::vector<Picture> maps;
  for (int channel = 0; channel < shown; ++channel) {
    const Picture map = at_most(in_own_range(map_of(output, channel)), 2 * side);
    maps.push_back(magnified(map, magnification(std::max(map.width, map.height), side)));
  }
  LayerView view;
  view.picture = tiled(maps, (maps[0].width > side ? 6 : 12) * kMapSide / side, 3, kPaper);
  view.text = counted(shown, shape[3], "maps") + ", each from its lowest value (dark) to its highest (yellow)";
  view.whole = shown == shape[3];
  return view;
}

LayerView filter_view(const Tensor& kernel, int most) {
  const Shape& shape = kernel.shape();
  CURIE_CHECK(most >= 1 && shape.rank() == 4, usage, "filters: expected a kernel (k, r, s, c), got {}",
              to_string(shape));
  const int filters = shape[0], channels = shape[3];
  const double largest = largest_magnitude(kernel.host<float>());
  const int times = magnification(std::max(shape[1], shape[2]), channels > 3 ? 18 : 48);
  LayerView view;
  std::vector<Picture> tiles;
  if (channels == 1 || channels == 3) {
    const int shown = std::min(filters, 4 * most);
    for (int k = 0; k < shown; ++k) {
      tiles.push_back(
          magnified(channels == 3 ? color_filter(kernel, k, largest) : slice(kernel, k, 0, largest), times));
    }
    view.picture = tiled(tiles, 16, 4, kLines);
    view.text = counted(shown, filters, "filters") +
                (channels == 3 ? ", in colour: grey is zero" : ", red weights are positive, blue ones negative");
    view.whole = shown == filters;
    return view;
  }
  const int rows = std::min(filters, most), columns = std::min(channels, most);
  const int gap = columns > kFewMaps ? 1 : 2;
  const int fitting = std::clamp((kSheet / columns - gap) / std::max(shape[1], shape[2]), 1, times);
  for (int k = 0; k < rows; ++k) {
    for (int c = 0; c < columns; ++c) tiles.push_back(magnified(slice(kernel, k, c, largest), fitting));
  }
  view.picture = tiled(tiles, columns, gap, kLines);
  view.text = fmt::format("a row for each of {}, a cell for each of {}; red weights are positive, blue ones negative",
                          counted(rows, filters, "filters"), counted(columns, channels, "input channels"));
  view.whole = rows == filters && columns == channels;
  return view;
}

LayerView matrix_view(const Tensor& kernel) {
  const Shape& shape = kernel.shape();
  CURIE_CHECK(shape.rank() == 2, usage, "weights: expected a matrix (inputs, units), got {}", to_string(shape));
  const int inputs = shape[0], units = shape[1];
  const int across = (inputs + kMatrix - 1) / kMatrix, down = (units + kMatrix - 1) / kMatrix;  // weights of a cell
  HeatMap map{(inputs + across - 1) / across, (units + down - 1) / down, {}};
  map.values.assign(static_cast<std::size_t>(map.width) * static_cast<std::size_t>(map.height), 0.0f);
  const std::span<const float> weights = kernel.host<float>();
  for (int i = 0; i < inputs; ++i) {
    for (int u = 0; u < units; ++u) {
      const float weight =
          weights[static_cast<std::size_t>(i) * static_cast<std::size_t>(units) + static_cast<std::size_t>(u)];
      float& cell = map.values[static_cast<std::size_t>(u / down) * static_cast<std::size_t>(map.width) +
                               static_cast<std::size_t>(i / across)];
      if (std::abs(weight) > std::abs(cell)) cell = weight;
    }
  }
  const double largest = largest_magnitude(map.values);
  LayerView view;
  view.picture = magnified(colored(map, ColorMap::balance, -largest, largest),
                           magnification(std::max(map.width, map.height), kMatrix));
  view.text = fmt::format(
      "a row for each of {} units, a column for each of {} inputs; red weights are positive, blue ones "
      "negative, up to {:.3g}",
      units, inputs, largest);
  if (across * down > 1) view.text += fmt::format("; a cell shows the largest of {} x {} weights", down, across);
  return view;
}

Picture to_look_at(const Picture& picture) {
  const double scale = static_cast<double>(kLook) / std::max(picture.width, picture.height);
  const auto scaled = [scale](int extent) { return std::max(1, static_cast<int>(std::lround(extent * scale))); };
  return scale > 1 ? resized(picture, scaled(picture.width), scaled(picture.height)) : picture;
}

Picture heat_over(const Picture& picture, const HeatMap& map) { return overlaid(to_look_at(picture), map); }

Picture balance_over(const Picture& picture, const HeatMap& map) {
  const Picture base = to_look_at(picture);
  const HeatMap scaled = resized(map, base.width, base.height);
  const double largest = largest_magnitude(scaled.values);
  constexpr double kOpaque = 0.7;
  const auto channels = static_cast<std::size_t>(base.channels);
  Picture result{base.width, base.height, 3, {}};
  for (std::size_t i = 0; i < scaled.values.size(); ++i) {
    const double share = static_cast<double>(scaled.values[i]) / largest;
    const Rgb color = color_of(ColorMap::balance, 0.5 + 0.5 * share);
    for (std::size_t c = 0; c < 3; ++c) {
      const double under = base.pixels[i * channels + (channels == 3 ? c : 0)];
      result.pixels.push_back(static_cast<std::uint8_t>(
          std::lround(under + kOpaque * std::sqrt(std::abs(share)) * (static_cast<double>(color[c]) - under))));
    }
  }
  return result;
}

}  // namespace curie
