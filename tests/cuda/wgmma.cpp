// The convolution of compute capability 9.0 against its twin for 8.0 and against loops in double. Sums of integers are
// exact, so all three must agree bit for bit.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "cuda/conv2d.h"
#include "cuda/tensor_map.h"
#include "device_array.h"
#include "ops/backend.h"
#include "support/reference_conv.h"
#include "support/square_conv.h"
#include "support/throws.h"
#ifdef CURIE_PROBES_EMULATED
#include "emu/emulator.h"
#endif

namespace curie::CURIE_GPU {
namespace {

using Narrow = std::vector<Bf16>;
using Values = std::vector<float>;

constexpr std::size_t kGuard = 64;  // elements before and behind an output
constexpr Bf16 kUntouched{0x7fc1};  // a NaN

Narrow narrow(const Values& values) {
  Narrow result(values.size());
  std::transform(values.begin(), values.end(), result.begin(), to_bf16);
  return result;
}
Values rounded(Values values) {
  for (float& value : values) value = to_float(to_bf16(value));
  return values;
}

std::vector<double> widened(const Values& values) { return {values.begin(), values.end()}; }

Values integers(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  Values values(count);
  for (float& value : values) value = static_cast<float>(static_cast<int>(random() % 7) - 3);
  return values;
}
Values fractions(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> uniform(-1.0f, 1.0f);
  Values values(count);
  for (float& value : values) value = uniform(random);
  return rounded(values);
}

// Runs start(y) with y full of NaN between guards, which must be whole afterwards.
template <typename Start>
Narrow output_of(Runtime& runtime, std::size_t count, Start start) {
  const DeviceArray<Bf16> y(runtime, Narrow(count + 2 * kGuard, kUntouched));
  start(y.data() + kGuard);
  Narrow all = y.values();
  const auto untouched = [](Bf16 value) { return value.bits == kUntouched.bits; };
  CHECK(std::all_of(all.begin(), all.begin() + kGuard, untouched));
  CHECK(std::all_of(all.end() - kGuard, all.end(), untouched));
  return {all.begin() + kGuard, all.end() - kGuard};
}

int differences(const Narrow& a, const Narrow& b) {
  int count = a.size() == b.size() ? 0 : 1;
  for (std::size_t i = 0; i < a.size() && i < b.size(); ++i) count += a[i].bits != b[i].bits;
  return count;
}

// Elements that lie further from the exact sum than float32 sums in any order and one rounding to bfloat16 may.
int outside(const Narrow& found, const reference::Sums& exact, double terms) {
  int count = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const double error = std::abs(static_cast<double>(to_float(found[i])) - exact.value[i]);
    const double of_sum = (terms + 2) * 0x1p-23 * exact.magnitude[i];  // tensor cores cut what they do not keep
    count += !(error <= of_sum + 0x1p-8 * (std::abs(exact.value[i]) + of_sum));
  }
  return count;
}

std::string name_of(const Conv2dShape& s) {
  std::string text;
  for (const int value : {s.n, s.h, s.w, s.c, s.k, s.r, s.s, s.stride_h, s.stride_w, s.pad_top, s.pad_left, s.p, s.q}) {
    text += std::to_string(value) + ' ';
  }
  return text;
}

std::vector<Conv2dShape> shapes() {
  return {
      test::square_conv(2, 9, 64, 64, 1),          // no padding, one step
      test::square_conv(3, 7, 64, 128, 3, 1, 1),   // images end within tiles
      test::square_conv(1, 13, 128, 72, 3, 2, 1),  // stride 2, odd extents, filters that fill no tile
      test::square_conv(2, 5, 72, 136, 3, 1, 1),   // channels that fill no step, more filters than a tile
      test::square_conv(1, 4, 8, 8, 2, 1, 0),      // the least of everything
      test::square_conv(1, 12, 192, 64, 3, 1, 1),  // the ring goes round nine times
      test::square_conv(1, 6, 64, 64, 1, 1, 1),    // more padding than taps: outputs that see nothing
      {.n = 2,
       .h = 11,
       .w = 6,
       .c = 64,
       .k = 64,
       .r = 5,
       .s = 2,
       .stride_h = 3,
       .stride_w = 1,
       .pad_top = 2,
       .pad_left = 0,
       .p = 4,
       .q = 5},  // every pair of extents differs
      {.n = 2,
       .h = 6,
       .w = 15,
       .c = 64,
       .k = 64,
       .r = 2,
       .s = 3,
       .stride_h = 1,
       .stride_w = 2,
       .pad_top = 0,
       .pad_left = 1,
       .p = 3,
       .q = 8},  // rows of the image that no output sees
      {.n = 1,
       .h = 9,
       .w = 20,
       .c = 64,
       .k = 64,
       .r = 3,
       .s = 3,
       .stride_h = 1,
       .stride_w = 1,
       .pad_top = 1,
       .pad_left = 2,
       .p = 9,
       .q = 17},
  };
}

struct Case {
  Conv2dShape shape;
  Values x, w, bias, dy;
};
Case make_case(const Conv2dShape& s, Values (*values)(std::size_t, unsigned)) {
  return {s, values(s.input_elements(), 1), values(s.weight_elements(), 2), values(std::size_t(s.k), 3),
          values(s.output_elements(), 4)};
}

// The plan of the twin, uncut: one kernel, whose sums run in the same order.
CorrelationPlan uncut(CorrelationPlan plan, int taps) {
  plan.splits = 1;
  plan.taps = (taps + 31) / 32 * 32;
  return plan;
}

struct Outputs {
  Narrow wgmma[2], twin;  // by 64 and 128 columns
};

Outputs forward(Runtime& runtime, const Case& c, bool relu) {
  const Conv2dShape& s = c.shape;
  const DeviceArray<Bf16> x(runtime, narrow(c.x)), w(runtime, narrow(c.w));
  const DeviceArray<float> bias(runtime, c.bias);
  const auto to = [&](Bf16* y) { return CorrelationArguments<Bf16>{x.data(), w.data(), bias.data(), relu, y}; };
  Outputs out;
  for (const int i : {0, 1}) {
    out.wgmma[i] = output_of(runtime, s.output_elements(),
                             [&](Bf16* y) { start_forward_wgmma(runtime.stream(), 64 << i, s, to(y)); });
  }
  out.twin = output_of(runtime, s.output_elements(), [&](Bf16* y) {
    start_correlation_mma<Bf16>(runtime.stream(), "twin", uncut(plan_forward(s, Math::bf16, true), taps_of(s)),
                                forward_correlation(s), std::size_t(s.n) * s.p * s.q, true, to(y));
  });
  return out;
}

Outputs input_gradient(Runtime& runtime, const Case& c) {
  const Conv2dShape& s = c.shape;
  const DeviceArray<Bf16> dy(runtime, narrow(c.dy)), w(runtime, narrow(c.w));
  const auto to = [&](Bf16* dx) { return CorrelationArguments<Bf16>{dy.data(), w.data(), nullptr, false, dx}; };
  Outputs out;
  for (const int i : {0, 1}) {
    out.wgmma[i] = output_of(runtime, s.input_elements(),
                             [&](Bf16* dx) { start_input_gradient_wgmma(runtime.stream(), 64 << i, s, to(dx)); });
  }
  out.twin = output_of(runtime, s.input_elements(), [&](Bf16* dx) {
    start_input_gradient_mma<Bf16>(runtime.stream(), uncut(plan_input_gradient(s, Math::bf16, true), s.r * s.s * s.k),
                                   s, to(dx));
  });
  return out;
}

bool has_stride(const Conv2dShape& s) { return s.stride_h != 1 || s.stride_w != 1; }

bool can_run() {
  if (has_wgmma()) return true;
  MESSAGE("skipped: this device, or the code for it, has no wgmma");
  return false;
}

#ifdef CURIE_PROBES_EMULATED
// The emulator in one order after the other.
template <typename Body>
void in_every_order(Body body) {
  for (const emu::Order order : {emu::Order::ascending, emu::Order::descending, emu::Order::random}) {
    emu::settings().order = order;
    body();
  }
  emu::settings() = {};
}
#else
template <typename Body>
void in_every_order(Body body) {
  body();
}
#endif

}  // namespace

