// Work in one stream happens in its order, recorded steps do what plain ones do, and a refused launch says its name.
#include <doctest/doctest.h>

#include <cstring>
#include <random>
#include <stdexcept>

#include "device_array.h"
#include "probes.h"
#include "support/throws.h"

namespace curie::CURIE_GPU {
namespace {

constexpr std::size_t kCount = 5000;

std::vector<std::uint32_t> counting(std::size_t count) {
  std::vector<std::uint32_t> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<std::uint32_t>(i);
  return values;
}

void advance_on_host(std::uint32_t factor, std::uint32_t term, std::vector<std::uint32_t>& x) {
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = probe::advanced(x[i], factor, term, i);
}

// A step of a few kernels with a copy and a memset between them, that reads a term which the host changes.
struct Step {
  Runtime& runtime;
  DeviceArray<std::uint32_t> term, x, kept;
  DeviceArray<float> values, sum;

  explicit Step(Runtime& r)
      : runtime(r), term(r, 1), x(r, counting(kCount)), kept(r, kCount), values(r, fractions()), sum(r, 1) {}

  static std::vector<float> fractions() {
    std::mt19937 random(5);
    std::uniform_real_distribution<float> uniform(-1.0f, 1.0f);
    std::vector<float> values(kCount);
    for (float& v : values) v = uniform(random);
    return values;
  }
  void start() const {
    runtime.zero(sum.raw(), sum.bytes());
    probe::advance(runtime.stream(), kCount, 1664525u, term.data(), x.data());
    probe::add_up(runtime.stream(), kCount, values.data(), sum.data());
    runtime.copy_on_device(kept.raw(), x.raw(), x.bytes());
    probe::advance(runtime.stream(), kCount, 22695477u, term.data(), x.data());
  }
  std::vector<std::uint32_t> results() const {
    std::vector<std::uint32_t> all = x.values();
    const std::vector<std::uint32_t> before = kept.values();
    all.insert(all.end(), before.begin(), before.end());
    const float total = sum.values()[0];
    all.emplace_back();
    std::memcpy(&all.back(), &total, sizeof total);
    return all;
  }
};

}  // namespace

TEST_CASE("kernels and copies of a stream happen in their order") {
  Runtime runtime(0);
  std::vector<std::uint32_t> x = counting(kCount), term(1);
  DeviceArray<std::uint32_t> on_x(runtime, x), on_term(runtime, 1);
  for (std::uint32_t i = 0; i < 50; ++i) {  // more than there are staging buffers
    term[0] = i;
    on_term.set(term);
    term[0] = 12345;  // copy_to_device has read it
    probe::advance(runtime.stream(), kCount, 69069u, on_term.data(), on_x.data());
    advance_on_host(69069u, i, x);
  }
  CHECK(on_x.values() == x);
}

TEST_CASE("a copy larger than a staging buffer is in order too") {
  Runtime runtime(0);
  constexpr std::size_t kLarge = (std::size_t{9} << 20) / sizeof(std::uint32_t);
  std::vector<std::uint32_t> x = counting(kLarge);
  DeviceArray<std::uint32_t> on_x(runtime, x), on_term(runtime, std::vector<std::uint32_t>{7});
  probe::advance(runtime.stream(), kLarge, 3u, on_term.data(), on_x.data());
  on_x.set(x);
  probe::advance(runtime.stream(), kLarge, 5u, on_term.data(), on_x.data());
  advance_on_host(5u, 7u, x);
  CHECK(on_x.values() == x);
}

TEST_CASE("a recorded step, replayed, does what the plain step does, bit for bit") {
  Runtime runtime(0);
  Step plain(runtime), recorded(runtime);
  const std::unique_ptr<Recording> recording = runtime.record([&] { recorded.start(); });
  CHECK(recorded.x.values() == counting(kCount));  // recording runs nothing
  for (std::uint32_t i = 0; i < 100; ++i) {
    plain.term.set({i * i});
    plain.start();
    recorded.term.set({i * i});
    recording->replay();
  }
  CHECK(recorded.results() == plain.results());
}

TEST_CASE("a recording that fails leaves the device usable") {
  Runtime runtime(0);
  Step step(runtime);
  const auto fails = [&] {
    step.start();
    throw std::runtime_error("stop");
  };
  CHECK_THROWS_AS(runtime.record(fails)->replay(), std::runtime_error);  // the emulator runs it at replay only
  Step other(runtime);
  other.term.set({3});
  other.start();
  std::vector<std::uint32_t> x = counting(kCount);
  advance_on_host(1664525u, 3, x);
  advance_on_host(22695477u, 3, x);
  CHECK(other.x.values() == x);
  CHECK_NOTHROW(runtime.record([&] { other.start(); })->replay());
  CHECK_NOTHROW(runtime.synchronize());
}

TEST_CASE("two runtimes on one device do not mix") {
  Runtime one(0), two(0);
  Step first(one), second(two);
  first.term.set({1});
  second.term.set({1});
  for (int i = 0; i < 20; ++i) {
    first.start();
    second.start();
  }
  CHECK(first.results() == second.results());
}

TEST_CASE("events are reached in order") {
  Runtime runtime(0);
  Step step(runtime);
  Event before, after;
  before.record(runtime.stream());
  step.start();
  after.record(runtime.stream());
  after.wait();
  CHECK(after.milliseconds_since(before) >= 0.0);
}

TEST_CASE("a launch that the device refuses names the kernel, and the next one works") {
  Runtime runtime(0);
  const auto message = [&](void (*start)(Stream)) { return test::error_message([&] { start(runtime.stream()); }); };
  CHECK_MESSAGE(message(probe::too_large_block).find("too_large_block") != std::string::npos,
                message(probe::too_large_block));
  CHECK_MESSAGE(message(probe::too_much_shared_memory).find("too_much_shared_memory") != std::string::npos,
                message(probe::too_much_shared_memory));
  Step step(runtime);
  step.start();
  CHECK_NOTHROW(runtime.synchronize());
}

}  // namespace curie::CURIE_GPU
