// What the emulator promises in fast mode: waits, warp operations, orders, shared memory, errors that leave it usable.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstdlib>
#include <limits>
#include <string>
#include <vector>

#include "cuda/copy_async.cuh"
#include "cuda/launch.cuh"
#include "emu/emulator.h"
#include "emu/memory.h"
#include "support/throws.h"

namespace curie::emulated {
namespace {

using test::error_message;

struct InOrder {
  explicit InOrder(emu::Order order, std::uint32_t seed = 1) { emu::settings() = {.order = order, .seed = seed}; }
  ~InOrder() { emu::settings() = {}; }
};

int linear() { return static_cast<int>(threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z)); }

// What each thread's body leaves at its linear index.
template <typename T>
std::vector<T> results(dim3 block, void (*kernel)(T*)) {
  std::vector<T> out(std::size_t{block.x} * block.y * block.z);
  launch({.name = "test", .grid = 1, .block = block}, kernel, out.data());
  return out;
}

void shuffles_kernel(int* wrong) {
  const int lane = linear() % 32;
  const auto expect = [&](int got, int source) { *wrong += got != 100 * source; };
  for (int width = 1; width <= 32; width *= 2) {
    const int first = lane / width * width;
    for (int by = 0; by < 32; ++by) {
      expect(__shfl_sync(kFullWarp, 100 * lane, by, width), first + by % width);
      expect(__shfl_up_sync(kFullWarp, 100 * lane, by, width), lane - by < first ? lane : lane - by);
      expect(__shfl_down_sync(kFullWarp, 100 * lane, by, width), lane + by >= first + width ? lane : lane + by);
      // Lanes may read from segments below their own, not above (CUDA C++ Programming Guide, "Warp shuffle functions").
      const int partner = lane ^ by;
      expect(__shfl_xor_sync(kFullWarp, 100 * lane, by, width), partner >= first + width ? lane : partner);
    }
  }
}

void ids_kernel(int* out) { out[linear()] = static_cast<int>(threadIdx.x + 10 * threadIdx.y + 100 * threadIdx.z); }

}  // namespace

TEST_CASE("shuffles of every width and distance read from the lane that CUDA names") {
  for (const emu::Order order : {emu::Order::ascending, emu::Order::descending, emu::Order::random}) {
    const InOrder in_order(order);
    int wrong = 0;
    launch({.name = "shuffles", .grid = 1, .block = 96}, shuffles_kernel, &wrong);
    CHECK(wrong == 0);
  }
}

TEST_CASE("shuffles carry every type, votes count lanes") {
  const auto out = results<double>(32, [](double* y) {
    const double d = __shfl_xor_sync(kFullWarp, 0.25 * linear(), 1);
    const unsigned long long big = __shfl_sync(kFullWarp, 1ull << linear(), 31);
    const unsigned char small = __shfl_down_sync(kFullWarp, static_cast<unsigned char>(linear()), 1);
    const unsigned odd = __ballot_sync(kFullWarp, linear() % 2);
    const int any = __any_sync(kFullWarp, linear() == 31), all = __all_sync(kFullWarp, linear() < 31);
    y[linear()] = d + small + any + 2 * all + (odd == 0xaaaaaaaau ? 1000.0 : 0.0) + (big == 1ull << 31 ? 2000.0 : 0.0);
  });
  CHECK(out[0] == 3000.0 + 1 + 1 + 0.25);
  CHECK(out[31] == 3000.0 + 31 + 1 + 0.25 * 30);
}

TEST_CASE("barriers count predicates") {
  const auto out = results<int>(70, [](int* y) {
    const int or_none = __syncthreads_or(0), or_one = __syncthreads_or(linear() == 69);
    const int and_all = __syncthreads_and(1), and_but_one = __syncthreads_and(linear() != 3);
    y[linear()] =
        __syncthreads_count(linear() % 2 == 0) + 100 * or_none + 200 * or_one + 400 * and_all + 800 * and_but_one;
  });
  for (const int value : out) CHECK(value == 35 + 200 + 400);
}

TEST_CASE("threads and blocks have CUDA's indices") {
  const auto out = results<int>(dim3(3, 4, 5), ids_kernel);
  for (int i = 0; i < 60; ++i) CHECK(out[std::size_t(i)] == i % 3 + 10 * (i / 3 % 4) + 100 * (i / 12));
  std::vector<int> blocks(24, -1);
  launch(
      {.name = "blocks", .grid = dim3(2, 3, 4), .block = 1},
      +[](int* y) { y[blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z)] = static_cast<int>(blockIdx.z); },
      blocks.data());
  for (int i = 0; i < 24; ++i) CHECK(blocks[std::size_t(i)] == i / 6);
}

