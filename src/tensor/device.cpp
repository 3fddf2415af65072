#include "tensor/device.h"

namespace curie {

std::string to_string(const Device& device) {
  switch (device.kind) {
    case DeviceKind::cpu:
      return "cpu";
    case DeviceKind::emulated:
      return "emulated";
    case DeviceKind::cuda:
      return "cuda:" + std::to_string(device.index);
  }
  return "?";
}

}  // namespace curie
