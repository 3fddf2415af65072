#include "tensor/parallel.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace curie {

int usable_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

struct ThreadPool::State {
  std::mutex mutex;
  std::condition_variable wake, done;
  std::vector<std::thread> workers;
  // One loop: written under the mutex before `generation` moves on.
  Erased task = nullptr;
  void* context = nullptr;
  int count = 0;
  unsigned generation = 0;
  int busy = 0;
  bool stop = false;
  std::exception_ptr failure;
  std::atomic<int> next{0};

  void drain(Erased call, void* argument, int total, int worker) {
    for (int index = next.fetch_add(1); index < total; index = next.fetch_add(1)) {
      try {
        call(argument, index, worker);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!failure) failure = std::current_exception();
        next.store(total);
      }
    }
  }

  void serve(int worker) {
    unsigned seen = 0;
    std::unique_lock lock(mutex);
    while (true) {
      wake.wait(lock, [&] { return stop || generation != seen; });
      if (stop) return;
      seen = generation;
      const Erased call = task;
      void* const argument = context;
      const int total = count;
      lock.unlock();
      drain(call, argument, total, worker);
      lock.lock();
      if (--busy == 0) done.notify_one();
    }
  }
};

ThreadPool::ThreadPool(int threads) : state_(std::make_unique<State>()) {
  const int wanted = threads > 0 ? threads : usable_cores();
  for (int worker = 1; worker < wanted; ++worker) {
    state_->workers.emplace_back([this, worker] { state_->serve(worker); });
  }
}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stop = true;
  }
  state_->wake.notify_all();
  for (std::thread& worker : state_->workers) worker.join();
}

int ThreadPool::threads() const { return static_cast<int>(state_->workers.size()) + 1; }

void ThreadPool::run_erased(int count, Erased task, void* context) {
  if (count <= 0) return;
  if (count == 1 || state_->workers.empty()) {
    for (int index = 0; index < count; ++index) task(context, index, 0);
    return;
  }
  {
    const std::lock_guard lock(state_->mutex);
    state_->task = task;
    state_->context = context;
    state_->count = count;
    state_->busy = static_cast<int>(state_->workers.size());
    state_->failure = nullptr;
    state_->next.store(0);
    ++state_->generation;
  }
  state_->wake.notify_all();
  state_->drain(task, context, count, 0);
  std::unique_lock lock(state_->mutex);
  state_->done.wait(lock, [&] { return state_->busy == 0; });
  if (state_->failure) std::rethrow_exception(state_->failure);
}

}  // namespace curie
