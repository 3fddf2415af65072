#include "data/augmentation.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numbers>

#include "tensor/error.h"
#include "tensor/json_fields.h"
#include "tensor/random.h"

namespace curie {
namespace {

constexpr std::uint32_t kStream = 0x41756720;  // apart from those of dropout, initialisation and the order of samples
constexpr std::uint64_t kPlacesPerImage = 8;
constexpr double kLargestZoom = 1000.0;  // keeps places well inside 64 bits
constexpr std::array<std::string_view, 3> kNames = {"keras", "keras_corrected", "torchvision"};

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

void add_range(std::string& text, const char* name, double value) {
  if (value != 0) text += fmt::format("{} {} {}", text.empty() ? "" : ",", name, value);
}

}  // namespace

std::string_view name_of(AugmentationStyle style) { return kNames[static_cast<std::size_t>(style)]; }

Augmentation Augmentation::keras_zoom(double zoom) { return {.zoom_low = 1 - zoom, .zoom_high = 1 + zoom}; }

void Augmentation::check() const {
  for (const double range : {rotation, width_shift, height_shift, shear}) {
    CURIE_CHECK(range >= 0 && range <= 1e6, usage, "augmentation: expected ranges of at least 0, got {}", range);
  }
  CURIE_CHECK(zoom_low > 0 && zoom_low <= zoom_high && zoom_high <= kLargestZoom, usage,
              "augmentation: expected zoom factors above 0 in ascending order, got {} to {}", zoom_low, zoom_high);
  if (style != AugmentationStyle::torchvision) return;
  CURIE_CHECK(width_shift == 0 && height_shift == 0 && shear == 0 && zoom_low == 1 && zoom_high == 1, usage,
              "augmentation: the style torchvision has rotation and flips alone; use keras for shifts, shear and zoom");
}

bool Augmentation::changes_nothing() const {
  return rotation == 0 && width_shift == 0 && height_shift == 0 && shear == 0 && zoom_low == 1 && zoom_high == 1 &&
         !horizontal_flip && !vertical_flip;
}

nlohmann::json to_json(const Augmentation& a) {
  return {{"kind", name_of(a.style)},
          {"rotation", a.rotation},
          {"width_shift", a.width_shift},
          {"height_shift", a.height_shift},
          {"shear", a.shear},
          {"zoom", {a.zoom_low, a.zoom_high}},
          {"horizontal_flip", a.horizontal_flip},
          {"vertical_flip", a.vertical_flip},
          {"fill_mode", a.fill_mode == WarpFill::edge ? "nearest" : "constant"},
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
    const auto number = [](const nlohmann::json& value, const char* name) {
      CURIE_CHECK(value.is_number(), file, "augmentation: expected a number for \"{}\", got {}", name,
                  value.type_name());
      return value.get<double>();
    };
    const auto range = [&](const char* name) { return number(fields.value(name), name); };
    result.rotation = range("rotation");
    result.width_shift = range("width_shift");
    result.height_shift = range("height_shift");
    result.shear = range("shear");
    const nlohmann::json& zoom = fields.value("zoom");
    CURIE_CHECK(zoom.is_array() && zoom.size() == 2, file, "augmentation: expected two factors for \"zoom\"");
    result.zoom_low = number(zoom[0], "zoom");
    result.zoom_high = number(zoom[1], "zoom");
    result.horizontal_flip = fields.flag("horizontal_flip");
    result.vertical_flip = fields.flag("vertical_flip");
    const std::string fill_mode = fields.text("fill_mode");
    CURIE_CHECK(fill_mode == "nearest" || fill_mode == "constant", file,
                "augmentation: expected the fill mode nearest or constant, got \"{}\"", fill_mode);
    result.fill_mode = fill_mode == "nearest" ? WarpFill::edge : WarpFill::constant;
    result.fill = static_cast<std::uint8_t>(fields.integer("fill", 0, 255));
    fields.finish();
    result.check();
    return result;
  });
}

std::string to_string(const Augmentation& a) {
  std::string text;
  add_range(text, "rotation", a.rotation);
  add_range(text, "width shift", a.width_shift);
  add_range(text, "height shift", a.height_shift);
  add_range(text, "shear", a.shear);
  const auto add = [&](const std::string& what) { text += (text.empty() ? " " : ", ") + what; };
  if (a.zoom_low != 1 || a.zoom_high != 1) add(fmt::format("zoom {} to {}", a.zoom_low, a.zoom_high));
  if (a.horizontal_flip) add("horizontal flip");
  if (a.vertical_flip) add("vertical flip");
  return fmt::format("{}:{}", name_of(a.style), text.empty() ? " nothing" : text);
}

Transform draw_transform(const Augmentation& a, int height, int width, std::uint64_t seed, int epoch, int image) {
  const RandomStream random{.seed = seed, .stream = kStream, .step = static_cast<std::uint32_t>(epoch)};
  // Keras' order, and as there each parameter has its draw whether it is used or not.
  std::uint64_t place = static_cast<std::uint64_t>(image) * kPlacesPerImage;
  const auto between = [&](double low, double high) {
    return low + (high - low) * static_cast<double>(random.uniform(place++));
  };
  const auto shift = [&](double range, int extent) { return between(-range, range) * (range < 1 ? extent : 1); };
  Transform drawn;
  drawn.theta = between(-a.rotation, a.rotation);
  drawn.tx = shift(a.height_shift, height);
  drawn.ty = shift(a.width_shift, width);
  drawn.shear = between(-a.shear, a.shear);
  drawn.zx = between(a.zoom_low, a.zoom_high);
  drawn.zy = between(a.zoom_low, a.zoom_high);
  drawn.flip_horizontal = between(0, 1) < 0.5 && a.horizontal_flip;
  drawn.flip_vertical = between(0, 1) < 0.5 && a.vertical_flip;
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

WarpShape warp_shape(const Augmentation& augmentation, const Shape& sample) {
  CURIE_CHECK(sample.rank() == 3, usage, "augmentation: expected images of (height, width, channels), got {}",
              to_string(sample));
  const bool torchvision = augmentation.style == AugmentationStyle::torchvision;
  return {.height = sample[0],
          .width = sample[1],
          .channels = sample[2],
          .sampling = torchvision ? WarpSampling::nearest : WarpSampling::linear,
          .fill_mode = torchvision ? WarpFill::constant : augmentation.fill_mode,
          .fill = augmentation.fill};
}

}  // namespace curie
