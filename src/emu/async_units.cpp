#include "emu/async_units.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "emu/machine.h"
#include "tensor/error.h"

namespace curie::emu {
namespace {

constexpr std::size_t kWarpsOfGroup = kWarpgroup / kWarp;
constexpr std::uint32_t kCopyAlignment = 128;

Machine& machine() { return Machine::instance(); }
[[noreturn]] void stop(std::string what) { machine().stop(std::move(what)); }
std::size_t warp_now() { return static_cast<std::size_t>(machine().current().warp); }
// Without memory of its own: nobody unwinds the stack of a kernel that is stopped.
struct Text {
  char of[96];
};
Text text(const Where& where) {
  Text result{};
  fmt::format_to_n(result.of, sizeof result.of - 1, "{}:{}", short_name(where.file), where.line);
  return result;
}

bool meet(std::uint32_t first, std::uint32_t end, std::uint32_t other_first, std::uint32_t other_end) {
  return first < other_end && other_first < end;
}

SharedView view_of(const AddressRange& range) {
  return {machine().window_pointer(range.first, range.end - range.first), range.first};
}

}  // namespace

AsyncUnits& async_units() {
  static AsyncUnits units;
  return units;
}

void AsyncUnits::block_begins() {
  agents_.restart();
  barriers_.clear();
  written_.clear();
  read_.clear();
  for (WarpProducts& warp : warps_) warp = {};
  for (Rendezvous& group : rendezvous_) group.arrived = 0;
}

void AsyncUnits::thread_ends() const {
  if (warps_[warp_now()].sums.empty()) return;
  stop(fmt::format("returns while a wgmma of {} is in flight: commit and wait for it first",
                   text(warps_[warp_now()].sums.front().where).of));
}

std::string AsyncUnits::left_at_block_end() const {
  for (const Mbarrier& barrier : barriers_) {
    if (barrier.copies.empty()) continue;
    return fmt::format("the block ends while a bulk copy of {} is in flight: wait for its mbarrier first",
                       text(barrier.copies.front().where).of);
  }
  return {};
}

std::string AsyncUnits::describe() const {
  std::string lines;
  for (const Mbarrier& barrier : barriers_) {
    if (barrier.waiting.empty()) continue;
    std::int64_t bytes = 0;
    for (const BulkCopy& copy : barrier.copies) bytes += copy.bytes;
    lines += fmt::format(
        "\n    mbarrier at {:#x}, phase {}: {} of {} arrivals are missing, {} bytes are expected and {} are on their "
        "way",
        barrier.address, barrier.phase, barrier.missing, barrier.count, barrier.expected, bytes);
  }
  return lines;
}

const BulkCopy* AsyncUnits::copy_into(std::uint32_t address) const {
  for (const Mbarrier& barrier : barriers_) {
    for (const BulkCopy& copy : barrier.copies) {
      if (address - copy.first < copy.bytes) return &copy;
    }
  }
  return nullptr;
}

// --- mbarriers ------------------------------------------------------------------------------------------------------

void AsyncUnits::init(const void* barrier, unsigned count, Where where) {
  constexpr unsigned kMostArrivals = (1u << 20) - 1;
  const std::uint32_t address = machine().window_address(barrier, where);
  if (address % 8 != 0 || count < 1 || count > kMostArrivals) {
    stop(
        fmt::format("is at mbarrier.init of {}: the address is a multiple of 8 and the count 1 to {}; got {:#x} and {}",
                    text(where).of, kMostArrivals, address, count));
  }
  for (const Mbarrier& other : barriers_) {
    if (other.address == address)
      stop(fmt::format("initialises at {} an mbarrier that is one already", text(where).of));
  }
  Mbarrier& made = barriers_.emplace_back();
  made.address = address;
  made.count = made.missing = count;
  made.initialised = agents_.now(warp_now());
}

// The copy engine sees what was initialised before the fence.
void AsyncUnits::proxy_fence() {
  for (Mbarrier& barrier : barriers_) barrier.fenced = barrier.fenced || agents_.seen(barrier.initialised, warp_now());
}

Mbarrier& AsyncUnits::barrier_of(const void* address, const char* verb, Where where) {
  const std::uint32_t at = machine().window_address(address, where);
  const auto found =
      std::find_if(barriers_.begin(), barriers_.end(), [at](const Mbarrier& barrier) { return barrier.address == at; });
  if (found == barriers_.end()) {
    stop(fmt::format("{} at {} at an mbarrier that nobody has initialised (address {:#x})", verb, text(where).of, at));
  }
  if (!agents_.seen(found->initialised, warp_now())) {
    stop(fmt::format("{} at {} at an mbarrier that another warp has initialised, and no barrier lies between", verb,
                     text(where).of));
  }
  return *found;
}

void AsyncUnits::arrive(const void* address, unsigned expected_bytes, Where where) {
  Mbarrier& barrier = barrier_of(address, "arrives", where);
  if (barrier.missing == 0) settle(barrier, where);
  if (barrier.missing == 0) {
    stop(
        fmt::format("arrives at {} at an mbarrier that has had all {} arrivals of its phase and still expects {} bytes",
                    text(where).of, barrier.count, barrier.expected));
  }
  barrier.expected += expected_bytes;
  --barrier.missing;
  agents_.publish(warp_now(), barrier.gathered);
  if (Observer* observer = machine().observer()) observer->mbarrier_arrived(address);
  if (!barrier.waiting.empty() || (barrier.expected == 0 && barrier.copies.empty())) settle(barrier, where);
}

void AsyncUnits::wait(const void* address, unsigned parity, Where where) {
  Mbarrier* barrier = &barrier_of(address, "waits", where);
  settle(*barrier, where);
  while (barrier->phase % 2 == parity % 2) {
    barrier->waiting.push_back(machine().index_of(machine().current()));
    machine().wait_at(State::at_mbarrier, where);
    barrier = &barrier_of(address, "waits", where);
  }
  agents_.learn(warp_now(), barrier->published);
  if (Observer* observer = machine().observer()) observer->mbarrier_waited(address);
}

// Ends the running phase if all have arrived and all bytes are on their way: only now they are brought.
void AsyncUnits::settle(Mbarrier& barrier, Where where) {
  if (barrier.missing > 0) return;
  std::int64_t coming = 0;
  for (const BulkCopy& copy : barrier.copies) coming += copy.bytes;
  if (coming < barrier.expected) return;
  if (coming > barrier.expected) {
    stop(fmt::format("is at {}, where an mbarrier was told to expect {} bytes, but copies bring {} (the first of {})",
                     text(where).of, barrier.expected, coming, text(barrier.copies.front().where).of));
  }
  for (const BulkCopy& copy : barrier.copies) land(copy);
  barrier.copies.clear();
  complete(barrier);
}

void AsyncUnits::complete(Mbarrier& barrier) {
  agents_.publish(Agents::kCopies, barrier.gathered);
  barrier.published = barrier.gathered;
  if (Observer* observer = machine().observer()) {
    observer->mbarrier_completed(machine().window_pointer(barrier.address, sizeof(std::uint64_t)));
  }
  ++barrier.phase;
  barrier.missing = barrier.count;
  barrier.expected = 0;
  for (const int thread : barrier.waiting) machine().wake(thread);
  barrier.waiting.clear();
}

// --- bulk copies ----------------------------------------------------------------------------------------------------

void AsyncUnits::copy(void* target, const TensorMap& map, const int* coordinates, const std::uint16_t* offsets,
                      const void* address, Where where) {
  Mbarrier& barrier = barrier_of(address, "starts a bulk copy", where);
  if (!barrier.fenced) {
    stop(
        fmt::format("starts a bulk copy at {} with an mbarrier whose initialisation the copy engine need not see: "
                    "fence.proxy.async comes first",
                    text(where).of));
  }
  BulkCopy copy{.first = machine().window_address(target, where),
                .bytes = static_cast<std::uint32_t>(map.bytes()),
                .map = map,
                .where = where};
  if (copy.first % kCopyAlignment != 0) {
    stop(fmt::format("starts a bulk copy at {} to shared address {:#x}, which is no multiple of {}", text(where).of,
                     copy.first, kCopyAlignment));
  }
  std::copy_n(coordinates, map.rank, copy.coordinates.begin());
  if (map.im2col) std::copy_n(offsets, map.spatial(), copy.offsets.begin());
  if (coordinates[0] < 0)
    stop(fmt::format("starts a bulk copy at {} before the first element of a line", text(where).of));
  check_overwritten(copy, warp_now());
  Observer* observer = machine().observer();
  std::byte* to = machine().window_pointer(copy.first, copy.bytes);
  if (observer != nullptr) observer->bulk_issued(to, copy.bytes, where);
  for (int line = 0; line < map.lines(); ++line) {
    const TensorLine from = line_of(map, copy.coordinates.data(), copy.offsets.data(), line);
    if (from.source == nullptr) continue;
    const auto bytes = static_cast<std::size_t>(from.elements) * map.element_bytes;
    statistics().async_bytes += bytes;
    if (observer != nullptr) observer->bulk_read(from.source, bytes, where);
    // Reads what the copy will read, so that a bad address is found at this line.
    const auto* first = reinterpret_cast<const volatile char*>(from.source);
    (void)*first;
    (void)first[bytes - 1];
  }
  std::memset(to, 0xff, copy.bytes);
  const auto overlaps = [&](const Use& use) { return meet(use.first, use.end, copy.first, copy.first + copy.bytes); };
  written_.erase(std::remove_if(written_.begin(), written_.end(), overlaps), written_.end());
  read_.erase(std::remove_if(read_.begin(), read_.end(), overlaps), read_.end());
  barrier.copies.push_back(copy);
  if (!barrier.waiting.empty()) settle(barrier, where);
}

void AsyncUnits::check_overwritten(const BulkCopy& copy, std::size_t warp) const {
  const std::uint32_t end = copy.first + copy.bytes;
  const auto refuse = [&](const char* user, const Where& where, const char* why) {
    stop(fmt::format("starts a bulk copy at {} to shared memory that the {} of {} {}", text(copy.where).of, user,
                     text(where).of, why));
  };
  for (const Mbarrier& barrier : barriers_) {
    for (const BulkCopy& other : barrier.copies) {
      if (meet(copy.first, end, other.first, other.first + other.bytes)) {
        refuse("bulk copy", other.where, "is still bringing");
      }
    }
  }
  for (const Use& use : written_) {
    if (meet(copy.first, end, use.first, use.end) && !agents_.seen(use.done, warp)) {
      refuse("bulk copy", use.where, "brought, and it has seen nobody who waited for that");
    }
  }
  for (const Use& use : read_) {
    if (!meet(copy.first, end, use.first, use.end)) continue;
    if (use.pending) refuse("wgmma", use.where, "is still reading");
    if (!agents_.seen(use.done, warp)) refuse("wgmma", use.where, "has read, and no mbarrier lies between");
  }
}

// By chunks of 16 bytes, which swizzling moves as a whole.
void AsyncUnits::land(const BulkCopy& copy) {
  constexpr int kChunk = 16;
  const TensorMap& map = copy.map;
  for (int number = 0; number < map.lines(); ++number) {
    const TensorLine line = line_of(map, copy.coordinates.data(), copy.offsets.data(), number);
    const int there = line.elements * map.element_bytes;
    for (int byte = 0; byte < map.line_bytes(); byte += kChunk) {
      const auto at = static_cast<std::uint32_t>(number * map.line_bytes() + byte);
      std::byte* to = machine().window_pointer(swizzled(copy.first + at, map.swizzle), kChunk);
      std::memset(to, 0, kChunk);
      if (there > byte) std::memcpy(to, line.source + byte, static_cast<std::size_t>(std::min(there - byte, kChunk)));
    }
  }
  if (Observer* observer = machine().observer()) {
    observer->bulk_done(machine().window_pointer(copy.first, copy.bytes), copy.bytes);
  }
  written_.push_back(
      {.first = copy.first, .end = copy.first + copy.bytes, .done = agents_.now(Agents::kCopies), .where = copy.where});
}

// --- wgmma ----------------------------------------------------------------------------------------------------------

void AsyncUnits::multiply(const WarpgroupProduct& product, float* sums, Where where) {
  const auto thread = static_cast<std::size_t>(machine().index_of(machine().current()));
  const std::size_t number = thread / kWarpgroup;
  Rendezvous& group = rendezvous_[number];
  if (machine().thread_count() < (number + 1) * kWarpgroup) {
    stop(fmt::format("is at the wgmma of {} in a warpgroup of fewer than {} threads", text(where).of, kWarpgroup));
  }
  if (group.arrived == 0) {
    group.product = product;
    group.where = where;
  } else if (!same_place(where, group.where)) {
    stop(fmt::format("is at the wgmma of {}, but others of its warpgroup are at that of {}", text(where).of,
                     text(group.where).of));
  } else if (group.product != product) {
    stop(fmt::format("is at the wgmma of {} with other descriptors than the rest of its warpgroup", text(where).of));
  }
  group.sums[thread % kWarpgroup] = sums;
  if (++group.arrived < kWarpgroup) {
    machine().wait_at(State::at_wgmma, where);
    return;
  }
  group.arrived = 0;
  issue(group, number * kWarpsOfGroup);
  for (std::size_t i = number * kWarpgroup; i < (number + 1) * kWarpgroup; ++i) machine().wake(static_cast<int>(i));
  machine().step_aside();
}

void AsyncUnits::check_operand(const Use& operand, std::size_t warp) const {
  for (const Mbarrier& barrier : barriers_) {
    for (const BulkCopy& copy : barrier.copies) {
      if (!meet(operand.first, operand.end, copy.first, copy.first + copy.bytes)) continue;
      stop(
          fmt::format("is at the wgmma of {}, an operand of which the bulk copy of {} is still bringing: wait for its "
                      "mbarrier first",
                      text(operand.where).of, text(copy.where).of));
    }
  }
  for (const Use& copy : written_) {
    if (!meet(operand.first, operand.end, copy.first, copy.end) || agents_.seen(copy.done, warp)) continue;
    stop(fmt::format("is at the wgmma of {}, but its warp has not waited for the mbarrier of the bulk copy of {}",
                     text(operand.where).of, text(copy.where).of));
  }
}

void AsyncUnits::issue(Rendezvous& group, std::size_t first_warp) {
  const WarpgroupProduct& product = group.product;
  for (const std::uint64_t descriptor : {product.a, product.b}) {
    if (const char* objection = objection_to(descriptor); objection != nullptr) {
      stop(fmt::format("is at the wgmma of {}, whose descriptor {}", text(group.where).of, objection));
    }
  }
  const AddressRange ranges[] = {range_of_a(product), range_of_b(product)};
  const auto registers = static_cast<std::size_t>(product.columns) / 2;
  ++statistics().matrix_products;
  for (std::size_t w = 0; w < kWarpsOfGroup; ++w) {
    WarpProducts& warp = warps_[first_warp + w];
    if (!warp.fenced) {
      stop(
          fmt::format("is at the wgmma of {} before any wgmma.fence of its warp, so that it need not see the registers",
                      text(group.where).of));
    }
    for (const AddressRange& range : ranges) {
      const Use use{.first = range.first,
                    .end = range.end,
                    .done = {first_warp + w, 0},
                    .pending = true,
                    .group = warp.committed,
                    .where = group.where};
      check_operand(use, first_warp + w);
      read_.push_back(use);
    }
    float* const first = group.sums[w * kWarp];
    auto sums = std::find_if(warp.sums.begin(), warp.sums.end(),
                             [first](const WarpSums& each) { return each.registers.front() == first; });
    if (sums == warp.sums.end()) {
      sums = warp.sums.emplace(warp.sums.end());
      sums->where = group.where;
      for (std::size_t lane = 0; lane < kWarp; ++lane) {
        float* const mine = sums->registers[lane] = group.sums[w * kWarp + lane];
        sums->values.insert(sums->values.end(), mine, mine + registers);
        std::fill_n(mine, registers, std::numeric_limits<float>::quiet_NaN());
      }
    }
    sums->products.push_back({product, warp.committed});
  }
}

void AsyncUnits::product_fence() { warps_[warp_now()].fenced = true; }
void AsyncUnits::product_commit() { ++warps_[warp_now()].committed; }

void AsyncUnits::product_wait(int pending_groups) {
  const std::size_t number = warp_now();
  WarpProducts& warp = warps_[number];
  const int end = warp.committed - pending_groups;
  for (WarpSums& sums : warp.sums) {
    std::size_t done = 0;
    for (; done < sums.products.size() && sums.products[done].group < end; ++done) {
      const WarpgroupProduct& product = sums.products[done].product;
      read_operands(product, static_cast<int>(number % kWarpsOfGroup), view_of(range_of_a(product)),
                    view_of(range_of_b(product)), operands_);
      add_product(operands_, product.columns, sums.values.data());
    }
    sums.products.erase(sums.products.begin(), sums.products.begin() + static_cast<std::ptrdiff_t>(done));
    if (!sums.products.empty()) continue;
    const std::size_t registers = sums.values.size() / kWarp;
    for (std::size_t lane = 0; lane < kWarp; ++lane) {
      std::copy_n(sums.values.data() + lane * registers, registers, sums.registers[lane]);
    }
  }
  warp.sums.erase(
      std::remove_if(warp.sums.begin(), warp.sums.end(), [](const WarpSums& sums) { return sums.products.empty(); }),
      warp.sums.end());
  for (Use& use : read_) {
    if (!use.pending || use.done.agent != number || use.group >= end) continue;
    use.pending = false;
    use.done = agents_.now(number);
  }
}

}  // namespace curie::emu
