// An array in the device's memory, for tests that start kernels themselves.
#pragma once

#include <cstddef>
#include <vector>

#include "cuda/runtime.h"

namespace curie::CURIE_GPU {

template <typename T>
class DeviceArray {
 public:
  DeviceArray(Runtime& runtime, std::size_t count)
      : runtime_(runtime), count_(count), data_(runtime.allocate(count * sizeof(T))) {}
  DeviceArray(Runtime& runtime, const std::vector<T>& values) : DeviceArray(runtime, values.size()) { set(values); }
  ~DeviceArray() { runtime_.free(data_); }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;

  T* data() const { return reinterpret_cast<T*>(data_); }
  std::byte* raw() const { return data_; }
  std::size_t bytes() const { return count_ * sizeof(T); }
  void set(const std::vector<T>& values) {
    runtime_.copy_to_device(data_, reinterpret_cast<const std::byte*>(values.data()), bytes());
  }
  std::vector<T> values() const {
    std::vector<T> values(count_);
    runtime_.copy_to_host(reinterpret_cast<std::byte*>(values.data()), data_, bytes());
    return values;
  }

 private:
  Runtime& runtime_;
  std::size_t count_;
  std::byte* data_;
};

}  // namespace curie::CURIE_GPU
