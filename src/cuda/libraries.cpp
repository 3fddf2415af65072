#include "cuda/libraries.h"

#include <dlfcn.h>
#include <fmt/format.h>

namespace curie {
namespace {

LibraryStatus status_of(const char* name, const std::vector<std::string>& files, const char* version_function) {
  LibraryStatus status{.name = name, .available = false, .detail = {}};
  const SharedLibrary library(files);
  if (!library.is_open()) {
    status.detail = library.reason();
    return status;
  }
  const auto version = library.find<std::size_t()>(version_function);
  if (version == nullptr) {
    status.detail = fmt::format("the library has no {}", version_function);
    return status;
  }
  status.available = true;
  status.detail = library_version(version());
  return status;
}

}  // namespace

SharedLibrary::SharedLibrary(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    handle_ = dlopen(name.c_str(), RTLD_LAZY | RTLD_LOCAL | RTLD_NODELETE);
    if (handle_ != nullptr) return;
    const char* error = dlerror();
    if (reason_.empty()) reason_ = error == nullptr ? "not found" : error;
  }
}

void* SharedLibrary::address(const char* name) const { return handle_ == nullptr ? nullptr : dlsym(handle_, name); }

std::vector<std::string> cublas_lt_names() { return {"libcublasLt.so.13", "libcublasLt.so.12"}; }
std::vector<std::string> cudnn_names() { return {"libcudnn.so.9"}; }

std::string library_version(std::size_t number) {
  return fmt::format("{}.{}.{}", number / 10000, number % 10000 / 100, number % 100);
}

std::vector<LibraryStatus> vendor_libraries() {
  return {status_of("cuBLASLt", cublas_lt_names(), "cublasLtGetVersion"),
          status_of("cuDNN", cudnn_names(), "cudnnGetVersion")};
}

}  // namespace curie
