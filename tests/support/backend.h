// The backend that a test runs on: CURIE_TEST_DEVICE, the CPU where it is not set. The same test body so serves the
// CPU, the emulator in both orders, checked mode and a GPU.
#pragma once

#include <cstdlib>
#include <memory>
#include <string>

#include "ops/backend.h"

namespace curie::test {

inline std::string device_under_test() {
  const char* device = std::getenv("CURIE_TEST_DEVICE");
  return device == nullptr ? "cpu" : device;
}
inline bool cpu_under_test() { return device_under_test() == "cpu"; }

inline std::unique_ptr<Backend> test_backend(int threads = 2) {
  return make_backend(device_under_test(), {.threads = threads});
}

}  // namespace curie::test
