// Runs a reader of untrusted files in a process of its own, for libraries that damaged files are known to crash:
// whatever happens there, this process gets bytes or an error.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace curie {

struct IsolationLimits {
  std::size_t memory_bytes = std::size_t{1} << 30;  // that the child may take beyond what this process has
  std::size_t output_bytes = std::size_t{1} << 30;  // that it may send
  int seconds = 60;                                 // of processor time; ten times as much on the clock
};

// What the child calls, any number of times, to send bytes.
using Sink = std::function<void(std::span<const std::byte>)>;

// Forks; the child runs `work`, which may use memory, the processor and `send`, and nothing that waits for other
// threads of this process. Returns all that was sent. Error(file) that begins with `name` when the child crashes,
// exceeds a limit or throws: an Error(file) of its own arrives with its message.
std::vector<std::byte> run_isolated(const std::string& name, const IsolationLimits& limits,
                                    const std::function<void(const Sink& send)>& work);

}  // namespace curie
