#include "cuda/cudnn/api.h"

#include <fmt/format.h>

#include <string_view>

#include "tensor/error.h"

namespace curie::CURIE_GPU {
namespace {

constexpr const char* kAdvice = "install it, or use --kernels curie";

SharedLibrary open(const char* name, const std::string& file, const std::vector<std::string>& names) {
  SharedLibrary library(file.empty() ? names : std::vector<std::string>{file});
  CURIE_CHECK(library.is_open(), usage, "--kernels cudnn: {} cannot be opened: {}; {}", name, library.reason(),
              kAdvice);
  return library;
}

template <typename Function>
void find(const SharedLibrary& library, const char* in, const char* name, Function*& function) {
  function = library.find<Function>(name);
  CURIE_CHECK(function != nullptr, usage,
              "--kernels cudnn: this {} has no function {}; install the version that Curie was built for, or use "
              "--kernels curie",
              in, name);
}

// A library promises to serve programs built for the same major and an earlier minor version.
void check_version(const char* name, std::size_t found, std::size_t built_for) {
  constexpr std::size_t kMajor = 10000, kMinor = 100;
  CURIE_CHECK(found / kMajor == built_for / kMajor && found / kMinor >= built_for / kMinor, usage,
              "--kernels cudnn: Curie was built for {} {}, and found version {}: expected {}.{} or a later {}.x; {}",
              name, library_version(built_for), library_version(found), built_for / kMajor, built_for % kMajor / kMinor,
              built_for / kMajor, kAdvice);
}

CudnnFunctions open_cudnn(const std::string& file) {
  constexpr const char* kName = "cuDNN";
  const SharedLibrary library = open(kName, file, cudnn_names());
  CudnnFunctions functions;
  find(library, kName, "cudnnGetVersion", functions.cudnnGetVersion);
  check_version(kName, functions.cudnnGetVersion(), CUDNN_VERSION);
#define CURIE_FIND(name) find(library, kName, #name, functions.name);
  CURIE_CUDNN_FUNCTIONS(CURIE_FIND)
  return functions;
}

CublasLtFunctions open_cublas_lt(const std::string& file) {
  constexpr const char* kName = "cuBLASLt";
  const SharedLibrary library = open(kName, file, cublas_lt_names());
  CublasLtFunctions functions;
  find(library, kName, "cublasLtGetVersion", functions.cublasLtGetVersion);
  check_version(kName, functions.cublasLtGetVersion(), CUBLAS_VERSION);
  CURIE_CUBLAS_LT_FUNCTIONS(CURIE_FIND)
#undef CURIE_FIND
  return functions;
}

}  // namespace

void CudnnFunctions::check(cudnnStatus_t status, const char* call) const {
  if (status == CUDNN_STATUS_SUCCESS) return;
  constexpr std::size_t kLongest = 512;
  char details[kLongest] = {};
  cudnnGetLastErrorString(details, kLongest);
  const bool memory = status == CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED ||
                      status == CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED;
  throw_error(memory ? ErrorKind::out_of_memory : ErrorKind::internal,
              fmt::format("cuDNN: {} failed: {} ({}){}{}", call, cudnnGetErrorString(status), static_cast<int>(status),
                          details[0] == '\0' ? "" : ": ", std::string_view(details)));
}

void CublasLtFunctions::check(cublasStatus_t status, const char* call) const {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  throw_error(
      status == CUBLAS_STATUS_ALLOC_FAILED ? ErrorKind::out_of_memory : ErrorKind::internal,
      fmt::format("cuBLASLt: {} failed: {} ({})", call, cublasLtGetStatusString(status), static_cast<int>(status)));
}

std::string VendorFunctions::describe() const {
  return fmt::format("cuDNN {}, cuBLASLt {}", library_version(cudnn.cudnnGetVersion()),
                     library_version(cublas_lt.cublasLtGetVersion()));
}

std::shared_ptr<const VendorFunctions> open_vendor_libraries(const VendorFiles& files) {
  return std::make_shared<const VendorFunctions>(
      VendorFunctions{.cudnn = open_cudnn(files.cudnn), .cublas_lt = open_cublas_lt(files.cublas_lt)});
}

}  // namespace curie::CURIE_GPU
