// Takes the place of src/backends.cpp in the programs that test with the stand-in: device "emulated" is CudnnBackend
// over it, and there is no other.
#include <doctest/doctest.h>

#include "support/fake_cudnn/stand_in.h"
#include "tensor/error.h"

namespace curie {
namespace test {

StandIn::StandIn(const std::string& file) {
  const SharedLibrary library({file});
  REQUIRE_MESSAGE(library.is_open(), library.reason());
  fail = library.find<void(const char*, int)>("fake_fail");
  versions = library.find<void(std::size_t, std::size_t)>("fake_versions");
  calls = library.find<int(const char*)>("fake_calls");
  live = library.find<int()>("fake_live");
  reset = library.find<void()>("fake_reset");
  REQUIRE((fail != nullptr && versions != nullptr && calls != nullptr && live != nullptr && reset != nullptr));
}

emulated::VendorFiles stand_in_files() { return {.cudnn = CURIE_STAND_IN, .cublas_lt = CURIE_STAND_IN}; }
emulated::VendorFiles files_without_a_function() {
  return {.cudnn = CURIE_STAND_IN_LACKING, .cublas_lt = CURIE_STAND_IN};
}
StandIn stand_in() { return StandIn(CURIE_STAND_IN); }

std::unique_ptr<emulated::CudnnBackend> stand_in_backend(const BackendOptions& options,
                                                         const emulated::VendorPrimitives& primitives) {
  return std::make_unique<emulated::CudnnBackend>(0, options, primitives, stand_in_files());
}

}  // namespace test

std::unique_ptr<Backend> make_backend(const std::string& device, const BackendOptions& options) {
  CURIE_CHECK(device == "emulated", usage, "device \"{}\": this test program has \"emulated\" only", device);
  return test::stand_in_backend(options);
}
BackendStatus backend_status(const std::string& name) {
  return {.name = name, .available = name == "emulated", .details = {"a stand-in for NVIDIA's libraries"}};
}
std::vector<BackendStatus> backend_status() { return {backend_status("emulated")}; }
BackendStatus cudnn_status() { return backend_status("emulated"); }

}  // namespace curie
