// HDF5's identifiers, closed when they go out of scope, and its errors as Error.
#pragma once

#include <hdf5.h>

#include <mutex>
#include <string>
#include <utility>

#include "tensor/error.h"

namespace curie::hdf5 {

using Close = herr_t (*)(hid_t);

// The library's own words about what failed last: the innermost message.
inline std::string last_message() {
  std::string message;
  H5Ewalk2(
      H5E_DEFAULT, H5E_WALK_UPWARD,
      [](unsigned depth, const H5E_error2_t* error, void* out) -> herr_t {
        if (depth == 0 && error->desc != nullptr) *static_cast<std::string*>(out) = error->desc;
        return 0;
      },
      &message);
  return message.empty() ? "no reason given" : message;
}

template <Close close>
class Handle {
 public:
  Handle(hid_t id, std::string_view doing) : id_(id) {
    CURIE_CHECK(id >= 0, file, "cannot {}: {}", doing, last_message());
  }
  ~Handle() {
    if (id_ >= 0) close(id_);
  }
  Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, -1)) {}
  Handle& operator=(Handle&&) = delete;
  operator hid_t() const { return id_; }

 private:
  hid_t id_;
};

using File = Handle<H5Fclose>;
using Group = Handle<H5Gclose>;
using Object = Handle<H5Oclose>;
using Dataset = Handle<H5Dclose>;
using Attribute = Handle<H5Aclose>;
using Space = Handle<H5Sclose>;
using Type = Handle<H5Tclose>;
using Properties = Handle<H5Pclose>;

inline void check(herr_t status, std::string_view doing) {
  CURIE_CHECK(status >= 0, file, "cannot {}: {}", doing, last_message());
}

// Held around every use of the library in this process, and while a child is forked that goes on to use it.
std::mutex& library_lock();

}  // namespace curie::hdf5
