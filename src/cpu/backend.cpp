#include "cpu/backend.h"

#include <fmt/format.h>
#include <hwy/highway.h>
#include <hwy/targets.h>

#include <cstring>

namespace curie {

std::string CpuBackend::describe() const {
  return fmt::format("cpu: {}, {} thread{}", hwy::TargetName(hwy::SupportedTargets() & -hwy::SupportedTargets()),
                     pool_.threads(), pool_.threads() == 1 ? "" : "s");
}

Buffer CpuBackend::allocate(std::size_t bytes) { return allocate_host(bytes); }

void CpuBackend::copy_to_device(std::byte* to, const std::byte* from_host, std::size_t bytes) {
  if (bytes > 0) std::memcpy(to, from_host, bytes);
}

void CpuBackend::copy_to_host(std::byte* to_host, const std::byte* from, std::size_t bytes) {
  if (bytes > 0) std::memcpy(to_host, from, bytes);
}

void CpuBackend::copy_on_device(std::byte* to, const std::byte* from, std::size_t bytes) {
  if (bytes > 0) std::memcpy(to, from, bytes);
}

std::unique_ptr<Backend> make_cpu_backend(int threads) { return std::make_unique<CpuBackend>(threads); }

}  // namespace curie
