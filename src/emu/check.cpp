#include "emu/check.h"

#include "emu/checker.h"
#include "emu/profiler.h"
#include "tensor/error.h"

namespace curie::emu {

constinit thread_local bool checking = false;

namespace {

constexpr std::uint32_t kSpins = 1u << 20;       // accesses in a row to one address from one instruction
constexpr std::uint32_t kLongestRun = 1u << 28;  // accesses of a thread between two waits
constexpr std::uint32_t kWholeWord = 0xf;

}  // namespace

std::string verb(const Access& access) {
  return access.atomic ? "changes atomically" : access.write ? "writes" : "reads";
}

// --- launches and blocks --------------------------------------------------------------------------------------------

void Checker::launch_begins(const Grid& grid) {
  regions_.launch_begins(grid);
  causality_.launch_begins();
  for (Entry& entry : entries_) entry.region = nullptr;
  profiler().launch_begins(grid.name);
}

void Checker::block_begins() {
  causality_.block_begins(blockIdx);
  profiled_ = profiler().block_begins();
  checking = true;
}

void Checker::block_ends() {
  checking = false;
  if (profiled_) profiler().flush([this](std::uint32_t place) { return places_.line(place); });
}

void Checker::barrier_passed() {
  causality_.barrier_passed();
  if (profiled_) profiler().flush([this](std::uint32_t place) { return places_.line(place); });
}

Checker::Entry& Checker::entry_of(const void* code) {
  Entry& entry = entries_[reinterpret_cast<std::uintptr_t>(code) / 2 % entries_.size()];
  if (entry.code != code) entry = {.code = code, .place = places_.of(code)};
  return entry;
}

// --- accesses -------------------------------------------------------------------------------------------------------

void Checker::hooked(const Hooked& hooked) {
  if (machine_.running().owns(hooked.address)) return;
  Entry& entry = entry_of(hooked.code);
  if (entry.ignored == hooked.address) return;
  const auto* at = static_cast<const std::byte*>(hooked.address);
  const Access access{at, hooked.bytes, hooked.write, false, entry.place};
  if (entry.region == nullptr || !entry.region->holds(at, hooked.bytes)) {
    Region* region = region_of(access, hooked.code);
    if (region == nullptr) {
      entry.ignored = at;
      return;
    }
    entry.region = region;
  }
  if (hooked.aligned && reinterpret_cast<std::uintptr_t>(at) % hooked.bytes != 0) {
    std::string what =
        fmt::format("{} {} bytes at {} from a misaligned address: {}, is no multiple of {}", verb(access), hooked.bytes,
                    places_.line(entry.place), entry.region->describe(at, hooked.bytes), hooked.bytes);
    stop(std::move(what));
  }
  this->access(access, *entry.region);
}

void Checker::read(const void* address, std::size_t bytes, Where where) {
  const Access access{static_cast<const std::byte*>(address), bytes, false, false, places_.of(where)};
  if (Region* region = region_of(access, nullptr)) this->access(access, *region);
}

void Checker::atomic(const void* address, std::size_t bytes, Where where) {
  const Access access{static_cast<const std::byte*>(address), bytes, true, true, places_.of(where)};
  if (Region* region = region_of(access, nullptr)) this->access(access, *region);
  causality_.atomic(address, thread());
}

Region* Checker::region_of(const Access& access, const void* code) {
  Region* region = regions_.find(access.at, code);
  if (region != nullptr && region->holds(access.at, access.bytes)) return region;
  std::string objection;
  if (region != nullptr) {
    objection = " out of bounds: " + region->describe(access.at, access.bytes);
  } else {
    machine_.on_host_stack([&] { objection = regions_.objection(access.at, access.bytes, access.write); });
  }
  if (objection.empty()) return nullptr;
  objection.insert(0, fmt::format("{} {} bytes at {}", verb(access), access.bytes, places_.line(access.place)));
  stop(std::move(objection));
}

void Checker::access(const Access& access, Region& region) {
  count_run(access);
  if (profiled_) {
    profiler().access({&region, access.at, access.bytes, access.write, access.place}, thread());
  }
  check_cells(access, region);
}

void Checker::check_cells(const Access& access, Region& region) {
  const auto first = reinterpret_cast<std::uintptr_t>(access.at);
  const std::uintptr_t end = first + access.bytes;
  Cell* cell = &region.cell_of(access.at);
  for (std::uintptr_t word = first & ~std::uintptr_t{3}; word < end; word += 4, ++cell) {
    unsigned bytes = kWholeWord;
    if (word < first) bytes &= kWholeWord << (first - word);
    if (word + 4 > end) bytes &= kWholeWord >> (word + 4 - end);
    if (access.write || !read_before(region, *cell, bytes)) check_cell(access, region, *cell, bytes);
  }
}

// Whether one more read of the cell changes and breaks nothing: since the last barrier several warps have read it and
// nobody has written it. So it is with most reads, of tiles that a block's threads share.
bool Checker::read_before(const Region& region, const Cell& cell, unsigned bytes) const {
  if (cell.state != kReadByWarps || cell.read_interval != causality_.interval() || (cell.read & bytes) != bytes) {
    return false;
  }
  if (region.shared && (cell.initialised & bytes) != bytes) return false;
  return cell.written == 0 ||
         (cell.write_interval >= causality_.first_of_block() && cell.write_interval < causality_.interval());
}

void Checker::check_cell(const Access& access, Region& region, Cell& cell, unsigned bytes) {
  // Shared memory is new in every block, and a launch sees everything before it.
  const std::uint32_t horizon = region.shared ? causality_.first_of_block() : causality_.first_of_launch();
  if (cell.write_interval < horizon) cell.written = cell.initialised = cell.state = 0;
  if (cell.read_interval < horizon) cell.read = 0;

  if ((cell.state & kInFlight) != 0) in_flight(access, region);
  if ((cell.written & bytes) != 0 && !(access.atomic && (cell.state & kAtomic) != 0) &&
      !causality_.seen({cell.write_interval, cell.write_thread, cell.write_count}, thread())) {
    stop(describe_race(access, region, cell, true));
  }
  if (access.write) {
    if ((cell.read & bytes) != 0 && read_by_others(cell)) stop(describe_race(access, region, cell, false));
  }
  if (region.shared && (!access.write || access.atomic) && (cell.initialised & bytes) != bytes) {
    std::string what = fmt::format("reads shared memory at {} that its block has not written: {}",
                                   places_.line(access.place), region.describe(access.at, access.bytes));
    stop(std::move(what));
  }
  if (access.write) {
    record_write(cell, bytes, access);
  } else {
    record_read(cell, bytes, access.place);
  }
}

// Whether a reader's access is not seen by the current thread.
bool Checker::read_by_others(const Cell& cell) const {
  const Moment first{cell.read_interval, cell.read_thread, cell.read_count};
  const bool this_interval = cell.read_interval == causality_.interval();
  if (this_interval && (cell.state & kReadByWarps) != 0) return true;
  if (!this_interval || (cell.state & kReadByLanes) == 0) return !causality_.seen(first, thread());
  // Two lanes at least, and their warp has not synchronised since.
  const Moment now = causality_.now(thread());
  if (now.count == first.count && now.thread / kWarp == first.thread / kWarp) return true;
  for (unsigned rest = cell.readers; rest != 0; rest &= rest - 1) {
    const auto reader = static_cast<std::uint16_t>(cell.read_thread / kWarp * kWarp + __builtin_ctz(rest));
    if (!causality_.seen({cell.read_interval, reader, cell.read_count}, thread())) return true;
  }
  return false;
}

// Keeps the readers of which no later reader has seen all. One of another block is kept whoever else reads: it alone
// shows that a write by anybody races.
void Checker::record_read(Cell& cell, unsigned bytes, std::uint32_t place) {
  const int me = thread();
  const bool fresh = cell.read == 0;
  if (!fresh && cell.read_interval == causality_.interval()) {
    if (cell.read_thread == me && (cell.state & (kReadByLanes | kReadByWarps)) == 0) {
      cell.read |= static_cast<std::uint8_t>(bytes);
      cell.read_count = causality_.now(me).count;
      return;
    }
    if (read_by_others(cell)) {
      cell.read |= static_cast<std::uint8_t>(bytes);
      if ((cell.state & kReadByWarps) != 0) return;
      if (cell.read_thread / kWarp == me / kWarp) {
        if ((cell.state & kReadByLanes) == 0) cell.readers = 1u << cell.read_thread % kWarp;
        cell.readers |= 1u << me % kWarp;
        cell.state |= kReadByLanes;
      } else {
        cell.readers = static_cast<std::uint32_t>(me);
        cell.state = static_cast<std::uint8_t>((cell.state & ~kReadByLanes) | kReadByWarps);
      }
      return;
    }
  } else if (!fresh && read_by_others(cell)) {
    cell.read |= static_cast<std::uint8_t>(bytes);
    return;
  }
  const Moment now = causality_.now(me);
  cell.read = static_cast<std::uint8_t>(bytes);
  cell.read_interval = now.interval;
  cell.read_thread = now.thread;
  cell.read_count = now.count;
  cell.read_place = place;
  cell.state &= static_cast<std::uint8_t>(~(kReadByLanes | kReadByWarps));
}

void Checker::record_write(Cell& cell, unsigned bytes, const Access& access) {
  const Moment now = causality_.now(thread());
  const bool again = cell.write_interval == now.interval && cell.write_thread == now.thread;
  cell.written = static_cast<std::uint8_t>(again ? cell.written | bytes : bytes);
  cell.write_interval = now.interval;
  cell.write_thread = now.thread;
  cell.write_count = now.count;
  cell.write_place = access.place;
  cell.initialised |= static_cast<std::uint8_t>(bytes);
  cell.state = static_cast<std::uint8_t>((cell.state & ~kAtomic) | (access.atomic ? kAtomic : 0));
  cell.read &= static_cast<std::uint8_t>(~bytes);
  if (cell.read == 0) cell.state &= static_cast<std::uint8_t>(~(kReadByLanes | kReadByWarps));
}

void Checker::count_run(const Access& access) {
  if (machine_.switches() != run_of_) {
    run_of_ = machine_.switches();
    run_ = spins_ = 0;
  }
  const bool again = access.at == last_at_ && access.place == last_place_ && (!access.write || access.atomic);
  spins_ = again ? spins_ + 1 : 0;
  last_at_ = access.at;
  last_place_ = access.place;
  if (spins_ < kSpins && ++run_ < kLongestRun) return;
  run_ = spins_ = 0;
  std::string what = fmt::format(
      "spins at {}: it {} the same memory again and again without reaching a wait, so no other thread can run to "
      "change "
      "it",
      places_.line(access.place), verb(access));
  stop(std::move(what));
}

// --- what is wrong --------------------------------------------------------------------------------------------------

std::string Checker::name_of_thread(int thread) const {
  const uint3 index = machine_.thread(static_cast<std::size_t>(thread)).index;
  return fmt::format("thread ({},{},{})", index.x, index.y, index.z);
}

std::string Checker::describe_race(const Access& access, const Region& region, const Cell& cell,
                                   bool with_write) const {
  std::uint32_t interval = with_write ? cell.write_interval : cell.read_interval;
  int other = with_write ? cell.write_thread : cell.read_thread;
  if (!with_write && interval == causality_.interval()) {
    if ((cell.state & kReadByWarps) != 0 && other / kWarp == thread() / kWarp) {
      other = static_cast<int>(cell.readers);
    } else if ((cell.state & kReadByLanes) != 0) {
      for (unsigned rest = cell.readers; rest != 0; rest &= rest - 1) {
        const int reader = other / kWarp * kWarp + __builtin_ctz(rest);
        if (!causality_.seen({interval, static_cast<std::uint16_t>(reader), cell.read_count}, thread())) {
          other = reader;
          break;
        }
      }
    }
  }
  const bool here = interval >= causality_.first_of_block();
  std::string who = name_of_thread(other), why;
  if (!here) {
    const uint3 block = causality_.block_of(interval);
    who += fmt::format(" of block ({},{},{})", block.x, block.y, block.z);
    why = "blocks run in any order (publish with __threadfence, then an atomic)";
  } else {
    why =
        other / kWarp == thread() / kWarp ? "neither __syncwarp nor a barrier lies between" : "no barrier lies between";
  }
  return fmt::format("has a data race at {}: it {} {}, which {} {} at {}, and {}", places_.line(access.place),
                     verb(access), region.describe(access.at, access.bytes), who,
                     !with_write                   ? "read"
                     : (cell.state & kAtomic) != 0 ? "changed atomically"
                                                   : "wrote",
                     places_.line(with_write ? cell.write_place : cell.read_place), why);
}

namespace {

Checker& the_checker() {
  static Checker& checker = *new Checker;  // outlives the kernels of static objects
  return checker;
}

}  // namespace

Observer& checker() { return the_checker(); }
void check_access(const Hooked& access) { the_checker().hooked(access); }

}  // namespace curie::emu
