// The backend that a test runs on: CURIE_TEST_DEVICE, the CPU where it is not set. The same test body so serves the
// CPU, the emulator in both orders, checked mode and a GPU. With CURIE_TEST_KERNELS=cudnn NVIDIA's libraries work where
// they can, on a GPU or, in the programs that are built so, as a stand-in.
#pragma once

#include <cstdlib>
#include <memory>
#include <string>

#include "ops/backend.h"

namespace curie::test {

inline std::string device_under_test() {
  const char* device = std::getenv("CURIE_TEST_DEVICE");
  return device == nullptr ? "cpu" : device;
}
inline bool cpu_under_test() { return device_under_test() == "cpu"; }

inline Kernels kernels_under_test() {
  const char* kernels = std::getenv("CURIE_TEST_KERNELS");
  return kernels == nullptr ? Kernels::curie : kernels_named(kernels);
}
// Then Curie does not decide which kernel works where, and calls of one primitive may go to different ones.
inline bool libraries_under_test() { return kernels_under_test() == Kernels::cudnn; }

inline std::unique_ptr<Backend> test_backend(int threads = 2, Math math = Math::exact) {
  return make_backend(device_under_test(), {.threads = threads, .math = math, .kernels = kernels_under_test()});
}

// How far behind an aligned address tests place their tensors: one element, unless for_each_target wants them aligned.
inline int& elements_before() {
  static int elements = 1;
  return elements;
}

using curie::device_zeros;
using curie::on_device;
using curie::to_host;

// StepState and MetricTotals in backend memory.
template <typename T>
class OnDevice {
 public:
  OnDevice(Backend& backend, const T& value) : backend_(backend), buffer_(backend.allocate(sizeof(T))) { set(value); }
  void set(const T& value) const {
    backend_.copy_to_device(buffer_.data(), reinterpret_cast<const std::byte*>(&value), sizeof(T));
  }
  T get() const {
    T value;
    backend_.copy_to_host(reinterpret_cast<std::byte*>(&value), buffer_.data(), sizeof(T));
    return value;
  }
  T* address() const { return reinterpret_cast<T*>(buffer_.data()); }

 private:
  Backend& backend_;
  Buffer buffer_;
};

}  // namespace curie::test
