// Times the bfloat16 convolution of compute capability 9.0 beside its twin for 8.0 on one device, kernel by kernel, and
// prints JSON: what the table in conv2d_plan.h (wgmma_columns) is to be judged by. Each kernel's result is compared
// with the twin's first. Status 0; 1 where a result is wrong; 77 where the device has no wgmma.
//
//   curie_wgmma        on a GPU; over the emulator where there is none: tiny, and without times
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "cuda/conv2d.h"
#include "cuda/tensor_map.h"
#include "tensor/error.h"
#include "tests/cuda/device_array.h"
#include "tests/support/square_conv.h"

namespace curie::CURIE_GPU {
namespace {

constexpr bool kOnGpu = CURIE_WGMMA_ON_GPU;
constexpr int kSkipped = 77;

std::vector<Bf16> small_integers(std::size_t count, unsigned seed) {  // whose sums are exact
  std::mt19937 random(seed);
  std::vector<Bf16> values(count);
  for (Bf16& value : values) value = to_bf16(static_cast<float>(static_cast<int>(random() % 5) - 2));
  return values;
}

// Milliseconds of one call: the median of groups of calls.
double median_time(Runtime& runtime, const std::function<void()>& call) {
  constexpr int kGroups = kOnGpu ? 9 : 1, kCalls = kOnGpu ? 20 : 1;
  std::vector<double> times;
  for (int group = 0; group < kGroups; ++group) {
    Event before, after;
    before.record(runtime.stream());
    for (int i = 0; i < kCalls; ++i) call();
    after.record(runtime.stream());
    after.wait();
    times.push_back(after.milliseconds_since(before) / kCalls);
  }
  std::nth_element(times.begin(), times.begin() + kGroups / 2, times.end());
  return times[kGroups / 2];
}

// Adds the rows of one shape and direction; false where a result differs from the twin's.
bool compare(Runtime& runtime, const Conv2dShape& s, bool gradient, nlohmann::json& rows) {
  const Correlation c = gradient ? input_gradient_correlation(s, 0, 0) : forward_correlation(s);
  const CorrelationPlan plan = gradient ? plan_input_gradient(s, Math::bf16, true) : plan_forward(s, Math::bf16, true);
  const std::size_t outputs = gradient ? s.input_elements() : s.output_elements();
  const DeviceArray<Bf16> x(runtime, small_integers(gradient ? s.output_elements() : s.input_elements(), 1));
  const DeviceArray<Bf16> w(runtime, small_integers(s.weight_elements(), 2)), y(runtime, std::vector<Bf16>(outputs));
  const DeviceArray<float> parts(runtime, std::vector<float>(plan.splits > 1 ? outputs * std::size_t(plan.splits) : 1));
  const CorrelationArguments<Bf16> to_y{x.data(), w.data(), nullptr, false, y.data()};
  const bool cut = plan.splits > 1;
  const CorrelationArguments<Bf16> arguments =
      cut ? CorrelationArguments<Bf16>{x.data(), w.data(), nullptr, false, nullptr, parts.data(), outputs} : to_y;

  bool right = true;
  std::vector<Bf16> expected;
  const auto row = [&](const std::string& kernel, bool chosen, const std::function<void()>& call) {
    call();
    const std::vector<Bf16> found = y.values();
    if (expected.empty()) expected = found;
    const bool same =
        std::equal(found.begin(), found.end(), expected.begin(), [](Bf16 a, Bf16 b) { return a.bits == b.bits; });
    right = right && same;
    const double milliseconds = median_time(runtime, call);
    rows.push_back({{"kernel", kernel},
                    {"direction", gradient ? "input gradient" : "forward"},
                    {"shape", fmt::format("{}x{}x{}x{} to {}, {}x{}, stride {}, pad {}", s.n, s.h, s.w, s.c, s.k, s.r,
                                          s.s, s.stride_h, s.pad_top)},
                    {"chosen", chosen},
                    {"same_as_twin", same},
                    {"milliseconds", milliseconds},
                    {"tflops", milliseconds > 0 ? s.flops() / milliseconds * 1e-9 : 0.0}});
  };
  const int chosen = wgmma_columns(c);
  row("mma", chosen == 0, [&] {
    if (gradient) {
      start_input_gradient_mma<Bf16>(runtime.stream(), plan, s, arguments);
    } else {
      start_correlation_mma<Bf16>(runtime.stream(), "conv2d_forward_bf16", plan, c, outputs / std::size_t(s.k), true,
                                  arguments);
    }
    if (cut) start_output_total(runtime.stream(), outputs, c.k, {parts.data(), plan.splits, nullptr, false}, y.data());
  });
  for (const int columns : {64, 128}) {
    row(fmt::format("wgmma, {} columns", columns), chosen == columns, [&] {
      gradient ? start_input_gradient_wgmma(runtime.stream(), columns, s, to_y)
               : start_forward_wgmma(runtime.stream(), columns, s, to_y);
    });
  }
  return right;
}

// Padded to its own size at a stride of 1.
constexpr Conv2dShape padded(int n, int size, int c, int k, int filter, int stride) {
  return test::square_conv(n, size, c, k, filter, stride, filter / 2);
}

int run() {
  Runtime runtime(0);
  if (!has_wgmma()) {
    fmt::print("SKIPPED: {} has no wgmma, or this program no code for it\n", runtime.describe());
    return kSkipped;
  }
  std::vector<Conv2dShape> shapes = {padded(1, 6, 64, 64, 3, 1)};
  if (kOnGpu) {
    shapes = {padded(64, 56, 64, 64, 3, 1),   padded(64, 56, 64, 128, 3, 2),  padded(64, 28, 128, 128, 3, 1),
              padded(64, 28, 128, 256, 3, 2), padded(64, 14, 256, 256, 3, 1), padded(64, 7, 512, 512, 3, 1),
              padded(64, 56, 64, 256, 1, 1),  padded(64, 28, 512, 128, 1, 1), padded(256, 14, 64, 64, 3, 1),
              padded(256, 30, 64, 128, 3, 1)};
  }
  nlohmann::json rows = nlohmann::json::array();
  bool right = true;
  for (const Conv2dShape& shape : shapes) {
    right = compare(runtime, shape, false, rows) && right;
    if (shape.stride_h == 1) right = compare(runtime, shape, true, rows) && right;
  }
  fmt::print("{}\n", nlohmann::json{{"device", runtime.describe()}, {"rows", std::move(rows)}}.dump(1));
  return right ? 0 : 1;
}

}  // namespace
}  // namespace curie::CURIE_GPU

int main() {
  try {
    return curie::CURIE_GPU::run();
  } catch (const curie::Error& error) {
    fmt::print(stderr, "curie_wgmma: {}\n", error.what());
    return 1;
  }
}
