// Compute capability 9.0 for kernels, through cuda/hopper.cuh: mbarriers, bulk tensor copies and wgmma. What each
// promises is PTX ISA's; async_units.h says how late the emulator keeps the promises.
#pragma once

#include <cstdint>

#include "emu/emulator.h"
#include "emu/tensor_map.h"

namespace curie::emu {

// The address of shared memory as instructions take it: from the beginning of the block's window. The running block
// must have it.
std::uint32_t window_address(const void* shared, Where where);

// `barrier`: 8 bytes of shared memory at a multiple of 8.
void mbarrier_init(const void* barrier, unsigned count, Where where);
// One arrival, after telling the running phase of `expected_bytes` more (arrive.expect_tx; 0: arrive).
void mbarrier_arrive(const void* barrier, unsigned expected_bytes, Where where);
// Until the phase of this parity is over: the running one, or the one before it. A wait that nothing can end is an
// error that tells what is missing.
void mbarrier_wait(const void* barrier, unsigned parity, Where where);
void proxy_fence();  // fence.proxy.async

// cp.async.bulk.tensor to shared memory, completing on the mbarrier. offsets: of im2col maps, along W, H, D.
void bulk_copy(void* target, const TensorMap& map, const int* coordinates, const std::uint16_t* offsets,
               const void* barrier, Where where);

// wgmma.mma_async m64nNk16 of bfloat16 by descriptors. transposed: neighbours along M or N lie side by side.
struct WarpgroupProduct {
  std::uint64_t a = 0, b = 0;
  bool transposed_a = false, transposed_b = false;
  int columns = 0;
  bool operator==(const WarpgroupProduct&) const = default;
};
// sums: this thread's columns / 2 registers of D.
void warpgroup_multiply(const WarpgroupProduct& product, float* sums, Where where);
void warpgroup_fence(Where where);
void warpgroup_commit(Where where);
void warpgroup_wait(int pending_groups, Where where);

}  // namespace curie::emu
