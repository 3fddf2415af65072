#include <algorithm>

#include "cuda/runtime.h"
#include "tensor/error.h"

namespace curie::CURIE_GPU {
namespace {

// Checked mode must see where a buffer ends, and that it is freed: no rounding, nothing kept.
#ifdef CURIE_CHECKED
constexpr std::size_t kUnit = 1;
constexpr bool kKeeps = false;
#else
constexpr std::size_t kUnit = 512;
constexpr bool kKeeps = true;
#endif

}  // namespace

CachingAllocator::~CachingAllocator() { give_back(); }

std::byte* CachingAllocator::allocate(std::size_t bytes) {
  const std::size_t rounded = (std::max<std::size_t>(bytes, 1) + kUnit - 1) / kUnit * kUnit;
  const std::lock_guard lock(mutex_);
  const auto kept = kept_.lower_bound(rounded);
  std::byte* data = nullptr;
  std::size_t size = rounded;
  if (kept != kept_.end() && kept->first < 2 * rounded) {
    size = kept->first;
    data = kept->second;
    kept_.erase(kept);
  } else {
    try {
      data = runtime_->allocate(rounded);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::out_of_memory || kept_.empty()) throw;
      for (const auto& [block_size, block] : kept_) runtime_->free(block);
      kept_.clear();
      data = runtime_->allocate(rounded);
    }
  }
  used_[data] = size;
  in_use_ += size;
  return data;
}

void CachingAllocator::release(std::byte* data) {
  const std::lock_guard lock(mutex_);
  const auto found = used_.find(data);
  CURIE_ASSERT(found != used_.end(), "release of device memory that was not allocated here");
  if constexpr (kKeeps) {
    kept_.emplace(found->second, data);
  } else {
    runtime_->free(data);
  }
  in_use_ -= found->second;
  used_.erase(found);
}

void CachingAllocator::give_back() {
  const std::lock_guard lock(mutex_);
  for (const auto& [size, block] : kept_) runtime_->free(block);
  kept_.clear();
}

std::size_t CachingAllocator::bytes_kept() const {
  std::size_t bytes = 0;
  for (const auto& [size, block] : kept_) bytes += size;
  return bytes;
}

}  // namespace curie::CURIE_GPU
