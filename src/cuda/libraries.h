// Vendor libraries that are opened at run time, when first used: linked, they would cost every start 90 ms and 200 MB.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace curie {

// A shared library, opened by the first of several names that the loader finds. It is not unloaded: what it allocates
// at start stays its own until the process ends.
class SharedLibrary {
 public:
  explicit SharedLibrary(const std::vector<std::string>& names);

  bool is_open() const { return handle_ != nullptr; }
  const std::string& reason() const { return reason_; }  // the loader's, where it is not open

  // The address of an exported function; null where the library has none of that name.
  template <typename Function>
  Function* find(const char* name) const {
    return reinterpret_cast<Function*>(address(name));
  }

 private:
  void* address(const char* name) const;

  void* handle_ = nullptr;
  std::string reason_;
};

struct LibraryStatus {
  std::string name;  // "cuBLASLt", "cuDNN"
  bool available = false;
  std::string detail;  // the version, or why it is missing
};

// The names by which the loader knows the libraries, the preferred one first. cuBLASLt belongs to a version of CUDA.
std::vector<std::string> cublas_lt_names();
std::vector<std::string> cudnn_names();

// "9.19.0" of the number that a library gives: 10000 * major + 100 * minor + patch in both.
std::string library_version(std::size_t number);

std::vector<LibraryStatus> vendor_libraries();

}  // namespace curie
