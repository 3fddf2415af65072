// Where the time of a training step goes: each primitive with its time, its work, and how near it comes to what the
// device can do at most.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "model/model.h"
#include "ops/roof.h"
#include "ops/timeline.h"
#include "ops/work.h"

namespace curie {

// Kernels of one name and grid that a primitive started. Numbers are those of one step.
struct LaunchProfile {
  std::string kernel;
  std::array<unsigned, 3> grid = {1, 1, 1}, block = {1, 1, 1};
  double launches = 0.0, seconds = 0.0;
};

// All calls of one primitive with one shape. Numbers are those of one step.
struct KernelProfile {
  std::string primitive, shape;
  std::vector<std::string> parts;  // the layers that called it, each once
  double calls = 0.0;
  double seconds = 0.0;  // 0 where the device has no clock
  Work work;
  std::vector<LaunchProfile> launches;  // none on a CPU

  double launch_count() const;
  // The least time that the roof allows; a CPU's call counts as one launch.
  LeastTime least(const Roof& roof) const;
};

struct LayerMemory {
  std::string step;  // "conv2d + max_pooling2d"
  std::size_t bytes = 0;
};

struct StepProfile {
  std::string model, device;
  int batch = 0, steps = 0;
  bool timed = false;        // false: emulated, no time is known
  bool host_waits = true;    // the host is the device, as on a CPU
  std::optional<Roof> roof;  // none: emulated
  // The longest first; in the order of their first calls where nothing is timed.
  std::vector<KernelProfile> kernels;

  // Seconds of a step. As it trains (a replayed graph on a GPU), the median, and of it until the host could go on:
  double step = 0.0, host = 0.0;
  // On a GPU: with every kernel started by the host.
  std::optional<double> unrecorded;
  // The mean of the steps that were watched: kernels and `rest` add up to it.
  double watched = 0.0;
  double kernel_seconds() const;
  double rest() const { return watched - kernel_seconds(); }

  double launches() const;
  Work work() const;
  Work least;  // model/step_work.h

  std::vector<LayerMemory> memory;  // activations, gradients and saved data of each step
  std::size_t parameter_bytes = 0, arena_bytes = 0, scratch_bytes = 0, total_bytes = 0;
};

struct ProfileOptions {
  int batch = 1;
  int steps = 20;   // of each kind
  int classes = 2;  // of the labels
  int warm_up = 3;  // steps before any is timed; none where nothing is timed
};

// Trains a model, which `make` makes anew for each kind of step, on random pixels. Throws Error(usage) for fewer than
// one step or sample.
StepProfile profile_step(const std::function<Model()>& make, const CompileOptions& compile,
                         const ProfileOptions& options);

}  // namespace curie
