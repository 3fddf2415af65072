// The main function of tests that run on CURIE_TEST_DEVICE: status 77, which ctest counts as skipped, where that device
// is not there, or not with CURIE_TEST_KERNELS.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdio>

#include "support/backend.h"
#include "tensor/error.h"

int main(int argc, char** argv) {
  constexpr int kSkipped = 77;
  const std::string device = curie::test::device_under_test();
  if (const auto status = curie::backend_status(device.substr(0, device.find(':'))); !status.available) {
    std::printf("SKIPPED: %s: %s\n", device.c_str(), status.details.front().c_str());
    return kSkipped;
  }
  if (curie::test::libraries_under_test()) {
    const auto status = curie::cudnn_status();
    if (!status.available) {
      std::printf("SKIPPED: kernels cudnn: %s\n", status.details.front().c_str());
      return kSkipped;
    }
  }
  std::printf("device under test: %s\n", device.c_str());
  return doctest::Context(argc, argv).run();
}
