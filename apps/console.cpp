#include "console.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <memory>

#include "model/progress.h"
#include "tensor/error.h"

namespace curie {

void DeviceOptions::add_to(CLI::App& command) {
  command.add_option("--device", device, "auto, cpu, cuda, cuda:N or emulated (CUDA kernels on the CPU)")
      ->capture_default_str();
  command.add_option("--threads", backend.threads, "CPU threads; 0: one a usable core")->capture_default_str();
  command
      .add_option_function<std::string>(
          "--math", [this](const std::string& name) { backend.math = math_named(name); },
          "exact: float32 (default); winograd: the same with fewer multiplications for 3x3 filters and more rounding; "
          "tf32: tensor cores, factors rounded to 10 bits of mantissa; bf16: activations and factors kept in bfloat16; "
          "all but exact need a GPU or --device emulated")
      ->type_name("exact|winograd|tf32|bf16");
  command
      .add_option_function<std::string>(
          "--kernels", [this](const std::string& name) { backend.kernels = kernels_named(name); },
          "curie: its own (default); cudnn: cuDNN and cuBLASLt where they do the same, GPU only; auto: whichever "
          "committed measurements say is faster on this GPU")
      ->type_name("curie|cudnn|auto");
  command.add_flag_callback(
      "--no-graph", [this] { backend.record_steps = false; },
      "on a GPU: start every kernel anew instead of replaying a CUDA graph");
}

std::map<std::string, int> parse_limits(const std::vector<std::string>& limits) {
  std::map<std::string, int> parsed;
  for (const std::string& limit : limits) {
    const std::size_t equals = limit.rfind('=');
    int count = 0;
    bool good = equals != std::string::npos && equals > 0;
    if (good) {
      const char* const end = limit.data() + limit.size();
      const auto [rest, error] = std::from_chars(limit.data() + equals + 1, end, count);
      good = error == std::errc() && rest == end && count > 0;
    }
    CURIE_CHECK(good, usage, "--limit: expected CLASS=N with N of at least 1, such as COVID=300, got \"{}\"", limit);
    parsed[limit.substr(0, equals)] = count;
  }
  return parsed;
}

std::function<void(int, int)> loading_progress() {
  const auto start = std::chrono::steady_clock::now();
  const bool terminal = ::isatty(STDERR_FILENO) == 1;
  return [start, terminal](int done, int total) {
    if (!terminal || total == 0) return;
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const double rate = done / std::max(seconds, 1e-9);
    constexpr int kWidth = 30;
    const auto filled = static_cast<std::size_t>(static_cast<long>(kWidth) * done / total);
    std::string bar(filled, '=');
    bar.resize(kWidth, '.');
    fmt::print(stderr, "\rLoading images {:>{}}/{} [{}] {:.0f}/s, {} left ", done, std::to_string(total).size(), total,
               bar, rate, ProgressBar::duration((total - done) / std::max(rate, 1e-9)));
    if (done == total) fmt::print(stderr, "\n");
  };
}

}  // namespace curie