TEST_CASE("wgmma: the convolution of integers is its twin's, and loops'") {
  Runtime runtime(0);
  if (!can_run()) return;
  for (const Conv2dShape& s : shapes()) {
    CAPTURE(name_of(s));
    REQUIRE(wgmma_takes(forward_correlation(s)));
    const Case c = make_case(s, integers);
    const reference::Sums sums = reference::forward(s, c.x, c.w, c.bias);
    for (const bool relu : {false, true}) {
      Values y(sums.value.begin(), sums.value.end());
      for (float& value : y) value = relu ? std::max(value, 0.0f) : value;
      in_every_order([&] {
        const Outputs out = forward(runtime, c, relu);
        CHECK(differences(out.wgmma[0], narrow(y)) == 0);
        CHECK(differences(out.wgmma[1], narrow(y)) == 0);
        CHECK(differences(out.twin, narrow(y)) == 0);
      });
    }
  }
}

TEST_CASE("wgmma: the input gradient of integers is its twin's, and loops'") {
  Runtime runtime(0);
  if (!can_run()) return;
  int tried = 0;
  for (const Conv2dShape& s : shapes()) {
    if (has_stride(s)) continue;
    ++tried;
    CAPTURE(name_of(s));
    REQUIRE(wgmma_takes(input_gradient_correlation(s, 0, 0)));
    const Case c = make_case(s, integers);
    const reference::Sums sums = reference::input_gradient(s, widened(c.dy), c.w);
    in_every_order([&] {
      const Outputs out = input_gradient(runtime, c);
      const Narrow dx = narrow({sums.value.begin(), sums.value.end()});
      CHECK(differences(out.wgmma[0], dx) == 0);
      CHECK(differences(out.wgmma[1], dx) == 0);
      CHECK(differences(out.twin, dx) == 0);
    });
  }
  CHECK(tried >= 5);
}

