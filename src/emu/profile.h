// How the kernels of checked mode use memory, counted by source line: what Nsight Compute's source view shows of a GPU.
// A request is one load or store of a warp. The k-th time that a lane comes to a line since the last barrier belongs to
// its warp's k-th request there, so lanes need not run together.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace curie::emu {

struct ProfileRow {
  std::string kernel;
  std::string line;    // "pool.cu:23"
  std::string memory;  // the shared array's or device buffer's name; "" for an unnamed buffer
  bool shared = false, write = false;
  std::uint64_t requests = 0;
  std::uint64_t bytes = 0;  // that the lanes asked for
  // Global memory moves in sectors of 32 bytes; shared memory serves a request in wavefronts, one word of 4 bytes a
  // bank each. `ideal` is what the same bytes would need side by side.
  std::uint64_t units = 0, ideal = 0;
  // Of shared memory: the wavefronts without bank conflicts. 32 lanes are served at once, where they access 8 or 16
  // bytes each, 16 or 8 of them; so a float4 that all lanes read is four here and one in `ideal`.
  std::uint64_t phases = 0;
};

// Watches the first `blocks` blocks of each launch of a checked kernel, from the next launch on.
void start_profile(std::size_t blocks = 4);
// Rows by kernel in the order of their first launch, then by line.
std::vector<ProfileRow> stop_profile();

}  // namespace curie::emu
