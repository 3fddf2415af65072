// A pool of worker threads and a parallel loop whose partition never depends on the number of threads, so that results
// do not either.
#pragma once

#include <cstddef>
#include <memory>
#include <type_traits>

namespace curie {

class ThreadPool {
 public:
  explicit ThreadPool(int threads = 0);  // 0: one thread per core that this process may use
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const;

  // Calls task(index, worker) once for each index in [0, count), each on one of `threads()` workers (0 is the caller);
  // returns when all have ended. The first exception is rethrown. Allocates nothing. One loop at a time: a task must
  // not start another loop on the same pool.
  template <typename Task>
  void run(int count, Task&& task) {
    run_erased(
        count,
        [](void* context, int index, int worker) {
          (*static_cast<std::remove_reference_t<Task>*>(context))(index, worker);
        },
        const_cast<void*>(static_cast<const void*>(&task)));
  }

 private:
  using Erased = void (*)(void*, int, int);
  void run_erased(int count, Erased task, void* context);

  struct State;
  std::unique_ptr<State> state_;
};

// Cores that this process may use (respects taskset and cgroup cpusets).
int usable_cores();

// Part `part` of `parts` nearly equal pieces of [0, count): [first, last).
struct Range {
  std::size_t first, last;
};
constexpr Range part_of(std::size_t count, std::size_t part, std::size_t parts) {
  return {count * part / parts, count * (part + 1) / parts};
}

}  // namespace curie
