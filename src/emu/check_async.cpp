// Checked mode's view of cp.async and of bulk copies.
#include "emu/async_units.h"
#include "emu/checker.h"
#include "tensor/error.h"

namespace curie::emu {

// --- cp.async -------------------------------------------------------------------------------------------------------

void Checker::async_issued(const void* shared, const void* global, int bytes, int source_bytes, Where where) {
  const std::uint32_t place = places_.of(where);
  if (source_bytes > 0) {
    const Access source{static_cast<const std::byte*>(global), static_cast<std::size_t>(source_bytes), false, false,
                        place};
    if (Region* region = region_of(source, nullptr)) access(source, *region);
  }
  const Access target{static_cast<const std::byte*>(shared), static_cast<std::size_t>(bytes), true, false, place};
  Region* region = region_of(target, nullptr);
  if (region == nullptr || !region->shared) {
    std::string what = fmt::format("starts a cp.async at {} whose target is no shared memory", places_.line(place));
    stop(std::move(what));
  }
  access(target, *region);
  for (int i = 0; i < bytes; i += 4) region->cell_of(target.at + i).state |= kInFlight;
}

void Checker::async_done(const void* shared, int bytes) {
  const auto* at = static_cast<const std::byte*>(shared);
  Region* region = regions_.find(at, nullptr);
  if (region == nullptr) return;
  const Moment now = causality_.now(thread());
  for (int i = 0; i < bytes; i += 4) {
    Cell& cell = region->cell_of(at + i);
    cell.state &= static_cast<std::uint8_t>(~kInFlight);
    cell.write_interval = now.interval;
    cell.write_count = now.count;
  }
}

// --- bulk copies: no requests of a warp, so not in the profile ------------------------------------------------------

void Checker::bulk_issued(const std::byte* shared, std::size_t bytes, Where where) {
  const Access target{shared, bytes, true, false, places_.of(where)};
  Region* region = region_of(target, nullptr);
  if (region == nullptr) return;
  check_cells(target, *region);
  for (std::size_t i = 0; i < bytes; i += 4) region->cell_of(shared + i).state |= kInFlight;
}

void Checker::bulk_read(const std::byte* global, std::size_t bytes, Where where) {
  const Access source{global, bytes, false, false, places_.of(where)};
  if (Region* region = region_of(source, nullptr)) check_cells(source, *region);
}

// Who may read is for the mbarrier to say (AsyncUnits): to the threads' order the bytes have always been there.
void Checker::bulk_done(const std::byte* shared, std::size_t bytes) {
  Region* region = regions_.find(shared, nullptr);
  if (region == nullptr) return;
  for (std::size_t i = 0; i < bytes; i += 4) {
    Cell& cell = region->cell_of(shared + i);
    cell.state &= static_cast<std::uint8_t>(~kInFlight);
    cell.written = 0;
  }
}

void Checker::in_flight(const Access& access, const Region& region) {
  const AsyncCopy* issued = nullptr;
  for (std::size_t i = 0; i < machine_.thread_count(); ++i) {
    for (const AsyncCopy& copy : machine_.thread(i).copies) {
      const auto* target = static_cast<const std::byte*>(copy.shared);
      if (access.at < target + copy.bytes && target < access.at + access.bytes) issued = &copy;
    }
  }
  const char* kind = "cp.async";
  const char* wait = "commit and wait for it";
  Where where;
  if (issued != nullptr) {
    where = issued->where;
  } else if (const BulkCopy* bulk = async_units().copy_into(machine_.window_address(access.at, {}))) {
    kind = "bulk copy";
    wait = "wait for its mbarrier";
    where = bulk->where;
  }
  std::string what = fmt::format("{} at {} the target of the {} of {}:{}, which is still in flight: {}; {} first",
                                 verb(access), places_.line(access.place), kind, short_name(where.file), where.line,
                                 region.describe(access.at, access.bytes), wait);
  stop(std::move(what));
}

}  // namespace curie::emu
