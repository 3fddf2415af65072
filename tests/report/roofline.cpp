// The roofline: where its dots lie, what it says of them, and that nothing of a kernel's name can break the page.
#include "report/roofline.h"

#include <doctest/doctest.h>

#include <cmath>

#include "report/markup.h"
#include "support/temporary_folder.h"
#include "tensor/error.h"
#include "tensor/files.h"

using namespace curie;

namespace {

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// A roof of 100 GFLOP/s and 10 GB/s: the ridge is at 10 operations a byte.
Roofline example() {
  return {.title = "cnn at batch 4",
          .device = "cpu",
          .lines = {"a line about the step"},
          .operations_per_second = 1e11,
          .bytes_per_second = 1e10,
          .step_seconds = 0.010,
          .kernels = {{"conv2d_forward", "n4 <8x8>", "conv", 2e8, 1e6, 0.004, 0.002, "arithmetic"},
                      {"add", "100", "sum & more", 1e6, 1.2e7, 0.002, 0.0012, "memory"},
                      {"fill", "100", "loss", 0.0, 1e6, 0.001, 0.0001, "memory"}}};
}

struct Dot {
  double x, y, radius;
};
std::vector<Dot> dots(const std::string& svg) {
  const markup::Page page = markup::Reader(svg).read();
  REQUIRE(page.problem == "");
  std::vector<Dot> found;
  for (const markup::Element& element : page.elements) {
    if (element.name != "circle") continue;
    const auto number = [&](const char* name) { return std::stod(*element.attribute(name)); };
    found.push_back({number("cx"), number("cy"), number("r")});
  }
  return found;
}

}  // namespace

TEST_CASE("a dot for each kernel with arithmetic, at its intensity and rate, as large as its share") {
  const std::string figure = roofline_figure(example());
  const std::vector<Dot> found = dots(figure);
  REQUIRE(found.size() == 2);  // the longest first
  // conv: 200 operations a byte, 50 GFLOP/s; add: 1/12 and .5 GFLOP/s.
  CHECK(found[0].x > found[1].x);
  CHECK(found[0].y < found[1].y);  // higher up
  CHECK(found[0].radius > found[1].radius);
  // Both axes are logarithmic over whole decades, .01 to 1000 and 100M to 1T, so distances follow from ratios.
  const double per_decade_x = (760.0 - 70 - 20) / 5, per_decade_y = (440.0 - 18 - 48) / 4;
  CHECK(found[0].x - found[1].x == doctest::Approx(per_decade_x * std::log10(200.0 * 12)).epsilon(0.01));
  CHECK(found[1].y - found[0].y == doctest::Approx(per_decade_y * std::log10(100.0)).epsilon(0.01));
  CHECK(contains(figure, "4.000 ms, 40 % of the step"));
  CHECK(contains(figure, "50 % of the roof, bound by arithmetic"));
  CHECK(contains(figure, "1 kernel without arithmetic is in the table only"));
}

TEST_CASE("the table adds up to the step") {
  const std::string section = roofline_section(example());
  CHECK(contains(section, "a line about the step"));
  CHECK(contains(section, "fill"));
  CHECK(contains(section, "between them</th><td>3.000</td><td>30.0 %"));
  CHECK(contains(section, "the step</th><td>10.000</td><td>100 %"));
}

TEST_CASE("names are escaped, and the page needs nothing from outside") {
  const std::string page = roofline_page(example(), "9.9");
  CHECK(contains(page, "n4 &lt;8x8&gt;"));
  CHECK(contains(page, "sum &amp; more"));
  CHECK_FALSE(contains(page, "<8x8>"));
  CHECK_FALSE(contains(page, "http://"));
  CHECK(markup::Reader(page).read().problem == "");
  CHECK(contains(page, "Written by Curie 9.9"));
  const TemporaryFolder folder;
  write_roofline(folder / "profile.html", example(), "9.9");
  CHECK(read_text(folder / "profile.html") == page);
}

TEST_CASE("a roof that is nothing is refused") {
  Roofline roofline = example();
  roofline.bytes_per_second = 0.0;
  CHECK_THROWS_AS(roofline_figure(roofline), Error);
  roofline = example();
  roofline.step_seconds = 0.0;
  CHECK_THROWS_AS(roofline_section(roofline), Error);
}
