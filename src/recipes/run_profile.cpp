#include "recipes/run_profile.h"

#include <fmt/format.h>

#include "tensor/error.h"
#include "tensor/log.h"

namespace curie {

Roofline roofline_of(const std::string& recipe, const StepProfile& profile) {
  CURIE_CHECK(profile.timed && profile.roof, usage, "profile: {} has no clock, so there is no roofline",
              profile.device);
  Roofline roofline{.title = fmt::format("{} at batch {}", recipe, profile.batch),
                    .device = profile.device,
                    .operations_per_second = profile.roof->products,
                    .bytes_per_second = profile.roof->bytes,
                    .step_seconds = profile.watched,
                    .kernels = {}};
  roofline.lines = {
      fmt::format("As it trains, a step takes {:.2f} ms (the median of {}); watched, {:.2f} ms (their mean), of which "
                  "{:.2f} ms lie between kernels.",
                  profile.step * 1e3, profile.steps, profile.watched * 1e3, profile.rest() * 1e3),
      fmt::format("Its primitives have to move {:.1f} MB; with every block one pass, {:.1f} MB would do.",
                  profile.work().bytes * 1e-6, profile.least.bytes * 1e-6),
      fmt::format("The roof was measured just before: {}.", profile.roof->how)};
  for (const KernelProfile& kernel : profile.kernels) {
    const LeastTime least = kernel.least(*profile.roof);
    roofline.kernels.push_back(
        {.name = kernel.primitive,
         .shape = kernel.shape,
         .part = kernel.parts.front(),
         .operations = kernel.work.operations(),
         .bytes = kernel.work.bytes,
         .seconds = kernel.seconds,
         // A CPU does little work on one thread, sooner than it wakes the others.
         .least_seconds = profile.host_waits && least.bound == Bound::launch ? 0.0 : least.seconds,
         .bound = std::string(name_of(least.bound))});
  }
  return roofline;
}

std::optional<Roofline> measured_roofline(const Recipe& recipe, const CompileOptions& compile, int batch) {
  const StepProfile profile = profile_step([&] { return recipe.build(1); }, compile,
                                           {.batch = batch, .classes = static_cast<int>(recipe.classes.size())});
  if (profile.timed) return roofline_of(recipe.name, profile);
  log_info("{}: no times, so the report has no roofline", profile.device);
  return std::nullopt;
}

}  // namespace curie
