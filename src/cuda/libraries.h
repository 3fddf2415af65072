// Vendor libraries that are opened at run time, when first used: linked, they would cost every start 90 ms and 200 MB.
#pragma once

#include <string>
#include <vector>

namespace curie {

struct LibraryStatus {
  std::string name;  // "cuBLAS", "cuDNN"
  bool available = false;
  std::string detail;  // the version, or why it is missing
};

std::vector<LibraryStatus> vendor_libraries();

}  // namespace curie
