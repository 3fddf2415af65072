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
  const double row = (static_cast<double>(m.row_per_row) * r + static_cast<double>(m.row_per_column) * q +
                      static_cast<double>(m.row_origin)) *
                     0x1p-32;
  const double column = (static_cast<double>(m.column_per_row) * r + static_cast<double>(m.column_per_column) * q +
                         static_cast<double>(m.column_origin)) *
                        0x1p-32;
  const auto pixel = [&](double at_row, double at_column) -> double {
    const int y = static_cast<int>(std::clamp(at_row, 0.0, shape.height - 1.0));
    const int x = static_cast<int>(std::clamp(at_column, 0.0, shape.width - 1.0));
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
  GuardedTensor rows, matrices, images, offset, factor, y;
  Operands(Backend& backend, const WarpShape& shape, const std::vector<std::int32_t>& chosen,
           const std::vector<WarpMatrix>& warps, const std::vector<std::uint8_t>& pixels, const Values& offsets,
           const Values& factors)
      : rows(blank(backend, chosen.size(), DType::i32)),
        matrices(backend, Shape{static_cast<int>(warps.size() * sizeof(WarpMatrix))}, DType::u8),  // aligned
        images(blank(backend, pixels.size(), DType::u8)),
        offset(holding(backend, offsets)),
        factor(holding(backend, factors)),
        y(blank(backend, chosen.size() * shape.sample())) {
    rows.set(chosen);
    std::vector<std::uint8_t> bytes(warps.size() * sizeof(WarpMatrix));
    std::memcpy(bytes.data(), warps.data(), bytes.size());
    matrices.set(bytes);
    images.set(pixels);
  }
  bool intact() const {
    for (const GuardedTensor* each : {&rows, &matrices, &images, &offset, &factor, &y}) {
      if (!each->intact()) return false;
    }
    return true;
  }
};

}  // namespace

