#include "support/backend.h"
#include "support/check_layer.h"
#include "support/throws.h"

namespace curie {
namespace {

using test::test_backend;

using test::check_layer;

TEST_CASE("MaxPool2D") {
  check_layer(MaxPool2D{}, {.inputs = {{4, 6, 3}}, .output = {2, 3, 3}, .spaced_inputs = true});
  // Rows and columns that no window reaches get a gradient of 0.
  check_layer(MaxPool2D{.pool = 2}, {.inputs = {{5, 3, 2}}, .output = {2, 1, 2}, .spaced_inputs = true});
}

TEST_CASE("MaxPool2D: overlapping and gapped windows, uneven pool, padding") {
  check_layer(MaxPool2D{.pool = 3, .stride = 2}, {.inputs = {{7, 5, 2}}, .output = {3, 2, 2}, .spaced_inputs = true});
  check_layer(MaxPool2D{.pool = 2, .stride = 3}, {.inputs = {{8, 5, 1}}, .output = {3, 2, 1}, .spaced_inputs = true});
  check_layer(MaxPool2D{.pool = {1, 3}}, {.inputs = {{2, 7, 2}}, .output = {2, 2, 2}, .spaced_inputs = true});
  check_layer(MaxPool2D{.pool = 3, .stride = 2, .padding = Padding::cells(1)},
              {.inputs = {{6, 5, 2}}, .output = {3, 3, 2}, .spaced_inputs = true});
  check_layer(MaxPool2D{.pool = 2, .padding = Padding::same()},
              {.inputs = {{5, 3, 2}}, .output = {3, 2, 2}, .spaced_inputs = true});
}

TEST_CASE("AveragePool2D") {
  check_layer(AveragePool2D{}, {.inputs = {{4, 6, 3}}, .output = {2, 3, 3}, .step = 0.5f, .terms = 4});
  check_layer(AveragePool2D{.pool = {2, 3}, .stride = Extent2{1, 2}},
              {.inputs = {{4, 5, 2}}, .output = {3, 2, 2}, .step = 0.5f, .terms = 6});
}

TEST_CASE("AveragePool2D: padding counted and not counted") {
  for (const bool count_padding : {false, true}) {
    check_layer(AveragePool2D{.pool = 3, .stride = 2, .padding = Padding::same(), .count_padding = count_padding},
                {.inputs = {{5, 4, 2}}, .output = {3, 2, 2}, .step = 0.5f, .terms = 9});
    check_layer(AveragePool2D{.pool = 3, .stride = 1, .padding = Padding::cells(1), .count_padding = count_padding},
                {.inputs = {{3, 4, 1}}, .output = {3, 4, 1}, .step = 0.5f, .terms = 9});
  }
}

TEST_CASE("L2Pool2D") {
  check_layer(L2Pool2D{},
              {.inputs = {{4, 6, 3}}, .output = {2, 3, 3}, .step = 0x1p-6f, .terms = 5, .spaced_inputs = true});
  check_layer(L2Pool2D{.pool = 3, .stride = 2, .padding = Padding::same()},
              {.inputs = {{5, 4, 2}}, .output = {3, 2, 2}, .step = 0x1p-6f, .terms = 10, .spaced_inputs = true});
}

TEST_CASE("GlobalAveragePool2D") {
  check_layer(GlobalAveragePool2D{}, {.inputs = {{4, 3, 5}}, .output = {5}, .step = 0.5f, .terms = 12});
  check_layer(GlobalAveragePool2D{}, {.inputs = {{1, 1, 2}}, .output = {2}, .step = 0.5f});
}

TEST_CASE("Pooling: arg-max memory in training only") {
  const std::unique_ptr<Backend> backend = test_backend(1);
  const LayerPtr layer = MaxPool2D{}.make();
  const Shape output = layer->build(std::vector<Shape>{{4, 4, 3}}, 0, 0).with_batch(5);
  const std::vector<Shape> inputs = {{5, 4, 4, 3}};
  CHECK(layer->demand(*backend, inputs, output, Mode::training).saved_bytes == 5 * 2 * 2 * 3);
  CHECK(layer->demand(*backend, inputs, output, Mode::inference).saved_bytes == 0);
}

TEST_CASE("Pooling: errors say what was expected and received") {
  CHECK_ERROR([] { MaxPool2D{.pool = 17}.make(); }, usage, "expected a pool of at most 256 cells, got 17x17");
  const MaxPool2D backwards{.pool = 2, .stride = -1};
  CHECK_ERROR([&] { backwards.make(); }, usage, "expected a stride");
  const AveragePool2D padded{.pool = 2, .padding = Padding::cells(2)};
  CHECK_ERROR([&] { padded.make(); }, usage, "below the 2x2 window");
  CHECK_ERROR(
      [] {
        MaxPool2D{.pool = 8}.make()->build(std::vector<Shape>{{7, 9, 1}}, 0, 0);
      },
      usage, "MaxPooling2D: a 8x8 pool does not fit a 7x9 input");
  CHECK_ERROR([] { GlobalAveragePool2D{}.make()->build(std::vector<Shape>{{7}}, 0, 0); }, usage,
              "expected an input of shape (rows, columns, channels), got (7,)");
}

}  // namespace
}  // namespace curie
