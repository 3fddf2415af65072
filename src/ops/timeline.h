// A device's own account of what it did when: marks between pieces of work, and every kernel that was started. For
// profiles only: where no timeline is alive, nothing is noted and nothing is paid.
#pragma once

#include <array>
#include <cstddef>
#include <string>

namespace curie {

struct KernelLaunch {
  std::string kernel;
  std::array<unsigned, 3> grid = {1, 1, 1}, block = {1, 1, 1};
  std::size_t dynamic_shared_bytes = 0;  // of a block
  double seconds = 0.0;                  // 0 where the device has no clock
};

class Timeline {
 public:
  virtual ~Timeline() = default;

  // False for the emulator, whose times would say nothing about a GPU.
  virtual bool has_clock() const = 0;
  // Puts a mark behind all work so far and returns its number.
  virtual std::size_t mark() = 0;
  // The device's time between two marks; waits for the later one.
  virtual double seconds_between(std::size_t earlier, std::size_t later) = 0;

  // Kernels started so far; a CPU starts none. `launch` waits for kernel number `index` to end.
  virtual std::size_t launches() const { return 0; }
  virtual KernelLaunch launch(std::size_t index);

  // Forgets all marks and launches: numbers begin at 0 again.
  virtual void restart() = 0;
};

}  // namespace curie
