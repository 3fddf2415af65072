#include "emu/hopper.h"

#include "emu/async_units.h"
#include "emu/machine.h"

namespace curie::emu {
std::uint32_t window_address(const void* shared, Where where) {
  return Machine::instance().window_address(shared, where);
}

void mbarrier_init(const void* barrier, unsigned count, Where where) { async_units().init(barrier, count, where); }
void mbarrier_arrive(const void* barrier, unsigned expected_bytes, Where where) {
  async_units().arrive(barrier, expected_bytes, where);
}
void mbarrier_wait(const void* barrier, unsigned parity, Where where) { async_units().wait(barrier, parity, where); }
void proxy_fence() { async_units().proxy_fence(); }
void bulk_copy(void* target, const TensorMap& map, const int* coordinates, const std::uint16_t* offsets,
               const void* barrier, Where where) {
  async_units().copy(target, map, coordinates, offsets, barrier, where);
}

void warpgroup_multiply(const WarpgroupProduct& product, float* sums, Where where) {
  async_units().multiply(product, sums, where);
}
void warpgroup_fence(Where where) {
  warp_operation(
      WarpWord::wgmma_fence, ~0u, nullptr, +[](void**, unsigned) { async_units().product_fence(); }, where);
}
void warpgroup_commit(Where where) {
  warp_operation(
      WarpWord::wgmma_commit, ~0u, nullptr, +[](void**, unsigned) { async_units().product_commit(); }, where);
}
void warpgroup_wait(int pending_groups, Where where) {
  warp_operation(
      WarpWord::wgmma_wait, ~0u, &pending_groups,
      +[](void** slots, unsigned) { async_units().product_wait(*static_cast<int*>(slots[0])); }, where);
}

}  // namespace curie::emu
