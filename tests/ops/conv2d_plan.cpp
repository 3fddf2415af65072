// The GPU's choice of kernels, tiles and parts for the convolutions of the recipes, VGG16 and ResNet18 among them. It
// is plain C++ and depends on the shape alone.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "ops/conv2d.h"
#include "support/square_conv.h"

#define CURIE_GPU planned_shapes
#include "cuda/conv2d_winograd.h"

namespace curie::test {
namespace {

using namespace planned_shapes;

struct Layer {
  std::string name;
  Conv2dShape shape;
};

Layer layer(const char* network, int n, int size, int c, int k, int filter, int stride, int pad) {
  return {fmt::format("{} {}x{} {} -> {}", network, size, size, c, k), square_conv(n, size, c, k, filter, stride, pad)};
}

std::vector<Layer> layers() {
  std::vector<Layer> all = {
      layer("covid-cnn-64", 256, 64, 1, 32, 3, 1, 0),
      layer("covid-cnn-64", 256, 31, 32, 64, 3, 1, 0),
      layer("covid-cnn-64", 256, 14, 64, 64, 3, 1, 0),
      layer("covid-basic-180", 32, 180, 3, 16, 3, 1, 0),
      layer("covid-basic-180", 32, 89, 16, 32, 3, 1, 0),
      layer("covid-basic-180", 32, 43, 32, 64, 3, 1, 0),
      layer("covid-dropout-224", 8, 222, 32, 32, 3, 1, 0),
      layer("covid-dropout-224", 8, 109, 64, 64, 3, 1, 0),
      layer("pneumonia-cnn-70", 256, 70, 3, 32, 3, 1, 0),
      layer("pneumonia-cnn-70", 256, 34, 32, 32, 3, 1, 0),
      layer("radiography-lenet-128", 64, 128, 3, 6, 5, 1, 0),
      layer("radiography-lenet-128", 64, 62, 6, 16, 5, 1, 0),
      layer("ResNet18", 32, 224, 3, 64, 7, 2, 3),
  };
  int size = 224;
  for (const auto& [from, to, count] : {std::array{3, 64, 2}, std::array{64, 128, 2}, std::array{128, 256, 3},
                                        std::array{256, 512, 3}, std::array{512, 512, 3}}) {
    for (int i = 0; i < count; ++i) all.push_back(layer("VGG16", 32, size, i == 0 ? from : to, to, 3, 1, 1));
    size /= 2;
  }
  size = 56;
  for (const int channels : {64, 128, 256, 512}) {
    if (channels > 64) {
      all.push_back(layer("ResNet18", 32, size, channels / 2, channels, 3, 2, 1));
      all.push_back(layer("ResNet18", 32, size, channels / 2, channels, 1, 2, 0));
      size /= 2;
    }
    all.push_back(layer("ResNet18", 32, size, channels, channels, 3, 1, 1));
  }
  return all;
}

// What is cut must be cut into whole fillings of shared memory that cover all taps, and no part may be empty.
void check_parts(const CorrelationPlan& plan, int taps) {
  const int depth = kMmaLineBytes / (plan.kernel == Kernel::bf16 ? 2 : 4);
  CHECK(plan.taps % depth == 0);
  CHECK(plan.splits * plan.taps >= taps);
  CHECK((plan.splits - 1) * plan.taps < taps);
}

// Enough blocks for 132 multiprocessors, or as many as the product can give: its smallest tiles, or parts of at least
// eight fillings.
void check_busy(const CorrelationPlan& plan, std::size_t rows, std::size_t copies, int columns, int taps) {
  const int depth = kMmaLineBytes / (plan.kernel == Kernel::bf16 ? 2 : 4);
  const auto tiles = [&](Tile tile) { return mma_tiles_over(rows, std::size_t(columns), tile) * copies; };
  const std::size_t blocks = tiles(plan.tile) * std::size_t(plan.splits);
  const bool cut_enough = (plan.splits + 1) * 8 * depth > taps;
  const bool smallest = plan.tile == Tile::square || columns <= 32;
  CHECK((blocks >= kBusy || cut_enough));
  CHECK((blocks >= kBusy || smallest || plan.splits > 1));
}

}  // namespace

TEST_CASE("tiles fit the shared memory that needs no opt-in, twice into the smallest multiprocessors") {
  for (const Tile tile : {Tile::narrow, Tile::square, Tile::tall, Tile::large, Tile::flat}) {
    const MmaSize size = mma_size_of(tile);
    CAPTURE(size.rows);
    CAPTURE(size.columns);
    CHECK(size.shared_bytes() <= 48 * 1024);
    CHECK(2 * (size.shared_bytes() + 1024) <= 100 * 1024);
    CHECK(size.stages >= 3);
    CHECK(size.rows % size.warp_rows == 0);
    CHECK(size.columns % size.warp_columns == 0);
    CHECK(size.warp_rows % 16 == 0);
    CHECK(size.warp_columns % 16 == 0);
    CHECK(size.threads() <= 256);
  }
}

TEST_CASE("every convolution of the recipes gets enough blocks, on tensor cores where its channels allow") {
  for (const Layer& each : layers()) {
    CAPTURE(each.name);
    const Conv2dShape& s = each.shape;
    for (const Math math : {Math::tf32, Math::bf16}) {
      CAPTURE(static_cast<int>(math));
      const bool vectors = s.c % 4 == 0 && s.k % 4 == 0;
      const int unit = math == Math::bf16 ? 8 : 4;
      const bool suits = s.c % unit == 0 && s.k % unit == 0;
      const CorrelationPlan forward = plan_forward(s, math, vectors);
      const CorrelationPlan gradient = plan_input_gradient(s, math, vectors);
      const WeightPlan weights = plan_weights(s, math, vectors);
      CHECK(on_tensor_cores(forward.kernel) == suits);
      CHECK(on_tensor_cores(gradient.kernel) == suits);
      CHECK(on_tensor_cores(weights.kernel) == suits);
      CHECK((s.c > 3 || s.r > 9 || forward.kernel == Kernel::few_channels));
      if (!suits) continue;
      check_parts(forward, taps_of(s));
      check_busy(forward, std::size_t(s.n) * s.p * s.q, 1, s.k, taps_of(s));
      const int gradient_taps = ceil_div(s.r, s.stride_h) * ceil_div(s.s, s.stride_w) * s.k;
      check_parts(gradient, gradient_taps);
      check_busy(gradient, residue_pixels(s), std::size_t(s.stride_h) * std::size_t(s.stride_w), s.c, gradient_taps);
      const std::size_t blocks =
          mma_tiles_over(std::size_t(s.k), std::size_t(taps_of(s)), weights.tile) * std::size_t(weights.splits);
      CHECK(blocks >= kBusy / 2);
      // Parts stay in memory: 64 MiB at most.
      CHECK(forward.splits * s.output_elements() * (forward.splits > 1) <= std::size_t{1} << 24);
    }
  }
}

TEST_CASE("Winograd's method is taken for 3x3 filters of many channels, in rounds that fit a cache or the filters") {
  int winning = 0;
  for (const Layer& each : layers()) {
    CAPTURE(each.name);
    const Correlation c = forward_correlation(each.shape);
    const bool suits = c.r == 3 && c.s == 3 && c.stride_h == 1 && c.c % 4 == 0 && c.k % 4 == 0;
    CHECK(winograd_takes(c) == suits);
    if (!suits) continue;
    const WinogradPlan plan = plan_winograd(c);
    winning += plan.wins;
    CHECK(plan.wins == (c.c >= 64 && c.k >= 64));  // below, moving patches takes longer than multiplying
    CHECK(plan.down * kWinogradOutputs >= c.p);
    CHECK(plan.across * kWinogradOutputs >= c.q);
    CHECK(plan.together >= 1);
    CHECK(plan.together <= plan.tiles);
    const std::size_t filters = kWinogradElements * std::size_t(c.c) * std::size_t(c.k);
    const std::size_t round = kWinogradElements * plan.together * std::size_t(c.c + c.k);
    CHECK(plan.floats == filters + round);
    CHECK(round <= std::max({filters, std::size_t{8} << 20, kWinogradElements * std::size_t{128} * (c.c + c.k)}));
  }
  CHECK(winning > 10);
  CHECK(!plan_winograd(forward_correlation(square_conv(1, 4, 512, 512, 3, 1, 1))).wins);  // one tile of 128 rows
}

TEST_CASE("late layers of few pixels are cut along their taps, early ones are not") {
  const Conv2dShape late = layer("ResNet18", 32, 7, 512, 512, 3, 1, 1).shape;
  CHECK(plan_forward(late, Math::bf16, true).tile == Tile::tall);
  CHECK(plan_forward(late, Math::bf16, true).splits == 2);
  CHECK(plan_forward(late, Math::exact, true).splits == 1);
  const Conv2dShape early = layer("VGG16", 32, 112, 128, 128, 3, 1, 1).shape;
  CHECK(plan_forward(early, Math::bf16, true).tile == Tile::large);
  CHECK(plan_forward(early, Math::bf16, true).splits == 1);
}

}  // namespace curie::test
