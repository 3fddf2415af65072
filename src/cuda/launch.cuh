// Starting a kernel: launch({.name = "add", .grid = blocks, .block = 256, .stream = stream}, add_kernel, n, a, b, y).
// Arguments convert to the kernel's parameter types, as in a call. A launch that the device refuses throws
// Error(internal) with the kernel's name; what goes wrong inside a running kernel shows at the next wait.
#pragma once

#include <tuple>
#include <utility>

#include "cuda/device.cuh"
#if defined(__CUDACC__)
#include "cuda/launch_arguments.h"
#endif

namespace curie::CURIE_GPU {

struct Launch {
  const char* name;  // in errors and profiles
  dim3 grid, block;
  std::size_t shared_bytes = 0;  // dynamic shared memory
  Stream stream = nullptr;
};

#if defined(__CUDACC__)

template <typename... Parameters, typename... Arguments>
void launch(const Launch& at, void (*kernel)(Parameters...), Arguments&&... arguments) {
  std::tuple<Parameters...> values(static_cast<Parameters>(std::forward<Arguments>(arguments))...);
  std::apply(
      [&](auto&... value) {
        void* addresses[] = {static_cast<void*>(&value)..., nullptr};
        launch_kernel({at.name,
                       {at.grid.x, at.grid.y, at.grid.z},
                       {at.block.x, at.block.y, at.block.z},
                       at.shared_bytes,
                       at.stream},
                      reinterpret_cast<const void*>(kernel), addresses);
      },
      values);
}

#else

emu::Observer* observer();  // null but in checked mode

template <typename... Parameters, typename... Arguments>
void launch(const Launch& at, void (*kernel)(Parameters...), Arguments&&... arguments) {
  struct Call {
    void (*kernel)(Parameters...);
    std::tuple<Parameters...> values;
  } call{kernel, {static_cast<Parameters>(std::forward<Arguments>(arguments))...}};
  emu::run(
      {.name = at.name,
       .grid = at.grid,
       .block = at.block,
       .dynamic_shared_bytes = at.shared_bytes,
       .kernel = reinterpret_cast<const void*>(kernel),
       .observer = observer(),
       .context_bytes = sizeof(Call)},
      [](void* context) {
        const Call& c = *static_cast<Call*>(context);
        std::apply(c.kernel, c.values);
      },
      &call);
}

#endif

// Blocks of `block` threads that cover `count` elements, one thread each; at most `limit` blocks, for kernels that
// loop.
constexpr unsigned blocks_for(std::size_t count, std::size_t block, std::size_t limit = 0x7fffffff) {
  const std::size_t blocks = (count + block - 1) / block;
  return static_cast<unsigned>(blocks < 1 ? 1 : blocks > limit ? limit : blocks);
}

}  // namespace curie::CURIE_GPU