TEST_CASE("warps are their definition to .01 of a grey level, and bit for bit the CPU's") {
  const std::unique_ptr<Backend> backend = test_backend(2);
  const std::unique_ptr<Backend> cpu = make_cpu_backend(1);
  for (const int channels : {1, 2, 3}) {
    for (const std::pair<int, int>& size : {std::pair(1, 1), {5, 9}, {24, 24}, {31, 17}}) {
      const int height = size.first, width = size.second;
      for (const WarpSampling sampling : {WarpSampling::linear, WarpSampling::nearest}) {
        for (const WarpFill fill_mode : {WarpFill::edge, WarpFill::constant}) {
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
          const std::vector<WarpMatrix> warps = {matrix(shape, 33.3, .8, 1.37), matrix(shape, -100, 1.7, 0.21),
                                                 WarpMatrix{}, matrix(shape, 0.1, 1.01, -400.3)};
          const std::vector<std::uint8_t> pixels = random_bytes(kImages * shape.sample());
          const Values offsets = random_values(std::size_t(channels), 1),
                       factors = random_values(std::size_t(channels), 2);
          const Operands o(*backend, shape, rows, warps, pixels, offsets, factors);
          ops::warp_u8(*backend, shape, o.rows.tensor, o.matrices.tensor, o.images.tensor, o.offset.tensor,
                       o.factor.tensor, o.y.tensor);
          CHECK(o.intact());
          const Operands on_cpu(*cpu, shape, rows, warps, pixels, offsets, factors);
          ops::warp_u8(*cpu, shape, on_cpu.rows.tensor, on_cpu.matrices.tensor, on_cpu.images.tensor,
                       on_cpu.offset.tensor, on_cpu.factor.tensor, on_cpu.y.tensor);
          const Values result = o.y.values();
          CHECK(same_bits(result, on_cpu.y.values()));
          std::size_t place = 0;
          double worst = 0;
          for (std::size_t i = 0; i < rows.size(); ++i) {
            const std::uint8_t* image = pixels.data() + std::size_t(rows[i]) * shape.sample();
            for (int r = 0; r < height; ++r) {
              for (int q = 0; q < width; ++q) {
                for (int c = 0; c < channels; ++c) {
                  const double value = expected_value(shape, warps[i], image, r, q, c);
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

TEST_CASE("an identity gives the pixels themselves") {
  const std::unique_ptr<Backend> backend = test_backend(2);
  const WarpShape shape{.count = 1, .height = 7, .width = 300, .channels = 3, .fill_mode = WarpFill::constant};
  const std::vector<std::uint8_t> pixels = random_bytes(shape.sample());
  const Operands o(*backend, shape, {0}, {WarpMatrix{}}, pixels, {0, 0, 0}, {1, 1, 1});
  ops::warp_u8(*backend, shape, o.rows.tensor, o.matrices.tensor, o.images.tensor, o.offset.tensor, o.factor.tensor,
               o.y.tensor);
  CHECK(o.y.values() == Values(pixels.begin(), pixels.end()));
}

TEST_CASE("more warps than a grid has rows") {
  const std::unique_ptr<Backend> backend = test_backend(2);
  const WarpShape shape{.count = 65537, .height = 1, .width = 1, .channels = 1};
  const std::vector<std::uint8_t> pixels = {7, 200};
  std::vector<std::int32_t> rows(65537);
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<std::int32_t>(i / 3 % 2);
  const Operands o(*backend, shape, rows, std::vector<WarpMatrix>(rows.size()), pixels, {0}, {1});
  ops::warp_u8(*backend, shape, o.rows.tensor, o.matrices.tensor, o.images.tensor, o.offset.tensor, o.factor.tensor,
               o.y.tensor);
  Values expected;
  for (const std::int32_t row : rows) expected.push_back(pixels[std::size_t(row)]);
  CHECK(o.y.values() == expected);
}

TEST_CASE("warps refuse tensors that do not fit each other") {
  const std::unique_ptr<Backend> backend = test_backend(1);
  const WarpShape shape{.count = 2, .height = 3, .width = 4, .channels = 1};
  const Operands o(*backend, shape, {0, 1}, std::vector<WarpMatrix>(2), random_bytes(24), {0}, {1});
  const auto message = [&](const WarpShape& s, const Tensor& rows, const Tensor& matrices, const Tensor& images,
                           const Tensor& offset, const Tensor& y) {
    return error_message([&] { ops::warp_u8(*backend, s, rows, matrices, images, offset, o.factor.tensor, y); });
  };
  const auto says = [](const std::string& text, std::string_view part) {
    return text.find(part) == std::string::npos ? text : std::string();
  };
  const Tensor &rows = o.rows.tensor, &matrices = o.matrices.tensor, &images = o.images.tensor,
               &offset = o.offset.tensor, &y = o.y.tensor;
  CHECK(message(shape, rows, matrices, images, offset, y) == "no error");
  WarpShape none = shape, wide = shape;
  none.count = 0;
  wide.width = 5;
  CHECK(says(message(none, rows, matrices, images, offset, y), "count: expected at least 1") == "");
  CHECK(says(message(wide, rows, matrices, images, offset, y), "images: expected samples of 15 elements") == "");
  CHECK(says(message(shape, offset, matrices, images, offset, y), "rows: expected") == "");
  CHECK(says(message(shape, rows, matrices.rows(0, 48), images, offset, y), "matrices: expected 96 elements") == "");
  const Operands odd(*backend, shape, {0, 1}, std::vector<WarpMatrix>(3), random_bytes(24), {0}, {1});
  CHECK(says(message(shape, rows, odd.matrices.tensor.rows(4, 96), images, offset, y), "a multiple of 8") == "");
  CHECK(says(message(shape, rows, matrices, y, offset, y), "images: expected elements of u8") == "");
  CHECK(says(message(shape, rows, matrices, images, y, y), "offset: expected 1 elements") == "");
  CHECK(says(message(shape, rows, matrices, images, offset, y.rows(0, 23)), "y: expected 24 elements") == "");
}

}  // namespace curie::test
