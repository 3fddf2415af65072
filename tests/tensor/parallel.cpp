#include "tensor/parallel.h"

#include <doctest/doctest.h>

#include <atomic>
#include <numeric>
#include <vector>

#include "support/throws.h"

namespace curie {

TEST_CASE("each index runs once, on a worker that exists") {
  for (const int threads : {1, 2, 5}) {
    ThreadPool pool(threads);
    CHECK(pool.threads() == threads);
    for (const int count : {0, 1, 2, 3, 1000}) {
      std::vector<std::atomic<int>> runs(static_cast<std::size_t>(count));
      std::atomic<bool> known{true};
      pool.run(count, [&](int index, int worker) {
        ++runs[static_cast<std::size_t>(index)];
        if (worker < 0 || worker >= threads) known = false;
      });
      for (const auto& run : runs) CHECK(run == 1);
      CHECK(known);
    }
  }
}

TEST_CASE("thousands of short loops, each complete when run returns") {
  ThreadPool pool(3);
  std::vector<int> values(64, 0);
  for (int loop = 0; loop < 5000; ++loop) {
    pool.run(64, [&](int index, int) { ++values[static_cast<std::size_t>(index)]; });
  }
  CHECK(std::accumulate(values.begin(), values.end(), 0) == 64 * 5000);
}

TEST_CASE("an exception comes out of run, and the pool works on") {
  for (const int threads : {1, 4}) {
    ThreadPool pool(threads);
    for (int round = 0; round < 20; ++round) {
      const auto fail = [&] {
        pool.run(100, [](int index, int) { CURIE_CHECK(index != 37, data, "task {} fails", index); });
      };
      CHECK_ERROR(fail, data, "task 37 fails");
      std::atomic<int> sum{0};
      pool.run(100, [&](int index, int) { sum += index; });
      CHECK(sum == 4950);
    }
  }
}

TEST_CASE("by default one thread a usable core") {
  CHECK(usable_cores() >= 1);
  CHECK(ThreadPool().threads() == usable_cores());
}

TEST_CASE("parts cover a range without gap or overlap, nearly equal") {
  for (const std::size_t count : {0, 1, 7, 64, 1000003}) {
    for (const std::size_t parts : {1, 2, 3, 64}) {
      std::size_t next = 0;
      for (std::size_t part = 0; part < parts; ++part) {
        const Range range = part_of(count, part, parts);
        CHECK(range.first == next);
        CHECK(range.last - range.first <= count / parts + 1);
        CHECK(range.last - range.first >= count / parts);
        next = range.last;
      }
      CHECK(next == count);
    }
  }
}

}  // namespace curie
