// The device as host code sees it: memory, copies, events, pinned buffers, recordings. Two implementations:
// runtime_cuda.cpp, the only file that calls the CUDA runtime, and runtime_emulated.cpp, over the emulator. Every call
// that the device refuses throws an Error that names the call and the device's reason.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "cuda/kernels.h"
#include "ops/backend.h"

namespace curie::CURIE_GPU {

extern const DeviceKind kDeviceKind;  // of this build of the folder

// Page-locked host memory: copies from it need not wait.
class PinnedBuffer {
 public:
  explicit PinnedBuffer(std::size_t bytes);
  ~PinnedBuffer();
  PinnedBuffer(const PinnedBuffer&) = delete;
  PinnedBuffer& operator=(const PinnedBuffer&) = delete;
  std::byte* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }

 private:
  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;
};

// A mark in the stream that the host can wait for, and that can be timed against another one.
class Event {
 public:
  Event();
  ~Event();
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  void record(Stream stream);
  void wait() const;
  double milliseconds_since(const Event& earlier) const;

 private:
  [[maybe_unused]] void* handle_ = nullptr;  // the emulator needs none
};

// One device and one stream on it.
class Runtime {
 public:
  explicit Runtime(int device);
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  int device() const { return device_; }
  Stream stream() const { return stream_; }
  std::string describe() const;                                   // "NVIDIA H200, compute capability 9.0, 139 GiB"
  int compute_capability() const { return compute_capability_; }  // 10 * major + minor
  Backend::Memory memory() const;

  // Throws Error(out_of_memory). The caller frees.
  std::byte* allocate(std::size_t bytes) const;
  void free(std::byte* data) const noexcept;
  void zero(std::byte* data, std::size_t bytes) const;

  // Ordered with the stream's work. copy_to_device has read `from` when it returns; copy_to_host waits.
  void copy_to_device(std::byte* to, const std::byte* from, std::size_t bytes);
  void copy_to_host(std::byte* to, const std::byte* from, std::size_t bytes);
  void copy_on_device(std::byte* to, const std::byte* from, std::size_t bytes);
  void synchronize() const;

  // Records what `step` would start, without running it, and returns what runs it: a CUDA graph.
  std::unique_ptr<Recording> record(const std::function<void()>& step);

  // The stream's marks and this host thread's launches, until it is destroyed; one at a time on a thread.
  std::unique_ptr<Timeline> watch();

 private:
  struct Slot;  // a pinned staging buffer and the event after its last copy
  Slot& staging(std::size_t bytes);

  int device_ = 0;
  int compute_capability_ = 0;
  Stream stream_ = nullptr;
  std::vector<std::unique_ptr<Slot>> slots_;
  std::size_t next_slot_ = 0;
};

// Keeps freed blocks and hands them out again: asking the driver for memory waits for all work. Blocks are rounded up
// to 512 bytes, and a request takes the smallest kept block that is not twice as large. When the device is full, the
// kept blocks go back before the request fails.
class CachingAllocator {
 public:
  explicit CachingAllocator(std::shared_ptr<const Runtime> runtime) : runtime_(std::move(runtime)) {}
  ~CachingAllocator();

  std::byte* allocate(std::size_t bytes);
  void release(std::byte* data);
  void give_back();  // what is kept, to the device
  std::size_t bytes_in_use() const { return in_use_; }
  std::size_t bytes_kept() const;

 private:
  std::shared_ptr<const Runtime> runtime_;
  std::mutex mutex_;
  std::multimap<std::size_t, std::byte*> kept_;
  std::map<std::byte*, std::size_t> used_;
  std::size_t in_use_ = 0;
};

}  // namespace curie::CURIE_GPU
