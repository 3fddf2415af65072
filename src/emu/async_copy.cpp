// cp.async: every thread keeps its queue of copies; a copy is done at the wait that covers its group.
#include <cstring>

#include "emu/machine.h"
#include "tensor/error.h"

namespace curie::emu {

void async_copy(void* shared, const void* global, int bytes, int source_bytes, Where where) {
  Machine& machine = Machine::instance();
  const auto misaligned = [bytes](const void* address) {
    return reinterpret_cast<std::uintptr_t>(address) % static_cast<unsigned>(bytes) != 0;
  };
  if (misaligned(shared) || (source_bytes > 0 && misaligned(global))) {
    std::string what = fmt::format("cp.async at {}:{}: both addresses must be multiples of {} (shared {}, global {})",
                                   short_name(where.file), where.line, bytes, fmt::ptr(shared), fmt::ptr(global));
    machine.stop(std::move(what));
  }
  if (machine.observer() != nullptr) machine.observer()->async_issued(shared, global, bytes, source_bytes, where);
  if (source_bytes > 0) {
    // Reads what the copy will read, so that a bad address is found at this line.
    const auto* first = static_cast<const volatile char*>(global);
    (void)*first;
    (void)first[source_bytes - 1];
  }
  std::memset(shared, 0xff, static_cast<std::size_t>(bytes));
  statistics().async_bytes += static_cast<std::uint64_t>(source_bytes);
  Thread& me = machine.current();
  me.copies.push_back({shared, global, bytes, source_bytes, me.committed_groups, where});
}

void async_commit() { ++Machine::instance().current().committed_groups; }

// cp.async.wait_group waits for committed groups only; wait_all is pending_groups = -1.
void async_wait(int pending_groups, Where) {
  Machine& machine = Machine::instance();
  Thread& me = machine.current();
  const int first_pending = pending_groups < 0 ? me.committed_groups + 1 : me.committed_groups - pending_groups;
  std::size_t done = 0;
  for (const AsyncCopy& copy : me.copies) {
    if (copy.group >= first_pending) break;
    const auto source_bytes = static_cast<std::size_t>(copy.source_bytes);
    if (source_bytes > 0) std::memcpy(copy.shared, copy.global, source_bytes);
    std::memset(static_cast<char*>(copy.shared) + source_bytes, 0, static_cast<std::size_t>(copy.bytes) - source_bytes);
    if (machine.observer() != nullptr) machine.observer()->async_done(copy.shared, copy.bytes);
    ++done;
  }
  me.copies.erase(me.copies.begin(), me.copies.begin() + static_cast<std::ptrdiff_t>(done));
}

}  // namespace curie::emu
