// Checked mode's observer, between its source files: check.cpp judges accesses, check_async.cpp those of copies that
// pass no registers.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "emu/check.h"
#include "emu/check_memory.h"
#include "emu/check_order.h"
#include "emu/check_places.h"
#include "emu/machine.h"

namespace curie::emu {

struct Access {
  const std::byte* at;
  std::size_t bytes;
  bool write, atomic;
  std::uint32_t place;
};

class Checker final : public Observer {
 public:
  void launch_begins(const Grid& grid) override;
  void block_begins() override;
  void block_ends() override;
  void launch_ends() override {}
  void barrier_passed() override;
  void warp_synced(int warp, unsigned lanes) override { causality_.warp_synced(warp, lanes); }
  void shared_ready(const std::byte* data, std::size_t bytes, const char* name) override {
    regions_.shared_ready(data, bytes, name);
  }
  void async_issued(const void* shared, const void* global, int bytes, int source_bytes, Where where) override;
  void async_done(const void* shared, int bytes) override;
  void mbarrier_arrived(const void* barrier) override { causality_.mbarrier_arrived(barrier, thread()); }
  void mbarrier_completed(const void* barrier) override { causality_.mbarrier_completed(barrier); }
  void mbarrier_waited(const void* barrier) override { causality_.mbarrier_waited(barrier, thread()); }
  void bulk_issued(const std::byte* shared, std::size_t bytes, Where where) override;
  void bulk_read(const std::byte* global, std::size_t bytes, Where where) override;
  void bulk_done(const std::byte* shared, std::size_t bytes) override;
  void atomic(const void* address, std::size_t bytes, Where where) override;
  void read(const void* address, std::size_t bytes, Where where) override;
  void fenced(bool device) override { causality_.fenced(thread(), device); }

  void hooked(const Hooked& access);

 private:
  // What the last access of an instruction was to. Most instructions stay in one array.
  struct Entry {
    const void* code = nullptr;
    Region* region = nullptr;
    const void* ignored = &checking;  // an address that is not checked
    std::uint32_t place = 0;
  };

  int thread() const {
    const Thread& current = machine_.current();
    return current.warp * kWarp + current.lane;
  }
  Entry& entry_of(const void* code);
  void access(const Access& access, Region& region);
  void check_cells(const Access& access, Region& region);
  // Finds the region; stops the kernel when there should be one. Null for what is not checked.
  Region* region_of(const Access& access, const void* code);
  void check_cell(const Access& access, Region& region, Cell& cell, unsigned bytes);
  bool read_before(const Region& region, const Cell& cell, unsigned bytes) const;
  bool read_by_others(const Cell& cell) const;
  void record_read(Cell& cell, unsigned bytes, std::uint32_t place);
  void record_write(Cell& cell, unsigned bytes, const Access& access);
  void count_run(const Access& access);

  [[noreturn]] void stop(std::string what) { machine_.stop(std::move(what)); }
  std::string describe_race(const Access& access, const Region& region, const Cell& cell, bool with_write) const;
  [[noreturn]] void in_flight(const Access& access, const Region& region);
  std::string name_of_thread(int thread) const;

  Machine& machine_ = Machine::instance();
  Regions regions_;
  Causality causality_;
  std::array<Entry, 8192> entries_;
  Places places_;
  bool profiled_ = false;

  std::uint64_t run_of_ = 0;  // Machine::switches(), to see that another thread runs
  std::uint32_t run_ = 0, spins_ = 0;
  const std::byte* last_at_ = nullptr;
  std::uint32_t last_place_ = 0;
};

std::string verb(const Access& access);

}  // namespace curie::emu
