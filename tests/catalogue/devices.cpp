// Every entry of the catalogue on the emulated kernels, in both orders, against the CPU.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include "catalogue/catalogue.h"

namespace curie::test {
namespace {

bool same(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

// The largest difference, relative to the larger of 1 and the value; infinite where one of the two is NaN.
double difference(const std::vector<double>& got, const std::vector<double>& expected) {
  double largest = 0.0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (same(got[i], expected[i])) continue;
    const double apart = std::abs(got[i] - expected[i]) / std::max(1.0, std::abs(expected[i]));
    largest = std::max(largest, std::isnan(apart) ? std::numeric_limits<double>::infinity() : apart);
  }
  return largest;
}

// Every output written, and no element still the NaN that it held before.
void check_written(const std::vector<Operands::Result>& results) {
  CHECK(!results.empty());
  for (const Operands::Result& result : results) {
    CAPTURE(result.name);
    CHECK(!result.values.empty());
    CHECK(std::none_of(result.values.begin(), result.values.end(), [](double value) { return std::isnan(value); }));
  }
}

// Sums of a few hundred products in another order, and another exp; on bfloat16, values next to a rounding.
void check_entry(const CatalogueEntry& entry, const std::vector<Extent>& extents, Math math) {
  CAPTURE(entry.name);
  const double bound = entry.exact ? 0.0 : math == Math::bf16 ? 0x1p-7 + 1e-4 : 1e-4;
  const std::unique_ptr<Backend> cpu = make_cpu_backend(1);
  const auto expected = results_of(entry, extents, *cpu, math);
  check_written(expected);
  std::vector<Operands::Result> before;
  for (const char* device : {"emulated:ascending", "emulated:descending"}) {
    CAPTURE(device);
    const std::unique_ptr<Backend> backend = make_backend(device, {.math = math});
    const auto got = results_of(entry, extents, *backend, math);
    REQUIRE(got.size() == expected.size());
    for (std::size_t i = 0; i < got.size(); ++i) {
      CAPTURE(got[i].name);
      REQUIRE(got[i].values.size() == expected[i].values.size());
      CHECK(got[i].name == expected[i].name);
      CHECK(difference(got[i].values, expected[i].values) <= bound);
      if (!before.empty()) CHECK(difference(got[i].values, before[i].values) == 0.0);
    }
    before = got;
  }
}

}  // namespace

TEST_CASE("every entry agrees with the CPU in both orders, exact ones bit for bit") {
  for (const CatalogueEntry& entry : catalogue()) check_entry(entry, entry.extents, Math::exact);
}

TEST_CASE("on bfloat16 too, with the CPU's results rounded") {
  std::size_t entries = 0;
  for (const CatalogueEntry& entry : catalogue()) {
    if (!entry.run_bf16) continue;
    ++entries;
    check_entry(entry, entry.extents, Math::bf16);
    for (const std::string& shape : entry.hard_shapes) {
      CAPTURE(shape);
      check_entry(entry, with_shape(entry, shape), Math::bf16);
    }
  }
  CHECK(entries >= 30);
}

TEST_CASE("names and descriptions are there and no name twice") {
  std::vector<std::string> names;
  for (const CatalogueEntry& entry : catalogue()) {
    CHECK(!entry.description.empty());
    CHECK(!entry.extents.empty());
    names.push_back(entry.name);
  }
  std::sort(names.begin(), names.end());
  CHECK(std::adjacent_find(names.begin(), names.end()) == names.end());
}

}  // namespace curie::test
