#include "ops/warp.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "ops/ops.h"
#include "support/backend.h"
#include "support/reference.h"
#include "support/targets.h"
#include "support/throws.h"

namespace curie::test {
namespace {

constexpr int kImages = 3;

std::vector<std::uint8_t> random_bytes(std::size_t count) {
  const RandomStream random{.seed = 29};
  std::vector<std::uint8_t> bytes(count);
  for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::uint8_t>(random.bits(i));
  return bytes;
}

// A turn and a stretch about the centre, and a shift.
WarpMatrix matrix(const WarpShape& shape, double degrees, double zoom, double shift) {
  const double angle = degrees * 3.14159265358979 / 180, c = std::cos(angle) * zoom, s = std::sin(angle) * zoom;
  const double y = (shape.height - 1) / 2.0, x = (shape.width - 1) / 2.0;
  const auto fixed = [](double value) { return static_cast<std::int64_t>(std::llround(value * 0x1p32)); };
  return {fixed(c), fixed(s), fixed(y - c * y - s * x + shift), fixed(-s), fixed(c), fixed(x + s * y - c * x - shift)};
}

// The definition, in double.
double expected_value(const WarpShape& shape, const WarpMatrix& m, const std::uint8_t* image, int r, int q, int c) {
  double row = (static_cast<double>(m.row_per_row) * r + static_cast<double>(m.row_per_column) * q +
                static_cast<double>(m.row_origin)) *
               0x1p-32;
  double column = (static_cast<double>(m.column_per_row) * r + static_cast<double>(m.column_per_column) * q +
                   static_cast<double>(m.column_origin)) *
                  0x1p-32;
  if (shape.fill_mode == WarpFill::wrap) {
    const auto wrapped = [](double place, double last) {
      return place >= 0 && place <= last ? place : last == 0 ? 0.0 : place - std::floor(place / last) * last;
    };
    row = wrapped(row, shape.height - 1);
    column = wrapped(column, shape.width - 1);
  }
  const auto inside_of = [&](double index, int extent) {
    if (shape.fill_mode == WarpFill::grid_wrap) return index - std::floor(index / extent) * extent;
    if (shape.fill_mode == WarpFill::reflect) {
      const double there = index - std::floor(index / (2 * extent)) * 2 * extent;
      return there < extent ? there : 2 * extent - 1 - there;
    }
    return std::clamp(index, 0.0, extent - 1.0);
  };
  const auto pixel = [&](double at_row, double at_column) -> double {
    const int y = static_cast<int>(inside_of(at_row, shape.height)),
              x = static_cast<int>(inside_of(at_column, shape.width));
    return image[(y * shape.width + x) * shape.channels + c];
  };
  const double top = std::floor(row), left = std::floor(column);
  if (shape.sampling == WarpSampling::nearest) {
    const bool inside = top >= 0 && top < shape.height && left >= 0 && left < shape.width;
    return shape.fill_mode == WarpFill::constant && !inside ? shape.fill : pixel(top, left);
  }
  const bool inside = row >= 0 && row <= shape.height - 1 && column >= 0 && column <= shape.width - 1;
  if (shape.fill_mode == WarpFill::constant && !inside) return shape.fill;
  const double down = row - top, along = column - left;
  return (1 - down) * ((1 - along) * pixel(top, left) + along * pixel(top, left + 1)) +
         down * ((1 - along) * pixel(top + 1, left) + along * pixel(top + 1, left + 1));
}

struct Operands {
  GuardedTensor rows, warps, images, offset, factor, y;
  Operands(Backend& backend, const WarpShape& shape, const std::vector<std::int32_t>& chosen,
           const std::vector<ImageWarp>& each, const std::vector<std::uint8_t>& pixels, const Values& offsets,
           const Values& factors)
      : rows(blank(backend, chosen.size(), DType::i32)),
        warps(backend, Shape{static_cast<int>(each.size() * sizeof(ImageWarp))}, DType::u8),  // aligned
        images(blank(backend, pixels.size(), DType::u8)),
        offset(holding(backend, offsets)),
        factor(holding(backend, factors)),
        y(blank(backend, chosen.size() * shape.sample())) {
    rows.set(chosen);
    std::vector<std::uint8_t> bytes(each.size() * sizeof(ImageWarp));
    std::memcpy(bytes.data(), each.data(), bytes.size());
    warps.set(bytes);
    images.set(pixels);
  }
  bool intact() const {
    for (const GuardedTensor* each : {&rows, &warps, &images, &offset, &factor, &y}) {
      if (!each->intact()) return false;
    }
    return true;
  }
};

// What `backend` makes, once it has been found to be the CPU's to the bit.
Values warped(Backend& backend, const WarpShape& shape, const std::vector<std::int32_t>& rows,
              const std::vector<ImageWarp>& warps, const std::vector<std::uint8_t>& pixels, const Values& offsets,
              const Values& factors) {
  const auto run = [&](Backend& on) {
    const Operands o(on, shape, rows, warps, pixels, offsets, factors);
    ops::warp_u8(on, shape, o.rows.tensor, o.warps.tensor, o.images.tensor, o.offset.tensor, o.factor.tensor,
                 o.y.tensor);
    CHECK(o.intact());
    return o.y.values();
  };
  const Values result = run(backend);
  CHECK(same_bits(result, run(*make_cpu_backend(1))));
  return result;
}

constexpr WarpFill kFillModes[] = {WarpFill::edge, WarpFill::constant, WarpFill::reflect, WarpFill::wrap,
                                   WarpFill::grid_wrap};

}  // namespace

TEST_CASE("warps are their definition to .01 of a grey level, and bit for bit the CPU's") {
  const std::unique_ptr<Backend> backend = test_backend(2);
  for (const int channels : {1, 2, 3}) {
    for (const std::pair<int, int>& size : {std::pair(1, 1), {5, 9}, {24, 24}, {31, 17}}) {
      const int height = size.first, width = size.second;
      for (const WarpSampling sampling : {WarpSampling::linear, WarpSampling::nearest}) {
        for (const WarpFill fill_mode : kFillModes) {
          const WarpShape shape{.count = 4,
                                .height = height,
                                .width = width,
                                .channels = channels,
                                .sampling = sampling,
                                .fill_mode = fill_mode,
                                .fill = 77};
          CAPTURE(height);
          CAPTURE(width);
          CAPTURE(channels);
          CAPTURE(static_cast<int>(sampling));
          CAPTURE(static_cast<int>(fill_mode));
          const std::vector<std::int32_t> rows = {2, 0, 0, 1};
          const std::vector<ImageWarp> warps = {{matrix(shape, 33.3, .8, 1.37)},
                                                {matrix(shape, -100, 1.7, 0.21)},
                                                {WarpMatrix{}},
                                                {matrix(shape, 0.1, 1.01, -400.3)}};
          const std::vector<std::uint8_t> pixels = random_bytes(kImages * shape.sample());
          const Values offsets = random_values(std::size_t(channels), 1),
                       factors = random_values(std::size_t(channels), 2);
          const Values result = warped(*backend, shape, rows, warps, pixels, offsets, factors);
          std::size_t place = 0;
          double worst = 0;
          for (std::size_t i = 0; i < rows.size(); ++i) {
            const std::uint8_t* image = pixels.data() + std::size_t(rows[i]) * shape.sample();
            for (int r = 0; r < height; ++r) {
              for (int q = 0; q < width; ++q) {
                for (int c = 0; c < channels; ++c) {
                  const double value = expected_value(shape, warps[i].matrix, image, r, q, c);
                  const double scaled = (value - double(offsets[std::size_t(c)])) * double(factors[std::size_t(c)]);
                  worst = std::max(worst, std::abs(double(result[place++]) - scaled));
                }
              }
            }
          }
          CHECK(worst < .011 + 255e-6);  // factors are at most 1; a few float roundings
        }
      }
    }
  }
}

TEST_CASE("tones, ranges and moments are their definition, and bit for bit the CPU's") {
  const std::unique_ptr<Backend> backend = test_backend(2);
  const Values offsets = {3, -2, .5f}, factors = {.25f, 1, .5f};
  for (const std::pair<int, int>& size : {std::pair(1, 1), {9, 31}, {24, 33}}) {
    for (const WarpShift shift : {WarpShift::none, WarpShift::clipped, WarpShift::own_range}) {
      for (const WarpBrightness brightness : {WarpBrightness::none, WarpBrightness::product, WarpBrightness::whole}) {
        for (const WarpSamplewise samplewise :
             {WarpSamplewise::none, WarpSamplewise::center, WarpSamplewise::standardize}) {
          WarpShape shape{.count = 3, .height = size.first, .width = size.second, .channels = 3};
          shape.fill_mode = WarpFill::reflect;
          const std::vector<std::int32_t> rows = {1, 0, 1};
          const std::vector<ImageWarp> warps = {{matrix(shape, 33.3, .8, 1.37), 41.3f, .7f},
                                                {matrix(shape, -100, 1.7, 0.21), -77.7f, 1.6f},
                                                {WarpMatrix{}, -300, 3}};
          const std::vector<std::uint8_t> pixels = random_bytes(kImages * shape.sample());
          Values expected = warped(*backend, shape, rows, warps, pixels, {0, 0, 0}, {1, 1, 1});  // v
          shape.shift = shift;
          shape.brightness = brightness;
          shape.samplewise = samplewise;
          CAPTURE(size.first);
          CAPTURE(static_cast<int>(shift));
          CAPTURE(static_cast<int>(brightness));
          CAPTURE(static_cast<int>(samplewise));
          const Values result = warped(*backend, shape, rows, warps, pixels, offsets, factors);
          double worst = 0;
          for (std::size_t i = 0; i < rows.size(); ++i) {
            const auto first = expected.begin() + static_cast<std::ptrdiff_t>(i * shape.sample());
            const auto last = first + static_cast<std::ptrdiff_t>(shape.sample());
            const auto range = std::minmax_element(first, last);
            const bool own = shift == WarpShift::own_range;
            const float low = own ? *range.first : 0, high = own ? *range.second : 255;
            double sum = 0, squares = 0;
            for (auto v = first; v != last; ++v) {
              if (shift != WarpShift::none) *v = std::clamp(*v + warps[i].shift, low, high);
              if (brightness == WarpBrightness::product) *v = std::min(*v * warps[i].brightness, 255.0f);
              if (brightness == WarpBrightness::whole) {
                *v = std::trunc(std::min(std::trunc(*v) * warps[i].brightness, 255.0f));
              }
              sum += double(*v);
            }
            const double mean = sum / double(shape.sample());
            for (auto v = first; v != last; ++v) squares += (double(*v) - mean) * (double(*v) - mean);
            const double deviation = std::sqrt(squares / double(shape.sample())) + kWarpDeviationFloor;
            for (auto v = first; v != last; ++v) {
              const auto c = static_cast<std::size_t>(v - first) % 3;
              double w = double(*v) - (samplewise == WarpSamplewise::none ? 0 : mean);
              if (samplewise == WarpSamplewise::standardize) w /= deviation;
              const double y = (w - double(offsets[c])) * double(factors[c]);
              worst = std::max(worst, std::abs(y - double(result[static_cast<std::size_t>(v - expected.begin())])));
            }
          }
          // Floats of up to 255, and a mean of units of 2^-12: over the deviation's floor where a sample has one value.
          const bool flat = size.first == 1 && samplewise == WarpSamplewise::standardize;
          CHECK(worst < (flat ? .5 : 2e-4));
        }
      }
    }
  }
}

TEST_CASE("an identity gives the pixels themselves") {
  const std::unique_ptr<Backend> backend = test_backend(2);
  const WarpShape shape{.count = 1, .height = 7, .width = 300, .channels = 3, .fill_mode = WarpFill::constant};
  const std::vector<std::uint8_t> pixels = random_bytes(shape.sample());
  const Operands o(*backend, shape, {0}, {ImageWarp{}}, pixels, {0, 0, 0}, {1, 1, 1});
  ops::warp_u8(*backend, shape, o.rows.tensor, o.warps.tensor, o.images.tensor, o.offset.tensor, o.factor.tensor,
               o.y.tensor);
  CHECK(o.y.values() == Values(pixels.begin(), pixels.end()));
}

TEST_CASE("more warps than a grid has rows") {
  const std::unique_ptr<Backend> backend = test_backend(2);
  const WarpShape shape{.count = 65537, .height = 1, .width = 1, .channels = 1};
  const std::vector<std::uint8_t> pixels = {7, 200};
  std::vector<std::int32_t> rows(65537);
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<std::int32_t>(i / 3 % 2);
  const Operands o(*backend, shape, rows, std::vector<ImageWarp>(rows.size()), pixels, {0}, {1});
  ops::warp_u8(*backend, shape, o.rows.tensor, o.warps.tensor, o.images.tensor, o.offset.tensor, o.factor.tensor,
               o.y.tensor);
  Values expected;
  for (const std::int32_t row : rows) expected.push_back(pixels[std::size_t(row)]);
  CHECK(o.y.values() == expected);
}

TEST_CASE("warps refuse tensors that do not fit each other") {
  const std::unique_ptr<Backend> backend = test_backend(1);
  const WarpShape shape{.count = 2, .height = 3, .width = 4, .channels = 1};
  const Operands o(*backend, shape, {0, 1}, std::vector<ImageWarp>(2), random_bytes(24), {0}, {1});
  const auto message = [&](const WarpShape& s, const Tensor& rows, const Tensor& warps, const Tensor& images,
                           const Tensor& offset, const Tensor& y) {
    return error_message([&] { ops::warp_u8(*backend, s, rows, warps, images, offset, o.factor.tensor, y); });
  };
  const auto says = [](const std::string& text, std::string_view part) {
    return text.find(part) == std::string::npos ? text : std::string();
  };
  const Tensor &rows = o.rows.tensor, &warps = o.warps.tensor, &images = o.images.tensor, &offset = o.offset.tensor,
               &y = o.y.tensor;
  CHECK(message(shape, rows, warps, images, offset, y) == "no error");
  WarpShape none = shape, wide = shape;
  none.count = 0;
  wide.width = 5;
  CHECK(says(message(none, rows, warps, images, offset, y), "count: expected at least 1") == "");
  CHECK(says(message(wide, rows, warps, images, offset, y), "images: expected samples of 15 elements") == "");
  CHECK(says(message(shape, offset, warps, images, offset, y), "rows: expected") == "");
  CHECK(says(message(shape, rows, warps.rows(0, 56), images, offset, y), "warps: expected 112 elements") == "");
  const Operands odd(*backend, shape, {0, 1}, std::vector<ImageWarp>(3), random_bytes(24), {0}, {1});
  CHECK(says(message(shape, rows, odd.warps.tensor.rows(4, 112), images, offset, y), "a multiple of 8") == "");
  CHECK(says(message(shape, rows, warps, y, offset, y), "images: expected elements of u8") == "");
  CHECK(says(message(shape, rows, warps, images, y, y), "offset: expected 1 elements") == "");
  WarpShape large{.count = 1, .height = 2897, .width = 2897, .channels = 1, .samplewise = WarpSamplewise::center};
  const GuardedTensor many = blank(*backend, large.sample(), DType::u8);
  CHECK(says(message(large, rows, warps.rows(0, 56), many.tensor, offset, y), "samples of at most 8388608 elements") ==
        "");
  CHECK(says(message(shape, rows, warps, images, offset, y.rows(0, 23)), "y: expected 24 elements") == "");
}

}  // namespace curie::test
