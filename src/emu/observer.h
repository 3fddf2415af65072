// What checked mode wants to know from the emulator while a kernel runs. The accesses themselves come from the
// compiler's instrumentation (checked/hooks.cpp).
#pragma once

#include <cstddef>

#include "emu/emulator.h"

namespace curie::emu {

class Observer {
 public:
  virtual ~Observer() = default;
  virtual void launch_begins(const Grid& grid) = 0;
  virtual void block_begins() = 0;
  virtual void block_ends() = 0;
  virtual void launch_ends() = 0;  // also after a failure
  virtual void barrier_passed() = 0;
  virtual void warp_synced(int warp, unsigned lanes) = 0;  // __syncwarp: the one warp operation that orders memory
  virtual void shared_ready(const std::byte* data, std::size_t bytes, const char* name) = 0;
  virtual void async_issued(const void* shared, const void* global, int bytes, int source_bytes, Where where) = 0;
  virtual void async_done(const void* shared, int bytes) = 0;
  virtual void mbarrier_arrived(const void* barrier) = 0;
  virtual void mbarrier_completed(const void* barrier) = 0;
  virtual void mbarrier_waited(const void* barrier) = 0;
  // Bulk copies.
  virtual void bulk_issued(const std::byte* shared, std::size_t bytes, Where where) = 0;
  virtual void bulk_read(const std::byte* global, std::size_t bytes, Where where) = 0;
  virtual void bulk_done(const std::byte* shared, std::size_t bytes) = 0;
  virtual void atomic(const void* address, std::size_t bytes, Where where) = 0;
  virtual void read(const void* address, std::size_t bytes, Where where) = 0;
  virtual void fenced(bool device) = 0;  // or only for the block
};

}  // namespace curie::emu
