#include "emu/check_memory.h"

#include <pthread.h>

#include <algorithm>
#include <cstdlib>
#include <new>

#include "emu/machine.h"
#include "emu/memory.h"
#include "emu/symbols.h"
#include "tensor/error.h"

namespace curie::emu {
namespace {

constexpr std::uintptr_t kNear = 64 << 10;  // an address this far from a buffer is taken for a missed element of it
constexpr std::uintptr_t kNearStatic = 256;

std::uintptr_t key_of(const void* address) { return reinterpret_cast<std::uintptr_t>(address); }

std::uintptr_t distance(const Region& region, const std::byte* at) {
  const std::uintptr_t first = key_of(region.first), end = first + region.bytes, address = key_of(at);
  return address < first ? first - address : address < end ? 0 : address - end;
}

bool on_host_stack(const std::byte* at) {
  pthread_attr_t attributes;
  void* lowest = nullptr;
  std::size_t bytes = 0;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) return true;
  pthread_attr_getstack(&attributes, &lowest, &bytes);
  pthread_attr_destroy(&attributes);
  return key_of(at) - key_of(lowest) < bytes;
}

}  // namespace

Region::Region(const std::byte* first_, std::size_t bytes_, bool shared_, std::string name_)
    : first(first_), bytes(bytes_), shared(shared_), name(std::move(name_)) {
  // Untouched pages of zeros cost nothing.
  cells = static_cast<Cell*>(std::calloc(bytes / 4 + 2, sizeof(Cell)));
  if (cells == nullptr) throw std::bad_alloc();
}
Region::~Region() { std::free(cells); }

std::string Region::describe() const {
  if (shared) return fmt::format("shared array {} of {} bytes", name, bytes);
  return name.empty() ? fmt::format("a device buffer of {} bytes", bytes)
                      : fmt::format("device buffer \"{}\" of {} bytes", name, bytes);
}

std::string Region::describe(const std::byte* at, std::size_t size) const {
  const auto offset = static_cast<std::size_t>(at - first);
  const std::string what = describe();
  if (size == 0 || offset % size != 0) return fmt::format("{}, bytes {} to {}", what, offset, offset + size - 1);
  return fmt::format("{}, element {} (bytes {} to {})", what, offset / size, offset, offset + size - 1);
}

void Regions::launch_begins(const Grid& grid) {
  grid_ = &grid;
  if (const std::uint64_t changes = memory_changes(); changes != changes_) {
    changes_ = changes;
    std::vector<std::unique_ptr<Region>> before;
    before.swap(buffers_);
    for (const MemoryBlock& block : memory_blocks()) {
      const auto same = std::find_if(before.begin(), before.end(),
                                     [&](const auto& region) { return region && region->serial == block.serial; });
      if (same != before.end()) {
        (*same)->name = block.name;
        buffers_.push_back(std::move(*same));
      } else {
        buffers_.push_back(std::make_unique<Region>(block.data, block.bytes, false, block.name));
        buffers_.back()->serial = block.serial;
      }
    }
  }
  const auto [entry, first_time] = statics_.try_emplace(grid.kernel);
  if (first_time && grid.kernel != nullptr) {
    for (const StaticArray& array : static_arrays_of(grid.kernel)) {
      entry->second.push_back(&shared_ready(array.data, array.bytes, array.name.c_str()));
    }
  }
  here_ = entry->second;
}

Region& Regions::shared_ready(const std::byte* data, std::size_t bytes, const char* name) {
  std::unique_ptr<Region>& region = shared_[data];
  if (region == nullptr || region->bytes != bytes) {
    here_.erase(std::remove(here_.begin(), here_.end(), region.get()), here_.end());
    region = std::make_unique<Region>(data, bytes, true, name);
  }
  if (std::find(here_.begin(), here_.end(), region.get()) == here_.end()) here_.push_back(region.get());
  return *region;
}

Region* Regions::find(const std::byte* at, const void* code) {
  for (Region* region : here_) {
    if (region->holds(at, 1)) return region;
  }
  const auto after =
      std::upper_bound(buffers_.begin(), buffers_.end(), at,
                       [](const std::byte* address, const auto& region) { return address < region->first; });
  if (after != buffers_.begin() && (*std::prev(after))->holds(at, 1)) return std::prev(after)->get();
  if (is_parameter(at) || segment_of(at) == Segment::constant) return nullptr;
  Region* found = nullptr;
  Machine::instance().on_host_stack([&] { found = find_static(at, code); });
  return found;
}

bool Regions::is_parameter(const std::byte* at) const {
  const auto* parameters = static_cast<const std::byte*>(Machine::instance().context());
  return at >= parameters && at < parameters + grid_->context_bytes;
}

// A static array of a function that the kernel calls, met for the first time. A neighbour of the kernel's own arrays
// that the accessing code does not know is a missed element instead.
Region* Regions::find_static(const std::byte* at, const void* code) {
  const std::optional<StaticArray> array = static_array_at(at);
  if (!array) return nullptr;
  const std::vector<Region*>& own = statics_[grid_->kernel];
  const bool near =
      std::any_of(own.begin(), own.end(), [&](const Region* r) { return distance(*r, at) < kNearStatic; });
  if (near && (code == nullptr || !is_code_of(static_cast<const char*>(code) - 1, array->function))) return nullptr;
  return &shared_ready(array->data, array->bytes, array->name.c_str());
}

const Region* Regions::nearest(const std::byte* at) const {
  const Region* best = nullptr;
  const auto consider = [&](const Region* region) {
    if (best == nullptr || distance(*region, at) < distance(*best, at)) best = region;
  };
  for (const Region* region : here_) consider(region);
  for (const auto& region : buffers_) consider(region.get());
  return best;
}

std::string Regions::objection(const std::byte* at, std::size_t size, bool write) const {
  const Segment segment = segment_of(at);
  if (segment == Segment::constant || is_parameter(at)) return {};
  if (key_of(at) < 4096) return fmt::format(" through a null pointer (address {:#x})", key_of(at));
  if (const MemoryBlock* block = freed_memory(at)) {
    return fmt::format(" of a device buffer{} of {} bytes that has been freed",
                       block->name.empty() ? "" : " \"" + block->name + "\"", block->bytes);
  }
  if (Machine::instance().on_a_stack(at)) return " of another thread's local variables";
  const Region* region = nearest(at);
  const std::uintptr_t away = region == nullptr ? kNear : distance(*region, at);
  if (away < (segment == Segment::writable ? kNearStatic : kNear)) {
    if (segment == Segment::writable && (!region->shared || is_global_variable(at))) return {};
    const bool before = at < region->first;
    return before ? fmt::format(" out of bounds: {} bytes before {}", away, region->describe())
                  : fmt::format(" out of bounds: {}", region->describe(at, size));
  }
  if (segment == Segment::writable) return {};
  if (grid_->context_bytes == 0 && !write && on_host_stack(at)) return {};
  return fmt::format(" of the host's memory (address {}): it belongs to no device buffer", fmt::ptr(at));
}

}  // namespace curie::emu
