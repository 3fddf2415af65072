#include "console.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <memory>
#include <optional>

#include "model/progress.h"
#include "tensor/error.h"

namespace curie {

void DeviceOptions::add_to(CLI::App& command) {
  command.add_option("--device", device, "auto, cpu, cuda, cuda:N or emulated (CUDA kernels on the CPU)")
      ->capture_default_str();
  command.add_option("--threads", backend.threads, "CPU threads; 0: one a usable core")
      ->capture_default_str()
      ->check(whole_number(0, kMostThreads));
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

namespace {

// The whole text as a number.
template <typename Number>
std::optional<Number> parsed_as(const std::string& text) {
  Number value{};
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || rest != end) return std::nullopt;
  return value;
}

}  // namespace

CLI::Validator whole_number(std::int64_t low, std::uint64_t high) {
  const auto check = [low, high](const std::string& text) -> std::string {
    const std::optional<std::int64_t> negative = parsed_as<std::int64_t>(text);
    const std::optional<std::uint64_t> positive = parsed_as<std::uint64_t>(text);
    const bool good = positive ? *positive <= high && (low < 0 || *positive >= static_cast<std::uint64_t>(low))
                               : negative && *negative >= low;
    return good ? "" : fmt::format("expected a whole number from {} to {}, got \"{}\"", low, high, text);
  };
  return CLI::Validator(check, "");
}

CLI::Validator number_above(double low) {
  const auto check = [low](const std::string& text) -> std::string {
    const std::optional<double> value = parsed_as<double>(text);
    const bool good = value && std::isfinite(*value) && *value > low;
    return good ? "" : fmt::format("expected a number above {:g}, got \"{}\"", low, text);
  };
  return CLI::Validator(check, "");
}

CLI::Validator not_empty() {
  const auto check = [](const std::string& text) -> std::string {
    return text.empty() ? "expected a name, got an empty text (a shell variable that is not set?)" : "";
  };
  return CLI::Validator(check, "");
}

void check_not_there(const std::filesystem::path& path, bool force, const char* other) {
  CURIE_CHECK(force || !std::filesystem::exists(std::filesystem::symlink_status(path)), usage,
              "{} is there already; --force writes over it, or choose another {}", path.string(), other);
}

std::map<std::string, std::string> values_by_class(const char* option, const char* expected,
                                                   const std::vector<std::string>& texts,
                                                   const std::function<bool(const std::string&)>& good) {
  std::map<std::string, std::string> values;
  for (const std::string& text : texts) {
    const std::size_t equals = text.rfind('=');
    const bool named = equals != std::string::npos && equals > 0;
    CURIE_CHECK(named && good(text.substr(equals + 1)), usage, "{}: expected {}, got \"{}\"", option, expected, text);
    const bool added = values.emplace(text.substr(0, equals), text.substr(equals + 1)).second;
    CURIE_CHECK(added, usage, "{}: expected each class once, got {} twice", option, text.substr(0, equals));
  }
  return values;
}

std::map<std::string, int> parse_limits(const std::vector<std::string>& limits) {
  const auto values = values_by_class("--limit", "CLASS=N with N of at least 1, such as COVID=300", limits,
                                      [](const std::string& text) { return parsed_as<int>(text).value_or(0) > 0; });
  std::map<std::string, int> parsed;
  for (const auto& [name, value] : values) parsed[name] = *parsed_as<int>(value);
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
