// What the example programs share: arrays in device memory, both orders of the emulator, memory use by source line, and
// a GPU's clock. The same words under nvcc and under the emulator.
#pragma once

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

#include "cuda/launch.cuh"
#if !defined(__CUDACC__)
#include "emu/memory.h"
#include "emu/profile.h"
#endif

namespace curie::CURIE_GPU {

#if defined(__CUDACC__)
inline void require(cudaError_t error, const char* what) {
  if (error != cudaSuccess) throw std::runtime_error(std::string(what) + ": " + cudaGetErrorString(error));
}
#endif

// `count` elements in the device's memory. The name is the emulator's, for its messages.
template <typename T>
class DeviceArray {
 public:
  DeviceArray(const char* name, std::size_t count) : count_(count) {
#if defined(__CUDACC__)
    require(cudaMalloc(reinterpret_cast<void**>(&data_), count * sizeof(T)), name);
    require(cudaMemset(data_, 0xff, count * sizeof(T)), name);
#else
    data_ = reinterpret_cast<T*>(emu::allocate_memory(count * sizeof(T), name));
    std::memset(static_cast<void*>(data_), 0xff, count * sizeof(T));  // NaN: what a kernel forgets to write shows
#endif
  }
  DeviceArray(const char* name, const std::vector<T>& values) : DeviceArray(name, values.size()) {
#if defined(__CUDACC__)
    require(cudaMemcpy(data_, values.data(), count_ * sizeof(T), cudaMemcpyHostToDevice), name);
#else
    std::copy(values.begin(), values.end(), data_);
#endif
  }
  ~DeviceArray() {
#if defined(__CUDACC__)
    cudaFree(data_);
#else
    emu::free_memory(reinterpret_cast<std::byte*>(data_));
#endif
  }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;

  T* data() const { return data_; }

  // Waits for the kernels before; their errors show here.
  std::vector<T> to_host() const {
    std::vector<T> values(count_);
#if defined(__CUDACC__)
    require(cudaMemcpy(values.data(), data_, count_ * sizeof(T), cudaMemcpyDeviceToHost), "a kernel before this copy");
#else
    emu::check_guards();
    std::copy(data_, data_ + count_, values.begin());
#endif
    return values;
  }

 private:
  T* data_ = nullptr;
  std::size_t count_;
};

// run(name of the order): ascending and descending under the emulator, once on a GPU, which has an order of its own.
template <typename Run>
void in_every_order(Run&& run) {
#if defined(__CUDACC__)
  run("on a GPU");
#else
  const auto in_order = [&](emu::Order order, const char* name) {
    emu::settings().order = order;
    run(name);
  };
  in_order(emu::Order::ascending, "ascending");
  in_order(emu::Order::descending, "descending");
  emu::settings().order = emu::Order::ascending;
#endif
}

// In checked mode: what run() does to memory, by source line. Elsewhere nothing.
template <typename Run>
void print_memory_use(Run&& run) {
#if !defined(__CUDACC__)
  if (observer() == nullptr) return;
  emu::start_profile();
  run();
  std::printf("%-24s %-12s %-6s %8s  %6s %-10s %7s\n", "line", "array", "access", "requests", "each", "", "ideal");
  for (const emu::ProfileRow& row : emu::stop_profile()) {
    std::printf("%-24s %-12s %-6s %8llu  %6.2f %-10s %6.2fx\n", row.line.c_str(), row.memory.c_str(),
                row.write ? "write" : "read", static_cast<unsigned long long>(row.requests),
                static_cast<double>(row.units) / static_cast<double>(row.requests),
                row.shared ? "wavefronts" : "sectors", static_cast<double>(row.units) / static_cast<double>(row.ideal));
  }
#else
  static_cast<void>(run);
#endif
}

#if defined(__CUDACC__)
// The median of eleven groups of ten runs, after one to warm up, in microseconds a run.
template <typename Run>
double microseconds(Run&& run) {
  constexpr int kGroups = 11, kRuns = 10;
  cudaEvent_t begin, end;
  require(cudaEventCreate(&begin), "cudaEventCreate");
  require(cudaEventCreate(&end), "cudaEventCreate");
  run();
  std::vector<double> times;
  for (int group = 0; group < kGroups; ++group) {
    require(cudaEventRecord(begin), "cudaEventRecord");
    for (int i = 0; i < kRuns; ++i) run();
    require(cudaEventRecord(end), "cudaEventRecord");
    require(cudaEventSynchronize(end), "cudaEventSynchronize");
    float milliseconds = 0.0f;
    require(cudaEventElapsedTime(&milliseconds, begin, end), "cudaEventElapsedTime");
    times.push_back(1000.0 * milliseconds / kRuns);
  }
  cudaEventDestroy(begin);
  cudaEventDestroy(end);
  std::sort(times.begin(), times.end());
  return times[kGroups / 2];
}
#endif

// The body of main: an Error becomes a message and status 1.
template <typename Program>
int run_program(Program&& program) {
  try {
    return program() ? 0 : 1;
  } catch (const std::exception& error) {
    std::printf("%s\n", error.what());
    return 1;
  }
}

}  // namespace curie::CURIE_GPU
