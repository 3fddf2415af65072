#include "emu/profile.h"

#include <algorithm>

#include "emu/profiler.h"

namespace curie::emu {
namespace {

constexpr std::size_t kSector = 32;
constexpr std::size_t kBanks = 32, kBankBytes = 4;

std::uint64_t count_sectors(const std::vector<std::uintptr_t>& addresses, std::size_t size) {
  std::vector<std::uintptr_t> sectors;
  for (const std::uintptr_t first : addresses) {
    for (std::uintptr_t s = first / kSector; s <= (first + size - 1) / kSector; ++s) sectors.push_back(s);
  }
  std::sort(sectors.begin(), sectors.end());
  return static_cast<std::uint64_t>(std::unique(sectors.begin(), sectors.end()) - sectors.begin());
}

std::uint64_t distinct_bytes(std::vector<std::uintptr_t> addresses, std::size_t size) {
  std::sort(addresses.begin(), addresses.end());
  std::uint64_t bytes = 0;
  std::uintptr_t end = 0;
  for (const std::uintptr_t first : addresses) {
    bytes += first + size - std::min(std::max(first, end), first + size);
    end = std::max(end, first + size);
  }
  return bytes;
}

std::uint64_t divided_up(std::uint64_t a, std::uint64_t b) { return (a + b - 1) / b; }

// Accesses of 8 and 16 bytes are served for half and a quarter of a warp at a time.
std::size_t lanes_at_once(std::size_t size) {
  return std::max<std::size_t>(1, kBanks * kBankBytes / std::max(size, kBankBytes));
}

struct Wavefronts {
  std::uint64_t count = 0, phases = 0;
};
// addresses[i] is lane lanes[i]'s, lanes rise.
Wavefronts count_wavefronts(const std::vector<std::uintptr_t>& addresses, const std::vector<std::size_t>& lanes,
                            std::size_t size) {
  Wavefronts wavefronts;
  for (std::size_t begin = 0, end = 0; begin < addresses.size(); begin = end) {
    std::vector<std::uintptr_t> words;
    for (; end < addresses.size() && lanes[end] / lanes_at_once(size) == lanes[begin] / lanes_at_once(size); ++end) {
      for (std::uintptr_t w = addresses[end] / kBankBytes; w <= (addresses[end] + size - 1) / kBankBytes; ++w) {
        words.push_back(w);
      }
    }
    std::sort(words.begin(), words.end());
    words.erase(std::unique(words.begin(), words.end()), words.end());
    std::size_t of_bank[kBanks] = {};
    for (const std::uintptr_t word : words) ++of_bank[word % kBanks];
    wavefronts.count += *std::max_element(of_bank, of_bank + kBanks);
    ++wavefronts.phases;
  }
  return wavefronts;
}

}  // namespace

Profiler& profiler() {
  static Profiler profiler;
  return profiler;
}

void start_profile(std::size_t blocks) { profiler().start(blocks); }
std::vector<ProfileRow> stop_profile() { return profiler().stop(); }

void Profiler::start(std::size_t blocks) {
  blocks_ = blocks;
  kernels_.clear();
  rows_.clear();
  streams_.clear();
}

std::vector<ProfileRow> Profiler::stop() {
  blocks_ = 0;
  std::vector<ProfileRow> rows;
  for (auto& [key, row] : rows_) rows.push_back(std::move(row));
  rows_.clear();
  return rows;
}

void Profiler::launch_begins(const char* kernel) {
  seen_ = 0;
  if (blocks_ == 0) return;
  const auto found = std::find(kernels_.begin(), kernels_.end(), kernel);
  kernel_ = static_cast<std::size_t>(found - kernels_.begin());
  if (found == kernels_.end()) kernels_.emplace_back(kernel);
}

bool Profiler::block_begins() { return seen_++ < blocks_; }

void Profiler::access(const ProfiledAccess& access, int thread) {
  const auto warp = static_cast<std::size_t>(thread) / 32, lane = static_cast<std::size_t>(thread) % 32;
  Stream& stream = streams_[{access.place, access.region, access.bytes, access.write, warp}];
  const std::size_t k = stream.times[lane]++;
  if (stream.requests.size() <= k) stream.requests.resize(k + 1);
  stream.requests[k].push_back({reinterpret_cast<std::uintptr_t>(access.address), lane});
}

// Adds up the requests since the last barrier.
void Profiler::flush(const std::function<std::string(std::uint32_t)>& line_of) {
  for (auto& [key, stream] : streams_) {
    const auto [place, region, size, write, warp] = key;
    const std::string line = line_of(place);
    ProfileRow& row = rows_[{kernel_, line, region->shared, write, region->name}];
    if (row.requests == 0) {
      row.kernel = kernels_[kernel_];
      row.line = line;
      row.memory = region->name;
      row.shared = region->shared;
      row.write = write;
    }
    for (std::vector<Touch>& touches : stream.requests) {
      // Lanes come in the order in which the emulator happens to run them.
      std::sort(touches.begin(), touches.end(), [](const Touch& x, const Touch& y) { return x.lane < y.lane; });
      std::vector<std::uintptr_t> addresses;
      std::vector<std::size_t> lanes;
      for (const Touch& touch : touches) {
        addresses.push_back(touch.address);
        lanes.push_back(touch.lane);
      }
      ++row.requests;
      row.bytes += addresses.size() * size;
      row.ideal += divided_up(distinct_bytes(addresses, size), region->shared ? kBanks * kBankBytes : kSector);
      if (region->shared) {
        const Wavefronts wavefronts = count_wavefronts(addresses, lanes, size);
        row.units += wavefronts.count;
        row.phases += wavefronts.phases;
      } else {
        row.units += count_sectors(addresses, size);
      }
    }
  }
  streams_.clear();
}

}  // namespace curie::emu
