// The PTX of mma.cuh and copy_async.cuh against plain loops: on a GPU the instructions themselves, elsewhere what the
// emulator takes them for.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "device_array.h"
#include "probes.h"

namespace curie::CURIE_GPU {
namespace {

constexpr int kRows = 16, kColumns = 8;

std::uint32_t bits_of(float value) {
  std::uint32_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}
float float_of(std::uint32_t bits) {
  float value = 0;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

// The definition, without bit tricks: 11 significant bits, ties away from zero.
float nearest_tf32(float x) {
  if (x == 0 || !std::isfinite(x)) return x;
  int exponent = 0;
  std::frexp(x, &exponent);
  const double unit = std::ldexp(1.0, std::max(exponent - 11, -136));  // float32's smallest exponent, less 10 bits
  return static_cast<float>(std::round(static_cast<double>(x) / unit) * unit);
}

std::vector<float> small_integers(std::size_t count, std::mt19937& random) {
  std::vector<float> values(count);
  for (float& x : values) x = static_cast<float>(static_cast<int>(random() % 17) - 8);
  return values;
}

// c + a * b in double; magnitude: the same of absolute values.
struct Expected {
  double value = 0, magnitude = 0;
};
Expected expected(int depth, const std::vector<float>& a, const std::vector<float>& b, float c, int row, int column) {
  Expected sum{static_cast<double>(c), std::abs(static_cast<double>(c))};
  for (int k = 0; k < depth; ++k) {
    const double product = static_cast<double>(a[static_cast<std::size_t>(row * depth + k)]) *
                           static_cast<double>(b[static_cast<std::size_t>(k * kColumns + column)]);
    sum.value += product;
    sum.magnitude += std::abs(product);
  }
  return sum;
}

// The largest difference over what the sum's rounding may cost; 0 where every element is exact.
double worst_error(int depth, const std::vector<float>& a, const std::vector<float>& b, const std::vector<float>& c,
                   const std::vector<float>& d) {
  double worst = 0;
  for (int row = 0; row < kRows; ++row) {
    for (int column = 0; column < kColumns; ++column) {
      const auto at = static_cast<std::size_t>(row * kColumns + column);
      const Expected sum = expected(depth, a, b, c[at], row, column);
      if (static_cast<double>(d[at]) == sum.value) continue;
      // Tensor cores align the terms to the largest one and cut what does not fit.
      worst =
          std::max(worst, std::abs(static_cast<double>(d[at]) - sum.value) / ((depth + 1) * 0x1p-23 * sum.magnitude));
    }
  }
  return worst;
}

std::vector<float> product_tf32(Runtime& runtime, const std::vector<float>& a, const std::vector<float>& b,
                                const std::vector<float>& c) {
  const DeviceArray<float> on_a(runtime, a), on_b(runtime, b), on_c(runtime, c), on_d(runtime, c.size());
  probe::multiply_tf32(runtime.stream(), on_a.data(), on_b.data(), on_c.data(), on_d.data());
  return on_d.values();
}

}  // namespace

TEST_CASE("mma in TF32 multiplies what lies where the fragment maps say") {
  Runtime runtime(0);
  if (runtime.compute_capability() < 80) return;
  std::mt19937 random(1);
  for (int repeat = 0; repeat < 10; ++repeat) {
    const auto a = small_integers(kRows * 8, random), b = small_integers(8 * kColumns, random);
    const auto c = small_integers(kRows * kColumns, random);
    CHECK(worst_error(8, a, b, c, product_tf32(runtime, a, b, c)) == 0);
  }
}

TEST_CASE("mma in TF32 rounds its factors to 10 bits and sums in float32") {
  Runtime runtime(0);
  if (runtime.compute_capability() < 80) return;
  std::mt19937 random(2);
  std::uniform_real_distribution<float> uniform(-1.0f, 1.0f);
  std::vector<float> a(kRows * 8), b(8 * kColumns), c(kRows * kColumns);
  for (auto* matrix : {&a, &b, &c}) {
    for (float& x : *matrix) x = uniform(random);
  }
  const std::vector<float> d = product_tf32(runtime, a, b, c);
  for (auto* matrix : {&a, &b}) {
    for (float& x : *matrix) x = nearest_tf32(x);
  }
  CHECK(worst_error(8, a, b, c, d) <= 1);
}

TEST_CASE("mma in bf16 multiplies what lies where the fragment maps say") {
  Runtime runtime(0);
  if (runtime.compute_capability() < 80) return;
  std::mt19937 random(3);
  const auto halves = [](const std::vector<float>& values) {
    std::vector<std::uint16_t> upper;
    for (const float x : values) upper.push_back(static_cast<std::uint16_t>(bits_of(x) >> 16));
    return upper;
  };
  for (int repeat = 0; repeat < 10; ++repeat) {
    const auto a = small_integers(kRows * 16, random), b = small_integers(16 * kColumns, random);
    const auto c = small_integers(kRows * kColumns, random);
    const DeviceArray<std::uint16_t> on_a(runtime, halves(a)), on_b(runtime, halves(b));
    const DeviceArray<float> on_c(runtime, c), on_d(runtime, c.size());
    probe::multiply_bf16(runtime.stream(), on_a.data(), on_b.data(), on_c.data(), on_d.data());
    CHECK(worst_error(16, a, b, c, on_d.values()) == 0);
  }
}

TEST_CASE("to_tf32 rounds to the nearest, ties away from zero") {
  Runtime runtime(0);
  std::vector<float> x = {0.0f,
                          -0.0f,
                          1.0f,
                          1.0f + 0x1p-11f,
                          1.0f + 0x1p-12f,
                          -1.0f - 0x1p-11f,
                          1.0e-40f,
                          0x1.ffep+3f,
                          0x1.fffp+3f,
                          0x1p-126f,
                          0x1.002p+100f,
                          3.4e38f,
                          INFINITY,
                          -INFINITY,
                          float_of(0x1000),
                          float_of(0x0fff)};
  std::mt19937 random(4);
  while (x.size() < 5000) {
    const float value = float_of(static_cast<std::uint32_t>(random()));
    if (!std::isnan(value)) x.push_back(value);
  }
  x.push_back(std::numeric_limits<float>::quiet_NaN());
  const DeviceArray<float> on_x(runtime, x);
  const DeviceArray<std::uint32_t> on_y(runtime, x.size());
  probe::round_to_tf32(runtime.stream(), x.size(), on_x.data(), on_y.data());
  const std::vector<std::uint32_t> y = on_y.values();
  CHECK(std::isnan(float_of(y.back())));
  for (std::size_t i = 0; i + 1 < x.size(); ++i) {
    CAPTURE(bits_of(x[i]));
    REQUIRE(y[i] == bits_of(nearest_tf32(x[i])));
  }
}

TEST_CASE("ldmatrix deals the rows out") {
  Runtime runtime(0);
  std::vector<std::uint32_t> rows(32 * 4);
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = 0x01010101u * static_cast<std::uint32_t>(i);
  const DeviceArray<std::uint32_t> on_rows(runtime, rows), out(runtime, rows.size());
  probe::load_matrices(runtime.stream(), on_rows.data(), out.data());
  const std::vector<std::uint32_t> registers = out.values();
  for (std::size_t lane = 0; lane < 32; ++lane) {
    for (std::size_t matrix = 0; matrix < 4; ++matrix) {
      CAPTURE(lane);
      CAPTURE(matrix);
      CHECK(registers[4 * lane + matrix] == rows[4 * (8 * matrix + lane / 4) + lane % 4]);
    }
  }
}

TEST_CASE("cp.async copies, fills with zeros and is waited for group by group") {
  Runtime runtime(0);
  struct Copy {
    const char* name;
    void (*start)(Stream, std::size_t, std::size_t, const float*, float*);
    std::size_t unit;
  };
  for (const Copy& copy : {Copy{"16 bytes", probe::copy_by_16_bytes, 4}, Copy{"4 bytes", probe::copy_by_4_bytes, 1}}) {
    for (const std::size_t units : {1u, 100u, 512u, 777u}) {
      CAPTURE(copy.name);
      CAPTURE(units);
      const std::size_t count = units * copy.unit;
      const std::size_t padded = (count + probe::kCopyTile) / probe::kCopyTile * probe::kCopyTile;
      std::vector<float> x(count);
      for (std::size_t i = 0; i < count; ++i) x[i] = static_cast<float>(i + 1);
      const DeviceArray<float> on_x(runtime, x), on_y(runtime, std::vector<float>(padded, -1.0f));
      copy.start(runtime.stream(), count, padded, on_x.data(), on_y.data());
      x.resize(padded, 0.0f);
      CHECK(on_y.values() == x);
    }
  }
}

}  // namespace curie::CURIE_GPU
