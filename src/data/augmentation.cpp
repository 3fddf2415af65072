#include "data/augmentation.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <numbers>
#include <numeric>

#include "tensor/error.h"
#include "tensor/json_fields.h"
#include "tensor/random.h"

namespace curie {
namespace {

constexpr std::uint32_t kStream = 0x41756720;  // apart from those of dropout, initialisation and the order of samples
constexpr std::uint64_t kPlacesPerImage = 8;
// Tones came later: in a stream of their own they leave every seed its places.
constexpr std::uint32_t kToneStream = 0x41756721;
constexpr std::uint64_t kTonesPerImage = 2;
constexpr double kLargestZoom = 1000.0;  // keeps places well inside 64 bits
constexpr double kLargestShift = 1e6;    // and so do ranges up to it
constexpr std::array<std::string_view, 3> kNames = {"keras", "keras_corrected", "torchvision"};
constexpr std::array<std::string_view, 4> kFillModes = {"nearest", "constant", "reflect", "wrap"};
static_assert(static_cast<int>(WarpFill::edge) == 0 && static_cast<int>(WarpFill::wrap) == 3, "kFillModes' order");

double radians(double degrees) { return degrees * std::numbers::pi / 180.0; }

// (first, second, 1) -> (first, second): two rows of a 3 x 3 matrix whose third is (0, 0, 1).
struct Affine {
  double a = 1, b = 0, c = 0;
  double d = 0, e = 1, f = 0;
};

Affine operator*(const Affine& l, const Affine& r) {
  return {l.a * r.a + l.b * r.d, l.a * r.b + l.b * r.e, l.a * r.c + l.b * r.f + l.c,
          l.d * r.a + l.e * r.d, l.d * r.b + l.e * r.e, l.d * r.c + l.e * r.f + l.f};
}

// Keras' matrix in its own coordinates, of which the first runs along columns once rows and columns are exchanged.
Affine keras_matrix(const Transform& t, double shift_first, double shift_second, double centre_first,
                    double centre_second) {
  const double theta = radians(t.theta), shear = radians(t.shear);
  const Affine centre{1, 0, centre_first, 0, 1, centre_second};
  const Affine rotation{std::cos(theta), -std::sin(theta), 0, std::sin(theta), std::cos(theta), 0};
  const Affine shift{1, 0, shift_first, 0, 1, shift_second};
  const Affine shearing{1, -std::sin(shear), 0, 0, std::cos(shear), 0};
  const Affine zoom{t.zx, 0, 0, 0, t.zy, 0};
  const Affine back{1, 0, -centre_first, 0, 1, -centre_second};
  return centre * rotation * shift * shearing * zoom * back;
}

std::int64_t fixed(double value) { return std::llround(value * 0x1p32); }

WarpMatrix keras_warp(AugmentationStyle style, const Transform& t, int height, int width) {
  const double middle_row = height / 2.0 - 0.5, middle_column = width / 2.0 - 0.5;
  const Affine m = style == AugmentationStyle::keras ? keras_matrix(t, t.tx, t.ty, middle_row, middle_column)
                                                     : keras_matrix(t, t.ty, t.tx, middle_column, middle_row);
  return {.row_per_row = fixed(m.e),
          .row_per_column = fixed(m.d),
          .row_origin = fixed(m.f),
          .column_per_row = fixed(m.b),
          .column_per_column = fixed(m.a),
          .column_origin = fixed(m.c)};
}

// Pillow 9.4: Image.rotate and affine_fixed of Geometry.c.
WarpMatrix pillow_rotation(double degrees, int height, int width) {
  const double angle = -radians(degrees);
  const double a = std::cos(angle), b = std::sin(angle), d = -std::sin(angle), e = std::cos(angle);
  const double x = width / 2.0, y = height / 2.0;
  const double c = a * -x + b * -y + x, f = d * -x + e * -y + y;
  const auto fix = [](double value) { return static_cast<std::int64_t>(std::floor(value * 65536.0 + 0.5)) * 65536; };
  return {.row_per_row = fix(e),
          .row_per_column = fix(d),
          .row_origin = fix(f + d * 0.5 + e * 0.5),
          .column_per_row = fix(b),
          .column_per_column = fix(a),
          .column_origin = fix(c + a * 0.5 + b * 0.5)};
}

// Pixels of one draw between 0 and 1.
double shift_of(AugmentationStyle style, double range, const std::vector<double>& values, int extent, double drawn) {
  if (values.empty()) return (-range + 2 * range * drawn) * (range < 1 ? extent : 1);
  const auto count = static_cast<double>(values.size());
  const auto choice = static_cast<std::size_t>(drawn * 2 * count);  // a value and a sign
  double largest = -std::numeric_limits<double>::infinity();
  for (const double value : values) {
    largest = std::max(largest, style == AugmentationStyle::keras ? value : std::abs(value));
  }
  return values[choice / 2] * (choice % 2 == 0 ? 1 : -1) * (largest < 1 ? extent : 1);
}

void check_shift(const char* name, double range, const std::vector<double>& values) {
  CURIE_CHECK(range == 0 || values.empty(), usage,
              "augmentation: expected a range or values for the {} shift, got both; leave one out", name);
  for (const double value : values) {
    CURIE_CHECK(std::abs(value) <= kLargestShift, usage,
                "augmentation: expected values of the {} shift between {} and {}, got {}", name, -kLargestShift,
                kLargestShift, value);
  }
}

nlohmann::json shift_json(double range, const std::vector<double>& values) {
  return values.empty() ? nlohmann::json(range) : nlohmann::json(values);
}

double number(const nlohmann::json& value, const char* name) {
  CURIE_CHECK(value.is_number(), file, "augmentation: expected a number for \"{}\", got {}", name, value.type_name());
  return value.get<double>();
}

// Two factors.
void read_pair(const nlohmann::json& value, const char* name, double& low, double& high) {
  CURIE_CHECK(value.is_array() && value.size() == 2, file, "augmentation: expected two factors for \"{}\"", name);
  low = number(value[0], name);
  high = number(value[1], name);
}

void read_shift(const nlohmann::json& value, const char* name, double& range, std::vector<double>& values) {
  if (!value.is_array()) {
    range = number(value, name);
    return;
  }
  CURIE_CHECK(!value.empty(), file, "augmentation: expected a number or a list of some for \"{}\"", name);
  for (const nlohmann::json& each : value) values.push_back(number(each, name));
}

}  // namespace

std::string_view name_of(AugmentationStyle style) { return kNames[static_cast<std::size_t>(style)]; }

Augmentation Augmentation::keras_zoom(double zoom) { return {.zoom_low = 1 - zoom, .zoom_high = 1 + zoom}; }

std::vector<double> Augmentation::whole_pixels(int n) {
  CURIE_CHECK(n >= 1 && n <= kLargestShift, usage, "augmentation: expected shifts below 1 pixel or more, got {}", n);
  std::vector<double> values(static_cast<std::size_t>(n));
  std::iota(values.begin(), values.end(), 0.0);
  return values;
}

void Augmentation::check() const {
  for (const double range : {rotation, width_shift, height_shift, shear, channel_shift}) {
    CURIE_CHECK(range >= 0 && range <= kLargestShift, usage, "augmentation: expected ranges of at least 0, got {}",
                range);
  }
  check_shift("width", width_shift, width_shifts);
  check_shift("height", height_shift, height_shifts);
  CURIE_CHECK(zoom_low > 0 && zoom_low <= zoom_high && zoom_high <= kLargestZoom, usage,
              "augmentation: expected zoom factors above 0 in ascending order, got {} to {}", zoom_low, zoom_high);
  CURIE_CHECK(brightness_low >= 0 && brightness_low <= brightness_high && brightness_high <= kLargestZoom, usage,
              "augmentation: expected factors of brightness of at least 0 in ascending order, got {} to {}",
              brightness_low, brightness_high);
  CURIE_CHECK(
      static_cast<std::size_t>(fill_mode) < kFillModes.size(), usage,
      "augmentation: expected the fill mode edge, constant, reflect or wrap; keras_corrected's wrap is grid_wrap");
  if (style != AugmentationStyle::torchvision) return;
  CURIE_CHECK(!shifts() && shear == 0 && !zooms() && channel_shift == 0 && !changes_brightness() &&
                  fill_mode <= WarpFill::constant,
              usage, "augmentation: the style torchvision has rotation and flips alone; use keras for all else");
}

bool Augmentation::shifts() const {
  return width_shift != 0 || height_shift != 0 || !width_shifts.empty() || !height_shifts.empty();
}
bool Augmentation::zooms() const { return zoom_low != 1 || zoom_high != 1; }
bool Augmentation::changes_brightness() const { return brightness_low != 1 || brightness_high != 1; }
bool Augmentation::changes_nothing() const {
  return rotation == 0 && !shifts() && shear == 0 && !zooms() && channel_shift == 0 && !changes_brightness() &&
         !horizontal_flip && !vertical_flip;
}

nlohmann::json to_json(const Augmentation& a) {
  return {{"kind", name_of(a.style)},
          {"rotation", a.rotation},
          {"width_shift", shift_json(a.width_shift, a.width_shifts)},
          {"height_shift", shift_json(a.height_shift, a.height_shifts)},
          {"shear", a.shear},
          {"zoom", {a.zoom_low, a.zoom_high}},
          {"horizontal_flip", a.horizontal_flip},
          {"vertical_flip", a.vertical_flip},
          {"channel_shift", a.channel_shift},
          {"brightness", {a.brightness_low, a.brightness_high}},
          {"fill_mode", kFillModes[static_cast<std::size_t>(a.fill_mode)]},
          {"fill", a.fill}};
}

Augmentation augmentation_from_json(const nlohmann::json& json) {
  return with_values_of_file("an augmentation", [&] {
    JsonFields fields(json, "augmentation");
    Augmentation result;
    const auto* style = std::find(kNames.begin(), kNames.end(), fields.kind());
    CURIE_CHECK(style != kNames.end(), file,
                "augmentation: expected the kind keras, keras_corrected or torchvision, got "
                "\"{}\"",
                fields.kind());
    result.style = static_cast<AugmentationStyle>(style - kNames.begin());
    result.rotation = number(fields.value("rotation"), "rotation");
    read_shift(fields.value("width_shift"), "width_shift", result.width_shift, result.width_shifts);
    read_shift(fields.value("height_shift"), "height_shift", result.height_shift, result.height_shifts);
    result.shear = number(fields.value("shear"), "shear");
    read_pair(fields.value("zoom"), "zoom", result.zoom_low, result.zoom_high);
    result.channel_shift = number(fields.value("channel_shift"), "channel_shift");
    read_pair(fields.value("brightness"), "brightness", result.brightness_low, result.brightness_high);
    result.horizontal_flip = fields.flag("horizontal_flip");
    result.vertical_flip = fields.flag("vertical_flip");
    const std::string fill_mode = fields.text("fill_mode");
    const auto* mode = std::find(kFillModes.begin(), kFillModes.end(), fill_mode);
    CURIE_CHECK(mode != kFillModes.end(), file,
                "augmentation: expected the fill mode nearest, constant, reflect or wrap, got \"{}\"", fill_mode);
    result.fill_mode = static_cast<WarpFill>(mode - kFillModes.begin());
    result.fill = static_cast<std::uint8_t>(fields.integer("fill", 0, 255));
    fields.finish();
    result.check();
    return result;
  });
}

std::string to_string(const Augmentation& a) {
  std::vector<std::string> parts;
  const auto add_range = [&](const char* name, double value) {
    if (value != 0) parts.push_back(fmt::format("{} {}", name, value));
  };
  const auto add_shift = [&](const char* name, double range, const std::vector<double>& values) {
    if (values.empty()) return add_range(name, range);
    parts.push_back(fmt::format("{} one of {}, either sign", name, fmt::join(values, " ")));
  };
  add_range("rotation", a.rotation);
  add_shift("width shift", a.width_shift, a.width_shifts);
  add_shift("height shift", a.height_shift, a.height_shifts);
  add_range("shear", a.shear);
  if (a.zooms()) parts.push_back(fmt::format("zoom {} to {}", a.zoom_low, a.zoom_high));
  if (a.horizontal_flip) parts.emplace_back("horizontal flip");
  if (a.vertical_flip) parts.emplace_back("vertical flip");
  add_range("channel shift", a.channel_shift);
  if (a.changes_brightness()) parts.push_back(fmt::format("brightness {} to {}", a.brightness_low, a.brightness_high));
  return fmt::format("{}: {}", name_of(a.style), parts.empty() ? "nothing" : fmt::format("{}", fmt::join(parts, ", ")));
}

Transform draw_transform(const Augmentation& a, int height, int width, std::uint64_t seed, int epoch, int image) {
  const RandomStream places{.seed = seed, .stream = kStream, .step = static_cast<std::uint32_t>(epoch)};
  const RandomStream tones{.seed = seed, .stream = kToneStream, .step = static_cast<std::uint32_t>(epoch)};
  // Keras' order, and as there each parameter has its draw whether it is used or not.
  std::uint64_t place = static_cast<std::uint64_t>(image) * kPlacesPerImage;
  std::uint64_t tone = static_cast<std::uint64_t>(image) * kTonesPerImage;
  const auto drawn_place = [&] { return static_cast<double>(places.uniform(place++)); };
  const auto between = [](double low, double high, double drawn) { return low + (high - low) * drawn; };
  Transform drawn;
  drawn.theta = between(-a.rotation, a.rotation, drawn_place());
  drawn.tx = shift_of(a.style, a.height_shift, a.height_shifts, height, drawn_place());
  drawn.ty = shift_of(a.style, a.width_shift, a.width_shifts, width, drawn_place());
  drawn.shear = between(-a.shear, a.shear, drawn_place());
  drawn.zx = between(a.zoom_low, a.zoom_high, drawn_place());
  drawn.zy = between(a.zoom_low, a.zoom_high, drawn_place());
  drawn.flip_horizontal = drawn_place() < 0.5 && a.horizontal_flip;
  drawn.flip_vertical = drawn_place() < 0.5 && a.vertical_flip;
  drawn.channel_shift = between(-a.channel_shift, a.channel_shift, static_cast<double>(tones.uniform(tone++)));
  drawn.brightness = between(a.brightness_low, a.brightness_high, static_cast<double>(tones.uniform(tone++)));
  return drawn;
}

WarpMatrix warp_matrix(AugmentationStyle style, const Transform& transform, int height, int width) {
  WarpMatrix m = style == AugmentationStyle::torchvision ? pillow_rotation(transform.theta, height, width)
                                                         : keras_warp(style, transform, height, width);
  // A flipped output looks at the unflipped one's column width - 1 - q: exact in whole numbers.
  if (transform.flip_horizontal) {
    m.row_origin += m.row_per_column * (width - 1);
    m.column_origin += m.column_per_column * (width - 1);
    m.row_per_column = -m.row_per_column;
    m.column_per_column = -m.column_per_column;
  }
  if (transform.flip_vertical) {
    m.row_origin += m.row_per_row * (height - 1);
    m.column_origin += m.column_per_row * (height - 1);
    m.row_per_row = -m.row_per_row;
    m.column_per_row = -m.column_per_row;
  }
  return m;
}

ImageWarp image_warp(AugmentationStyle style, const Transform& transform, int height, int width) {
  return {.matrix = warp_matrix(style, transform, height, width),
          .shift = static_cast<float>(transform.channel_shift),
          .brightness = static_cast<float>(transform.brightness)};
}

WarpShape warp_shape(const Augmentation& augmentation, const Shape& sample) {
  CURIE_CHECK(sample.rank() == 3, usage, "augmentation: expected images of (height, width, channels), got {}",
              to_string(sample));
  WarpShape shape{.height = sample[0],
                  .width = sample[1],
                  .channels = sample[2],
                  .fill_mode = augmentation.fill_mode,
                  .fill = augmentation.fill};
  if (augmentation.style == AugmentationStyle::torchvision) {
    shape.sampling = WarpSampling::nearest;
    shape.fill_mode = WarpFill::constant;
    return shape;
  }
  const bool keras = augmentation.style == AugmentationStyle::keras;
  if (!keras && shape.fill_mode == WarpFill::wrap) shape.fill_mode = WarpFill::grid_wrap;
  if (augmentation.channel_shift != 0) shape.shift = keras ? WarpShift::own_range : WarpShift::clipped;
  if (!augmentation.changes_brightness()) return shape;
  CURIE_CHECK(!keras || shape.channels == 1 || shape.channels == 3, usage,
              "augmentation: Keras' brightness works on images of 1 or 3 channels, got {}; use keras_corrected",
              to_string(sample));
  shape.brightness = keras ? WarpBrightness::whole : WarpBrightness::product;
  return shape;
}

}  // namespace curie
