// The partition of flat arrays for the thread pool: by size alone, so that no result depends on the number of threads.
#pragma once

#include <algorithm>
#include <cstddef>

#include "tensor/parallel.h"

namespace curie {

// Floats in one piece of an elementwise operation: 64 KiB, small beside a core's cache, long beside the cost of a task.
inline constexpr std::size_t kRun = 16384;

constexpr std::size_t runs_in(std::size_t count, std::size_t length) { return (count + length - 1) / length; }

// Calls task(first, length) for consecutive pieces of [0, count), each but the last of `length` elements.
template <typename Task>
void for_runs(ThreadPool& pool, std::size_t count, std::size_t length, const Task& task) {
  pool.run(static_cast<int>(runs_in(count, length)), [&](int run, int) {
    const std::size_t first = static_cast<std::size_t>(run) * length;
    task(first, std::min(length, count - first));
  });
}

}  // namespace curie
