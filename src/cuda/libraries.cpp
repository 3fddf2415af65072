#include "cuda/libraries.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <initializer_list>
#include <memory>

namespace curie {
namespace {

using Library = std::unique_ptr<void, int (*)(void*)>;

Library open_first(std::initializer_list<const char*> names, std::string& reason) {
  for (const char* name : names) {
    // Not unloaded: what the libraries allocate at start stays theirs until the process ends.
    if (void* handle = dlopen(name, RTLD_LAZY | RTLD_LOCAL | RTLD_NODELETE)) return {handle, dlclose};
    const char* error = dlerror();
    if (reason.empty()) reason = error == nullptr ? "not found" : error;
  }
  return {nullptr, dlclose};
}

template <typename Function>
Function* find(const Library& library, const char* name) {
  return reinterpret_cast<Function*>(dlsym(library.get(), name));
}

LibraryStatus cublas() {
  LibraryStatus status{.name = "cuBLAS", .available = false, .detail = {}};
  const Library library = open_first({"libcublas.so.13", "libcublas.so.12"}, status.detail);
  if (library == nullptr) return status;
  auto* property = find<int(int, int*)>(library, "cublasGetProperty");  // 0 major, 1 minor, 2 patch
  int version[3] = {};
  if (property == nullptr) {
    status.detail = "the library has no cublasGetProperty";
    return status;
  }
  for (int i = 0; i < 3; ++i) property(i, &version[i]);
  status.available = true;
  status.detail = fmt::format("{}.{}.{}", version[0], version[1], version[2]);
  return status;
}

LibraryStatus cudnn() {
  LibraryStatus status{.name = "cuDNN", .available = false, .detail = {}};
  const Library library = open_first({"libcudnn.so.9"}, status.detail);
  if (library == nullptr) return status;
  auto* get_version = find<std::size_t()>(library, "cudnnGetVersion");
  if (get_version == nullptr) {
    status.detail = "the library has no cudnnGetVersion";
    return status;
  }
  const std::size_t version = get_version();  // 10000 * major + 100 * minor + patch since version 9
  status.available = true;
  status.detail = fmt::format("{}.{}.{}", version / 10000, version % 10000 / 100, version % 100);
  return status;
}

}  // namespace

std::vector<LibraryStatus> vendor_libraries() { return {cublas(), cudnn()}; }

}  // namespace curie
