// Profiles of training steps: that they tell of every primitive, that their parts add up, and that watching changes
// nothing.
#include "model/profile.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "model/step_work.h"
#include "support/backend.h"

using namespace curie;

namespace {

Model small_model() {
  Sequential model({14, 14, 1}, 3);
  model.add(Conv2D{.filters = 8, .kernel = 3, .activation = Activation::relu})
      .add(MaxPool2D{.pool = 2})
      .add(Dropout{.rate = 0.25f})
      .add(Conv2D{.filters = 4, .kernel = 3, .bias = false})
      .add(BatchNormalization{})
      .add(ReLU{})
      .add(Flatten{})
      .add(Dense{.units = 6, .activation = Activation::relu})
      .add(Dense{.units = 6, .activation = Activation::relu})
      .add(Dense{.units = 1, .activation = Activation::sigmoid});
  return model;
}

StepProfile profile_small(int steps) {
  CompileOptions compile;
  compile.device = test::device_under_test();
  compile.backend.threads = 1;
  return profile_step(small_model, compile, {.batch = 5, .steps = steps});
}

const KernelProfile* find(const StepProfile& profile, const std::string& primitive, const std::string& part) {
  const auto found = std::find_if(profile.kernels.begin(), profile.kernels.end(), [&](const KernelProfile& kernel) {
    return kernel.primitive == primitive &&
           std::find(kernel.parts.begin(), kernel.parts.end(), part) != kernel.parts.end();
  });
  return found == profile.kernels.end() ? nullptr : &*found;
}

}  // namespace

TEST_CASE("every primitive of a step is there, with its calls, its layers and its work") {
  const StepProfile profile = profile_small(2);
  CHECK(profile.batch == 5);
  const KernelProfile* update = find(profile, "adam_step", "update");
  REQUIRE(update != nullptr);
  CHECK(update->calls == 1.0);
  const KernelProfile* pixels = find(profile, "normalize_u8", "input");
  REQUIRE(pixels != nullptr);
  CHECK(pixels->work.bytes == 5.0 * 14 * 14 * 5 + 256 * 4);
  CHECK(find(profile, "loss", "loss") != nullptr);
  CHECK(find(profile, "count_correct", "loss") != nullptr);
  const KernelProfile* forward = find(profile, "batch_norm_forward", "batch_normalization");
  REQUIRE(forward != nullptr);
  CHECK(forward->shape == "80 x 4");

  const KernelProfile* dense = find(profile, "dense_forward", "dense_1");
  REQUIRE(dense != nullptr);
  CHECK(dense->shape == "n5 6 -> 6");
  CHECK(dense->calls == 1.0);

  // All products are counted: those of the network, whichever primitives they are in.
  Model model = small_model();
  CHECK(profile.work().dense == doctest::Approx(least_step_work(model.graph(), 5, 2).dense));
  CHECK(profile.least.dense == profile.work().dense);
  CHECK(profile.work().bytes > profile.least.bytes);
  CHECK(profile.parameter_bytes > 0);
  CHECK(profile.total_bytes >= profile.arena_bytes + profile.parameter_bytes);
  CHECK(std::any_of(profile.memory.begin(), profile.memory.end(),
                    [](const LayerMemory& layer) { return layer.step == "dense_2" && layer.bytes == 2 * 5 * 4; }));
}

TEST_CASE("times: primitives and the rest add up to the step, the longest first") {
  const StepProfile profile = profile_small(3);
  if (!profile.timed) {
    CHECK(profile.kernel_seconds() == 0.0);
    CHECK(profile.watched == 0.0);
    CHECK_FALSE(profile.roof.has_value());
    return;
  }
  CHECK(profile.step > 0.0);
  CHECK(profile.watched > 0.0);
  CHECK(profile.rest() >= 0.0);
  CHECK(profile.kernel_seconds() + profile.rest() == doctest::Approx(profile.watched));
  CHECK(std::is_sorted(profile.kernels.begin(), profile.kernels.end(),
                       [](const KernelProfile& a, const KernelProfile& b) { return a.seconds > b.seconds; }));
  REQUIRE(profile.roof.has_value());
  for (const KernelProfile& kernel : profile.kernels) {
    CAPTURE(kernel.primitive);
    CHECK(kernel.seconds > 0.0);
    CHECK(kernel.least(*profile.roof).seconds > 0.0);
  }
}

TEST_CASE("a device that starts kernels names them; a CPU starts none") {
  const StepProfile profile = profile_small(1);
  if (profile.host_waits) {
    CHECK(profile.launches() == 0.0);
    CHECK_FALSE(profile.unrecorded.has_value());
    return;
  }
  CHECK(profile.launches() >= static_cast<double>(profile.kernels.size()) - 1.0);  // a copy is no kernel
  std::set<std::string> names;
  for (const KernelProfile& kernel : profile.kernels) {
    for (const LaunchProfile& launch : kernel.launches) {
      names.insert(launch.kernel);
      CHECK(launch.launches >= 1.0);
      CHECK(launch.block[0] * launch.block[1] * launch.block[2] >= 32);
    }
  }
  CHECK((names.contains("conv_pool_single_forward") || names.contains("conv_pool_forward")));
  CHECK(names.contains("adam"));
}

TEST_CASE("in bfloat16 the same products move fewer bytes, and no kernel is without its primitive") {
  if (test::cpu_under_test()) return;
  CompileOptions compile;
  compile.device = test::device_under_test();
  const StepProfile exact = profile_step(small_model, compile, {.batch = 5, .steps = 1});
  compile.backend.math = Math::bf16;
  const StepProfile rounded = profile_step(small_model, compile, {.batch = 5, .steps = 1});
  CHECK(rounded.work().dense == exact.work().dense);
  CHECK(rounded.work().products == exact.work().products);
  const KernelProfile* before = find(exact, "conv2d_forward", "conv2d_1");
  const KernelProfile* after = find(rounded, "conv2d_forward", "conv2d_1");
  REQUIRE((before != nullptr && after != nullptr));
  CHECK(after->work.bytes == before->work.bytes / 2);  // no bias
  for (const StepProfile* profile : {&exact, &rounded}) {
    CHECK(std::none_of(profile->kernels.begin(), profile->kernels.end(),
                       [](const KernelProfile& kernel) { return kernel.primitive == "no primitive"; }));
  }
}

TEST_CASE("a profile of no steps or samples is refused") {
  CompileOptions compile;
  CHECK_THROWS_WITH_AS(profile_step(small_model, compile, {.batch = 1, .steps = 0}),
                       "profile: expected at least 1 step, got 0", Error);
  CHECK_THROWS_WITH_AS(profile_step(small_model, compile, {.batch = 0, .steps = 1}),
                       "profile: expected a batch of at least 1, got 0", Error);
}