TEST_CASE("orders: ascending and descending begin at either end, random is a permutation that its seed decides") {
  struct Log {
    std::vector<int> threads, blocks;
  };
  const auto run = [](emu::Order order, std::uint32_t seed) {
    const InOrder in_order(order, seed);
    Log log;
    launch(
        {.name = "log", .grid = 3, .block = 80},
        +[](Log* l) {
          if (blockIdx.x == 0) l->threads.push_back(linear());
          if (linear() == 0) l->blocks.push_back(static_cast<int>(blockIdx.x));
        },
        &log);
    return log;
  };
  const Log up = run(emu::Order::ascending, 1), down = run(emu::Order::descending, 1);
  const Log random = run(emu::Order::random, 1), again = run(emu::Order::random, 1), other = run(emu::Order::random, 2);
  for (int i = 0; i < 80; ++i) CHECK(up.threads[std::size_t(i)] == i);
  for (int i = 0; i < 80; ++i) CHECK(down.threads[std::size_t(i)] == 79 - i);
  CHECK(up.blocks == std::vector<int>{0, 1, 2});
  CHECK(down.blocks == std::vector<int>{2, 1, 0});
  CHECK(random.threads != up.threads);
  CHECK(random.threads == again.threads);
  CHECK(random.threads != other.threads);
  std::vector<int> sorted = random.threads;
  std::sort(sorted.begin(), sorted.end());
  CHECK(sorted == up.threads);
}

TEST_CASE("statistics count launches, blocks, threads, barriers and warp operations") {
  emu::statistics() = {};
  for (int i = 0; i < 2; ++i) {
    launch(
        {.name = "count", .grid = 3, .block = 64}, +[] {
          __syncthreads();
          __syncwarp();
          __syncthreads();
        });
  }
  const emu::Statistics& s = emu::statistics();
  CHECK(s.launches == 2);
  CHECK(s.blocks == 6);
  CHECK(s.threads == 6 * 64);
  CHECK(s.barriers == 6 * 2);
  CHECK(s.warp_operations == 6 * 2);
}

TEST_CASE("shared memory is poisoned before each block and is the launch's size") {
  struct Poisoned {
    float x[8];
  };
  int wrong = 0;
  const auto kernel = +[](int* bad) {
    auto* dynamic = dynamic_shared<float>();
    Poisoned& fixed = shared<Poisoned>();
    for (int i = 0; i < 8; ++i) *bad += !std::isnan(fixed.x[i]) + !std::isnan(dynamic[i]);
    *bad += reinterpret_cast<std::uintptr_t>(dynamic) % 128 != 0;
    __syncthreads();
    fixed.x[linear()] = dynamic[linear()] = 1.0f;
  };
  for (const std::size_t bytes : {32, 64, 32, 100000}) {
    launch({.name = "poison", .grid = 3, .block = 8, .shared_bytes = bytes}, kernel, &wrong);
  }
  CHECK(wrong == 0);
  const std::string message = error_message([&] { launch({.name = "none", .grid = 1, .block = 1}, kernel, &wrong); });
  CHECK(message.find("asks for dynamic shared memory, but the launch gives it 0 bytes") != std::string::npos);
}

TEST_CASE("grids and blocks beyond CUDA's limits are refused") {
  const auto refused = [](dim3 grid, dim3 block, std::size_t bytes = 0) {
    CHECK_ERROR(([&] {
                  launch(
                      {.name = "big", .grid = grid, .block = block, .shared_bytes = bytes}, +[] {});
                }),
                usage, "big");
  };
  refused(1, 0);
  refused(1, 1025);
  refused(1, dim3(32, 32, 2));
  refused(1, dim3(1, 1, 65));
  refused(0, 1);
  refused(dim3(1, 65536), 1);
  refused(dim3(1, 1, 65536), 1);
  refused(1, 1, std::size_t{228} << 10);
  launch(
      {.name = "most", .grid = dim3(1, 65535), .block = 1}, +[] {});
  launch(
      {.name = "most", .grid = 1, .block = 1024}, +[] { __syncthreads(); });
}

TEST_CASE("static shared memory beyond 48 KiB is refused") {
  struct Big {
    float x[12289];
  };
  const std::string message = error_message([] {
    launch(
        {.name = "big", .grid = 1, .block = 1}, +[] { shared<Big>().x[0] = 0; });
  });
  CHECK(message.find("49156 bytes of static shared memory; a block has at most 49152") != std::string::npos);
}

