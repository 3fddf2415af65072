// Where bytes live and where work runs.
#pragma once

#include <cstdint>
#include <string>

namespace curie {

enum class DeviceKind : std::uint8_t { cpu, emulated, cuda };

struct Device {
  DeviceKind kind = DeviceKind::cpu;
  int index = 0;

  // Host code may read and write the bytes directly.
  bool host_readable() const { return kind != DeviceKind::cuda; }
  friend bool operator==(const Device&, const Device&) = default;
};

std::string to_string(const Device& device);  // "cpu", "emulated", "cuda:0"

}  // namespace curie
