// Hopper's asynchronous units in the running block: mbarriers, bulk tensor copies and wgmma (PTX ISA, "Asynchronous
// operations"). Everything happens as late as it may: a copy's target is poisoned when the copy starts and filled when
// somebody waits for its mbarrier; a product is computed when its warp waits for it, from what then lies in shared
// memory, and its sums are NaN until then. What a kernel's waits do not order is an error in every mode, whichever
// order the threads happen to run in.
//
// Shared by the emulator's own source files only; kernels call hopper.h.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "emu/agents.h"
#include "emu/hopper.h"
#include "emu/warpgroup.h"

namespace curie::emu {

// Addresses of shared memory are those of the block's window, which begins at 0 (Machine::window_address).
struct BulkCopy {
  std::uint32_t first = 0, bytes = 0;
  TensorMap map;
  std::array<int, kMostDimensions> coordinates{};
  std::array<std::uint16_t, 3> offsets{};
  Where where;
};

struct Mbarrier {
  std::uint32_t address = 0;
  unsigned count = 0, missing = 0;  // arrivals of the running phase
  std::int64_t expected = 0;        // bytes of the running phase
  unsigned phase = 0;               // number of the running phase
  bool fenced = false;              // the copy engine sees that it is initialised
  Agents::Moment initialised;
  Agents::Clock gathered{}, published{};  // by arrivals of all phases, and of those that are over
  std::vector<BulkCopy> copies;           // in flight
  std::vector<int> waiting;               // threads
};

class AsyncUnits {
 public:
  void block_begins();
  void barrier_passed(std::size_t warps) { agents_.meet(warps); }
  void thread_ends() const;               // the running one; stops the kernel when its sums are not there yet
  std::string left_at_block_end() const;  // what is still in flight, in words; empty when nothing is
  std::string describe() const;           // the mbarriers that somebody waits for, a line each
  const BulkCopy* copy_into(std::uint32_t address) const;  // that is in flight

  void init(const void* barrier, unsigned count, Where where);
  void arrive(const void* barrier, unsigned expected_bytes, Where where);
  void wait(const void* barrier, unsigned parity, Where where);
  void proxy_fence();
  void copy(void* target, const TensorMap& map, const int* coordinates, const std::uint16_t* offsets,
            const void* barrier, Where where);

  void multiply(const WarpgroupProduct& product, float* sums, Where where);
  // Of the running thread's warp.
  void product_fence();
  void product_commit();
  void product_wait(int pending_groups);

 private:
  static constexpr std::size_t kWarps = 32;

  // Part of shared memory as a unit used it.
  struct Use {
    std::uint32_t first = 0, end = 0;
    Agents::Moment done;  // where it is
    bool pending = false;
    int group = 0;  // of a pending product
    Where where;
  };
  struct PendingProduct {
    WarpgroupProduct product;
    int group;
  };
  // The sums of a warp: 32 lanes with columns / 2 registers each, and what is to be added to them.
  struct WarpSums {
    std::array<float*, 32> registers{};
    std::vector<float> values;  // [lane][register]
    std::vector<PendingProduct> products;
    Where where;
  };
  struct WarpProducts {
    bool fenced = false;
    int committed = 0;
    std::vector<WarpSums> sums;
  };
  struct Rendezvous {
    unsigned arrived = 0;
    WarpgroupProduct product;
    Where where;
    std::array<float*, kWarpgroup> sums{};
  };

  Mbarrier& barrier_of(const void* address, const char* verb, Where where);
  void settle(Mbarrier& barrier, Where where);
  void complete(Mbarrier& barrier);
  void land(const BulkCopy& copy);
  void check_overwritten(const BulkCopy& copy, std::size_t warp) const;
  void check_operand(const Use& operand, std::size_t warp) const;
  void issue(Rendezvous& group, std::size_t first_warp);

  Agents agents_;
  std::vector<Mbarrier> barriers_;
  std::vector<Use> written_;  // by copies that have landed
  std::vector<Use> read_;     // by products
  std::array<WarpProducts, kWarps> warps_;
  std::array<Rendezvous, kWarps / 4> rendezvous_;
  WarpgroupOperands operands_;  // scratch
};

AsyncUnits& async_units();

}  // namespace curie::emu
