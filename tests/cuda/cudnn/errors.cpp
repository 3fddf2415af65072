// What can be wrong with the libraries, and what Curie then says.
#include <doctest/doctest.h>

#include <string>

#include "support/fake_cudnn/stand_in.h"
#include "support/throws.h"

namespace curie::test {
namespace {

using emulated::VendorFiles;

struct Reset {
  StandIn library = stand_in();
  Reset() { library.reset(); }
  ~Reset() { library.reset(); }
};

auto opening(const VendorFiles& files) {
  return [files] { emulated::open_vendor_libraries(files); };
}
void make() { stand_in_backend(); }

}  // namespace

TEST_CASE("a library that is not there is named, with the loader's reason and what to do") {
  const VendorFiles no_cudnn{.cudnn = "/nowhere/libcudnn.so.9", .cublas_lt = CURIE_STAND_IN};
  CHECK_ERROR(opening(no_cudnn), usage, "cuDNN cannot be opened: /nowhere/libcudnn.so.9");
  CHECK_ERROR(opening(no_cudnn), usage, "or use --kernels curie");
  CHECK_ERROR(opening({.cudnn = CURIE_STAND_IN, .cublas_lt = "/nowhere/lt.so"}), usage, "cuBLASLt cannot be opened");
}

TEST_CASE("a library without one of the functions is refused by the function's name") {
  CHECK_ERROR(opening(files_without_a_function()), usage, "this cuDNN has no function cudnnConvolutionBackwardBias");
}

TEST_CASE("another major version and an older minor version are refused, later ones are taken") {
  const Reset guard;
  const StandIn& library = guard.library;
  library.versions(CUDNN_VERSION + 10000, 0);
  CHECK_ERROR(opening(stand_in_files()), usage, "found version 10.");
  library.versions(CUDNN_VERSION - 10000, 0);
  CHECK_ERROR(opening(stand_in_files()), usage, "found version 8.");
  library.versions(CUDNN_VERSION - 100, 0);
  CHECK_ERROR(opening(stand_in_files()), usage, "or a later 9.x");
  library.versions(0, CUBLAS_VERSION - 10000);
  CHECK_ERROR(opening(stand_in_files()), usage, "Curie was built for cuBLASLt");
  library.versions(CUDNN_VERSION + 200, CUBLAS_VERSION + 100);
  CHECK(emulated::open_vendor_libraries(stand_in_files())->describe().find("cuDNN 9.") == 0);
}

TEST_CASE("a call that fails names the function and passes on the library's own words") {
  const Reset guard;
  const StandIn& library = guard.library;
  library.fail("cudnnCreate", CUDNN_STATUS_BAD_PARAM);
  CHECK_ERROR(make, internal, "cuDNN: cudnnCreate failed: CUDNN_STATUS_BAD_PARAM (2000): cudnnCreate was told to fail");
  library.fail("cudnnCreate", CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED);
  CHECK_ERROR(make, out_of_memory, "cudnnCreate failed");
  library.fail("cudnnCreate", 0);
  library.fail("cublasLtCreate", CUBLAS_STATUS_NOT_INITIALIZED);
  CHECK_ERROR(make, internal, "cuBLASLt: cublasLtCreate failed");
  CHECK(library.live() == 0);  // cuDNN's handle, which came first, was given back
}

TEST_CASE("the libraries of this machine open, or the reason is told") {
  try {
    MESSAGE(emulated::open_vendor_libraries()->describe());
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::usage);
    CHECK(std::string(error.what()).find("--kernels curie") != std::string::npos);
    MESSAGE(error.what());
  }
}

}  // namespace curie::test
