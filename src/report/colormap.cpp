#include "report/colormap.h"

#include <algorithm>
#include <cmath>

namespace curie {
namespace {

// Matplotlib's maps at 0, 1/32, ... 1; between them a straight line is within 5 of 255 of the originals.
using Anchors = std::array<std::uint32_t, 33>;
constexpr Anchors kViridis = {
    0x440154, 0x470D60, 0x48186A, 0x482374, 0x472D7B, 0x453781, 0x424086, 0x3E4989, 0x3B528B, 0x375B8D, 0x33638D,
    0x2F6B8E, 0x2C728E, 0x297A8E, 0x26828E, 0x23898E, 0x21918C, 0x1F988B, 0x1FA088, 0x22A785, 0x28AE80, 0x32B67A,
    0x3FBC73, 0x4EC36B, 0x5EC962, 0x70CF57, 0x84D44B, 0x98D83E, 0xADDC30, 0xC2DF23, 0xD8E219, 0xECE51B, 0xFDE725,
};
constexpr Anchors kInferno = {
    0x000004, 0x040312, 0x0B0724, 0x150B37, 0x210C4A, 0x2F0A5B, 0x3D0965, 0x4A0C6B, 0x57106E, 0x64156E, 0x71196E,
    0x7D1E6D, 0x8A226A, 0x972766, 0xA32C61, 0xB0315B, 0xBC3754, 0xC73E4C, 0xD24644, 0xDB503B, 0xE45A31, 0xEB6628,
    0xF1731D, 0xF68013, 0xF98E09, 0xFB9D07, 0xFCAC11, 0xFBBC21, 0xF9CB35, 0xF5DB4C, 0xF2EA69, 0xF3F68A, 0xFCFFA4,
};
constexpr Anchors kBalance = {
    0x053061, 0x0E4179, 0x175290, 0x1F63A8, 0x2A71B2, 0x3480B9, 0x3F8EC0, 0x529DC8, 0x6BACD1, 0x84BCD9, 0x9BC9E0,
    0xAED3E6, 0xC2DDEC, 0xD4E6F1, 0xE0ECF3, 0xECF2F5, 0xF7F6F6, 0xF9EEE7, 0xFBE5D8, 0xFDDCC9, 0xFBCCB4, 0xF8BB9E,
    0xF5AA89, 0xEE9677, 0xE48066, 0xDB6B55, 0xD05548, 0xC53E3D, 0xBA2832, 0xAB162A, 0x930E26, 0x7C0722, 0x67001F,
};

const Anchors& anchors_of(ColorMap map) {
  switch (map) {
    case ColorMap::viridis:
      return kViridis;
    case ColorMap::inferno:
      return kInferno;
    default:
      return kBalance;
  }
}

double channel(std::uint32_t color, int shift) { return static_cast<double>(color >> shift & 0xFFu); }

}  // namespace

Rgb color_of(ColorMap map, double value) {
  const Anchors& anchors = anchors_of(map);
  const double place = (value > 0 ? std::min(value, 1.0) : 0.0) * static_cast<double>(anchors.size() - 1);
  const std::size_t lower = std::min(static_cast<std::size_t>(place), anchors.size() - 2);
  const double share = place - static_cast<double>(lower);
  Rgb color{};
  for (int i = 0; i < 3; ++i) {
    const int shift = 16 - 8 * i;
    const double from = channel(anchors[lower], shift), to = channel(anchors[lower + 1], shift);
    color[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(std::lround(from + (to - from) * share));
  }
  return color;
}

}  // namespace curie
