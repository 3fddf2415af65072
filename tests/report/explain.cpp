#include "report/explain.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "report/demo_run.h"
#include "report/markup.h"
#include "support/throws.h"

namespace curie {
namespace {

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

Tensor counting(const Shape& shape, float from) {
  Tensor tensor = Tensor::zeros(shape);
  for (float& value : tensor.host<float>()) value = from++;
  return tensor;
}

Explanation explanation(const std::string& name) {
  const Picture picture{64, 64, 1, demo::thorax(64, 0.5, 1)};
  const HeatMap heat{2, 2, {0, .2f, .5f, 1}}, signs{2, 2, {-1, 0, 0, 2}};
  LayerView layer = activation_view(counting(Shape{1, 5, 4, 3}, 0));
  layer.name = layer.kind = layer.shape = name;
  LayerView filters = filter_view(counting(Shape{4, 3, 3, 1}, -18));
  filters.name = filters.kind = filters.shape = name;
  Explanation explained{.model = name,
                        .description = name,
                        .command_line = name,
                        .version = name,
                        .device = name,
                        .images = {},
                        .filters = {filters}};
  explained.images.push_back(
      {.source = name,
       .picture = picture,
       .predicted = name,
       .explained = name,
       .beliefs = {{name, 0.75}, {"other", 0.25}},
       .maps = {{name, name, heat_over(picture, heat)}, {name, name, balance_over(picture, signs)}},
       .layers = {layer}});
  return explained;
}

TEST_CASE("the page is well-formed, refers to nothing outside and says that it is no diagnosis") {
  const std::string page = render_explanation(explanation("COVID"));
  const markup::Page read = markup::read(page);
  CHECK(read.problem == "");
  int pictures = 0;
  for (const markup::Element& element : read.elements) {
    CHECK(element.name != "script");
    if (element.name != "img") continue;
    ++pictures;
    CHECK(element.attribute("src")->substr(0, 22) == "data:image/png;base64,");
  }
  CHECK(pictures == 5);  // the image, two maps, a layer, filters
  CHECK(contains(page, "The model says <b><bdi>COVID</bdi></b>, 75.0"));
  CHECK(contains(page, "Not a diagnosis."));
  for (const char* reference : {"http:", "https:", "url("}) CHECK_FALSE(contains(page, reference));
}

TEST_CASE("hostile names stay text") {
  const std::string page = render_explanation(explanation("</title><script>alert(1)</script>\"'{{style}}\xFF"));
  CHECK(markup::read(page).problem == "");
  CHECK_FALSE(contains(page, "<script"));
  CHECK(contains(page, "{{style}}"));
}

TEST_CASE("every map is drawn in its own range") {
  // Two maps of 2 x 2: 0 2 / 4 6 and 1 3 / 5 7. Both run from dark to yellow.
  const LayerView view = activation_view(counting(Shape{1, 2, 2, 2}, 0));
  CHECK(view.picture.channels == 3);
  CHECK(view.picture.width == 2 * 72 + 3);
  CHECK(view.picture.height == 72);
  const auto pixel = [&](int x, int y) {
    const auto at = static_cast<std::size_t>(3 * (y * view.picture.width + x));
    return Rgb{view.picture.pixels[at], view.picture.pixels[at + 1], view.picture.pixels[at + 2]};
  };
  for (const int left : {0, 75}) {
    CHECK(pixel(left, 0) == color_of(ColorMap::viridis, 0));
    CHECK(pixel(left + 71, 0) == color_of(ColorMap::viridis, 1.0 / 3));
    CHECK(pixel(left + 71, 71) == color_of(ColorMap::viridis, 1));
  }
  CHECK(contains(view.text, "2 maps"));
  CHECK(contains(activation_view(counting(Shape{1, 2, 2, 9}, 0), 4).text, "the first 4 of 9 maps"));
  // A large map is brought down, not cut.
  CHECK(activation_view(counting(Shape{1, 300, 200, 1}, 0)).picture.height == 144);
  // A constant map is drawn, too.
  CHECK(activation_view(Tensor::zeros(Shape{1, 3, 3, 1})).picture.pixels[0] == color_of(ColorMap::viridis, 0)[0]);
}

TEST_CASE("units are cells around zero") {
  const LayerView view = activation_view(counting(Shape{1, 3}, -1));
  CHECK(view.picture.width == 3 * 10 + 2);
  CHECK(view.picture.pixels[0] == color_of(ColorMap::balance, 0)[0]);
  CHECK(view.picture.pixels[3 * 31] == color_of(ColorMap::balance, 1)[0]);
  CHECK(contains(view.text, "3 units"));
  CHECK(contains(activation_view(counting(Shape{1, 600}, 0)).text, "the first 512 of 600 units"));
  CHECK(activation_view(counting(Shape{1, 1, 1, 4}, 0)).picture.height == 10);
  CHECK_ERROR([] { activation_view(Tensor::zeros(Shape{2, 3})); }, usage, "one sample");
}

TEST_CASE("filters are drawn by the number of their channels") {
  const LayerView grey = filter_view(counting(Shape{2, 3, 3, 1}, -9));
  CHECK(grey.picture.width == 2 * 48 + 4);
  CHECK(grey.picture.pixels[0] == color_of(ColorMap::balance, 0)[0]);
  CHECK(contains(grey.text, "2 filters"));
  Tensor color = Tensor::zeros(Shape{1, 1, 1, 3});
  color.host<float>()[0] = 1;
  color.host<float>()[1] = -1;
  const LayerView rgb = filter_view(color);
  CHECK(std::vector<std::uint8_t>(rgb.picture.pixels.begin(), rgb.picture.pixels.begin() + 3) ==
        std::vector<std::uint8_t>{255, 0, 128});
  const LayerView many = filter_view(counting(Shape{40, 3, 3, 50}, 0));
  CHECK(many.picture.width == 32 * 20 - 2);
  CHECK(many.picture.height == 32 * 20 - 2);
  CHECK(contains(many.text, "the first 32 of 40 filters"));
  CHECK(contains(many.text, "the first 32 of 50 input channels"));
  CHECK_ERROR([] { filter_view(Tensor::zeros(Shape{3, 3})); }, usage, "kernel");
}

TEST_CASE("a matrix shows a row for each unit, a large one its largest weights") {
  Tensor kernel = Tensor::zeros(Shape{3, 2});
  kernel.host<float>()[5] = -2.0f;  // input 2, unit 1
  const LayerView view = matrix_view(kernel);
  CHECK(view.picture.width == 3 * (512 / 3));
  CHECK(view.picture.height == 2 * (512 / 3));
  const Rgb blue = color_of(ColorMap::balance, 0.0);
  for (std::size_t c = 0; c < 3; ++c) CHECK(view.picture.pixels[view.picture.pixels.size() - 3 + c] == blue[c]);
  CHECK(contains(view.text, "each of 2 units, a column for each of 3 inputs"));
  const LayerView large = matrix_view(Tensor::zeros(Shape{1100, 600}));
  CHECK(large.picture.width == 367);
  CHECK(large.picture.height == 300);
  CHECK(contains(large.text, "the largest of 2 x 3 weights"));
  CHECK_ERROR([] { matrix_view(Tensor::zeros(Shape{3})); }, usage, "a matrix");
}

TEST_CASE("a picture is enlarged to look at, never reduced; balance leaves zero as it is") {
  CHECK(to_look_at({2, 4, 1, std::vector<std::uint8_t>(8, 5)}).height == 256);
  CHECK(to_look_at({300, 2, 1, std::vector<std::uint8_t>(600, 5)}).width == 300);
  const Picture image{256, 1, 1, std::vector<std::uint8_t>(256, 100)};
  HeatMap map{256, 1, std::vector<float>(256, 0)};
  map.values[1] = 3;
  map.values[2] = -3;
  const Picture result = balance_over(image, map);
  CHECK(result.pixels[0] == 100);
  CHECK(result.pixels[3] > result.pixels[5]);  // red above zero
  CHECK(result.pixels[6] < result.pixels[8]);  // blue below
  CHECK(balance_over(image, HeatMap{1, 1, {0}}).pixels == std::vector<std::uint8_t>(768, 100));
}

}  // namespace
}  // namespace curie