TEST_CASE("an error leaves the emulator usable, whatever was going on") {
  for (int round = 0; round < 3; ++round) {
    CHECK(error_message([] {
            launch(
                {.name = "stuck", .grid = 2, .block = 100}, +[] {
                  if (linear() < 50)
                    __syncthreads();
                  else if (linear() % 32 < 20)
                    __syncwarp();
                });
          }).find("kernel stuck, block (0,0,0), thread (98,0,0)") == 0);
    CHECK(
        error_message([] {
          launch(
              {.name = "throws", .grid = 1, .block = 40}, +[] {
                __syncthreads();
                if (linear() == 7) throw std::runtime_error("no such thing");
              });
        }).find("kernel throws, block (0,0,0), thread (7,0,0): throws an exception, which no GPU can: no such thing") ==
        0);
    const auto sum = results<int>(64, [](int* y) {
      int v = linear();
      for (int offset = 16; offset > 0; offset /= 2) v += __shfl_xor_sync(kFullWarp, v, offset);
      __syncthreads();
      y[linear()] = v;
    });
    CHECK(sum[0] == 31 * 16);
    CHECK(sum[63] == 31 * 16 + 1024);
  }
}

TEST_CASE("a kernel that launches a kernel is stopped") {
  const std::string message = error_message([] {
    launch(
        {.name = "outer", .grid = 1, .block = 1}, +[] {
          launch(
              {.name = "inner", .grid = 1, .block = 1}, +[] {});
        });
  });
  CHECK(message.find("launches inner: dynamic parallelism is not emulated") != std::string::npos);
}

TEST_CASE("cp.async arrives at the wait that covers its group, and is NaN until then") {
  struct alignas(16) Target {
    float x[3][4];
  };
  const float x[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  alignas(16) float source[12];
  std::copy(x, x + 12, source);
  const auto kernel = +[](int* wrong, const float* from) {
    Target& to = shared<Target>();
    for (int i = 0; i < 3; ++i) {
      copy_async_16(to.x[i], from + 4 * i, i != 2);
      copy_async_commit();
    }
    *wrong += !std::isnan(to.x[0][0]);
    copy_async_wait<2>();
    *wrong += to.x[0][3] != 4.0f || !std::isnan(to.x[1][0]);
    copy_async_wait<1>();
    *wrong += to.x[1][0] != 5.0f || !std::isnan(to.x[2][0]);
    copy_async_wait<0>();
    *wrong += to.x[2][0] != 0.0f || to.x[2][3] != 0.0f;
    copy_async_4(&to.x[0][1], from + 7);
    copy_async_wait<0>();  // covers committed groups only
    *wrong += !std::isnan(to.x[0][1]);
    copy_async_commit();
    copy_async_wait<0>();
    *wrong += to.x[0][1] != 8.0f;
  };
  int wrong = 0;
  launch({.name = "copies", .grid = 1, .block = 1}, kernel, &wrong, static_cast<const float*>(source));
  CHECK(wrong == 0);
}

TEST_CASE("atomics return the old value") {
  unsigned values[5] = {5, 5, 5, 5, 5};
  float sum = 0.0f;
  const auto kernel = +[](unsigned* v, float* s) {
    atomicAdd(&v[0], 2u);
    atomicMax(&v[1], static_cast<unsigned>(linear()));
    atomicMin(&v[2], static_cast<unsigned>(linear()));
    atomicCAS(&v[3], 5u + static_cast<unsigned>(linear()), 6u + static_cast<unsigned>(linear()));
    if (linear() == 0) v[4] = atomicExch(&v[4], 9u) + v[4];
    atomicAdd(s, 0.5f);
  };
  launch({.name = "atomics", .grid = 1, .block = 8}, kernel, values, &sum);
  CHECK(values[0] == 21);
  CHECK(values[1] == 7);
  CHECK(values[2] == 0);
  CHECK(values[3] == 13);
  CHECK(values[4] == 14);
  CHECK(sum == 4.0f);
}

TEST_CASE("device memory is aligned, zero, counted, limited, and its overruns are found") {
  const std::size_t before = emu::memory_in_use();
  std::byte* data = emu::allocate_memory(100, "some");
  CHECK(reinterpret_cast<std::uintptr_t>(data) % 256 == 0);
  CHECK(std::count(data, data + 100, std::byte{0}) == 100);
  CHECK(emu::memory_in_use() == before + 100);
  CHECK(emu::nearest_memory(data + 50)->name == "some");
  data[100] = std::byte{1};
  CHECK_ERROR([] { emu::check_guards(); }, internal, "wrote outside the device buffer \"some\" of 100 bytes");
  emu::check_guards();
  emu::set_memory_limit(before + 100);
  CHECK_ERROR([] { emu::allocate_memory(1); }, out_of_memory, "no room for 1 bytes");
  emu::set_memory_limit(std::numeric_limits<std::size_t>::max());
  emu::free_memory(data);
  CHECK(emu::memory_in_use() == before);
  CHECK(emu::freed_memory(data + 50)->name == "some");
}

}  // namespace curie::emulated