TEST_CASE("wgmma: convolutions of fractions stay within the rounding of sums and results") {
  Runtime runtime(0);
  if (!can_run()) return;
  for (const Conv2dShape& s : shapes()) {
    CAPTURE(name_of(s));
    const Case c = make_case(s, fractions);
    const Outputs y = forward(runtime, c, false);
    const reference::Sums sums = reference::forward(s, c.x, c.w, c.bias);
    CHECK(outside(y.wgmma[0], sums, taps_of(s)) == 0);
    CHECK(outside(y.wgmma[1], sums, taps_of(s)) == 0);
    if (has_stride(s)) continue;
    const Outputs dx = input_gradient(runtime, c);
    const reference::Sums gradient = reference::input_gradient(s, widened(c.dy), c.w);
    CHECK(outside(dx.wgmma[0], gradient, double(s.r) * s.s * s.k) == 0);
    CHECK(outside(dx.wgmma[1], gradient, double(s.r) * s.s * s.k) == 0);
#ifdef CURIE_PROBES_EMULATED
    // The emulator adds up 16 terms at a time for both kernels, and where channels come in sixteens, the same ones.
    if (s.c % 16 == 0) CHECK(differences(y.wgmma[1], y.twin) == 0);
    if (s.k % 16 == 0) CHECK(differences(dx.wgmma[1], dx.twin) == 0);
#endif
  }
}

TEST_CASE("the table gives large convolutions of full tiles to wgmma, where the device has it") {
  const Conv2dShape large = test::square_conv(32, 14, 128, 256, 3, 1, 1), few = test::square_conv(4, 14, 128, 256, 3);
  CHECK(wgmma_columns(forward_correlation(large)) == 64);  // 49 tiles down: two across are too few
  CHECK(wgmma_columns(forward_correlation(test::square_conv(128, 14, 128, 256, 3, 1, 1))) == 128);
  CHECK(wgmma_columns(forward_correlation(few)) == 0);
  CHECK(wgmma_columns(forward_correlation(test::square_conv(64, 28, 72, 64, 3, 1, 1))) == 0);
  CHECK(wgmma_columns(forward_correlation(test::square_conv(64, 28, 64, 72, 3, 1, 1))) == 0);
  CHECK(!wgmma_takes(forward_correlation(test::square_conv(1, 64, 64, 64, 3, 9))));        // stride
  CHECK(!wgmma_takes(forward_correlation(test::square_conv(1, 300, 64, 64, 257))));        // offsets
  CHECK(!wgmma_takes(forward_correlation(test::square_conv(1, 9, 64, 64, 1, 1, 129))));    // corners
  CHECK(!wgmma_takes(forward_correlation(test::square_conv(1, 300, 64, 64, 140, 1, 0))));  // corners
  CHECK(wgmma_takes(forward_correlation(test::square_conv(1, 300, 64, 64, 129, 1, 128))));
}

namespace {

std::string kernel_of(Runtime& runtime, const Conv2dShape& s, bool gradient) {
  const DeviceArray<Bf16> x(runtime, s.input_elements()), w(runtime, s.weight_elements());
  const DeviceArray<Bf16> y(runtime, s.output_elements());
  runtime.zero(x.raw(), x.bytes());
  runtime.zero(w.raw(), w.bytes());
  runtime.zero(y.raw(), y.bytes());
  const std::unique_ptr<Timeline> timeline = runtime.watch();
  if (gradient) {
    conv2d_backward_input<Bf16>(runtime.stream(), Math::bf16, s, y.data(), w.data(), x.data(), {});
  } else {
    conv2d_forward<Bf16>(runtime.stream(), Math::bf16, s, x.data(), w.data(), nullptr, Activation::none, y.data(), {});
  }
  return timeline->launches() == 1 ? timeline->launch(0).kernel : "not one kernel";
}

}  // namespace

TEST_CASE("a profile names the kernel that the device's capability decides") {
  Runtime runtime(0);
  if (runtime.compute_capability() < 80) return;
  const Conv2dShape s = test::square_conv(11, 28, 64, 128, 1);
  const char* kind = has_wgmma() ? "wgmma" : "bf16";
  CHECK(kernel_of(runtime, s, false) == std::string("conv2d_forward_") + kind);
  const Conv2dShape t = test::square_conv(11, 28, 128, 64, 1);
  CHECK(kernel_of(runtime, t, true) == std::string("conv2d_input_gradient_") + kind);
#ifdef CURIE_PROBES_EMULATED
  emu::settings().compute_capability = 80;
  CHECK(!has_wgmma());
  CHECK(Runtime(0).compute_capability() == 80);
  CHECK(kernel_of(runtime, s, false) == "conv2d_forward_bf16");
  CHECK(kernel_of(runtime, t, true) == "conv2d_input_gradient_bf16");
  make_backend("emulated:descending");
  CHECK(has_wgmma());
  make_backend("emulated:8.0");
  CHECK(!has_wgmma());
  CHECK(test::error_message([] { make_backend("emulated:7.5"); }).find("\"7.5\" is unknown") != std::string::npos);
  emu::settings() = {};
#endif
}

}  // namespace curie::CURIE_GPU
