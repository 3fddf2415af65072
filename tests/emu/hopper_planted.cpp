// Every bug that is planted into a ring of stages is reported, whichever order the threads run in.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "cuda/launch.cuh"
#include "hopper_tensors.h"
#include "support/throws.h"

namespace curie::emulated {
namespace {

// A producer (thread 128) brings tiles of 64 x 64 through two stages to a warpgroup that multiplies each by itself.
// Each flaw leaves out or changes one thing.
enum class Flaw {
  none,
  no_full_wait,
  no_empty_wait,
  early_release,
  too_few_bytes,
  too_many_bytes,
  no_expectation,
  wrong_parity,
  no_proxy_fence,
  no_block_barrier,
  no_wgmma_fence,
  no_product_wait,
  divergent,
  different_operands,
  odd_descriptor,
};
constexpr int kSteps = 6;

struct RingTiles {
  alignas(1024) Element x[2][64 * 64];
  Mbarrier full[2], empty[2];
};

struct Run {
  Flaw flaw;
  TensorMap map;
  float* out;
};

void bring(RingTiles& tiles, const Run& run) {
  for (int step = 0; step < kSteps; ++step) {
    const int stage = step % 2;
    const auto parity = static_cast<unsigned>(step / 2 % 2);
    if (run.flaw != Flaw::no_empty_wait) mbarrier_wait(tiles.empty[stage], parity ^ 1);
    const unsigned bytes = run.flaw == Flaw::too_few_bytes ? 4096u : run.flaw == Flaw::too_many_bytes ? 8208u : 8192u;
    if (run.flaw == Flaw::no_expectation) {
      mbarrier_arrive(tiles.full[stage]);
    } else {
      mbarrier_arrive_expecting(tiles.full[stage], bytes);
    }
    copy_box(tiles.x[stage], run.map, tiles.full[stage], 0, 0, 0);
  }
}

void consume(RingTiles& tiles, const Run& run) {
  const bool leads = threadIdx.x % 32 == 0;
  float sums[32] = {};
  if (run.flaw != Flaw::no_wgmma_fence) wgmma_fence();
  for (int step = 0; step < kSteps; ++step) {
    const int stage = step % 2;
    const auto parity = static_cast<unsigned>(step / 2 % 2);
    if (run.flaw != Flaw::no_full_wait)
      mbarrier_wait(tiles.full[stage], run.flaw == Flaw::wrong_parity ? parity ^ 1 : parity);
    unsigned at = shared_address(tiles.x[stage]);
    if (run.flaw == Flaw::different_operands && threadIdx.x == 77) at += 32;
    const std::uint64_t operand = descriptor(at, 16, 1024, 1) | (run.flaw == Flaw::odd_descriptor ? 1ull << 50 : 0);
    if (run.flaw == Flaw::divergent && threadIdx.x >= 96) {
      wgmma<true>(sums, operand, operand);
    } else {
      wgmma<true>(sums, operand, operand);
    }
    wgmma_commit();
    if (run.flaw == Flaw::early_release && leads) mbarrier_arrive(tiles.empty[stage]);
    if (run.flaw != Flaw::no_product_wait) wgmma_wait<0>();
    if (run.flaw != Flaw::early_release && leads) mbarrier_arrive(tiles.empty[stage]);
  }
  for (int i = 0; i < 32; ++i) run.out[32 * threadIdx.x + static_cast<unsigned>(i)] = sums[i];
}

std::string outcome(Flaw flaw, emu::Order order, std::vector<float>& out) {
  const InOrder in(order);
  Numbers ones({64, 1, 64});
  for (int i = 0; i < 64 * 64; ++i) ones.first[i] = bf16_of(1.0f);
  const std::uint32_t box[] = {64, 1, 64}, step[] = {1, 1, 1};
  out.assign(128 * 32, 0.0f);
  const Run run{flaw, as_parameter(emu::encode_tiled(ones.layout(), box, step, emu::Swizzle::bytes_128)), out.data()};
  return test::error_message([&] {
    launch(
        {.name = "ring", .grid = 1, .block = 160},
        +[](Run what) {
          RingTiles& tiles = shared<RingTiles>();
          if (threadIdx.x == 0) {
            for (int stage = 0; stage < 2; ++stage) {
              mbarrier_init(tiles.full[stage], 1);
              mbarrier_init(tiles.empty[stage], 4);
            }
            if (what.flaw != Flaw::no_proxy_fence) fence_async_proxy();
          }
          if (what.flaw != Flaw::no_block_barrier) __syncthreads();
          if (threadIdx.x == 128) {
            bring(tiles, what);
          } else if (threadIdx.x < 128) {
            consume(tiles, what);
          }
        },
        run);
  });
}

}  // namespace

TEST_CASE("a ring of stages without a flaw sums all its tiles, in every order") {
  for (const emu::Order order : kOrders) {
    std::vector<float> out;
    CHECK(outcome(Flaw::none, order, out) == "no error");
    CHECK(out == std::vector<float>(128 * 32, 16.0f * kSteps));
  }
}

TEST_CASE("every planted bug of a ring is reported, in every order") {
  struct Bug {
    Flaw flaw;
    std::vector<std::string> words;  // one of them, by the order
  };
  const std::vector<Bug> bugs = {
      {Flaw::no_full_wait,
       {"has not waited for the mbarrier", "is still bringing: wait for its mbarrier", "nobody is left who can run"}},
      {Flaw::no_empty_wait,
       {"is still bringing", "no mbarrier lies between", "is still reading", "brought, and it has seen nobody",
        "has had all 1 arrivals"}},
      {Flaw::early_release, {"is still reading", "no mbarrier lies between"}},
      {Flaw::too_few_bytes, {"was told to expect 4096 bytes, but copies bring 8192"}},
      {Flaw::too_many_bytes, {"8208 bytes are expected and 8192 are on their way"}},
      {Flaw::no_expectation,
       {"is still bringing: wait for its mbarrier", "was told to expect 0 bytes, but copies bring 8192"}},
      {Flaw::wrong_parity,
       {"has not waited for the mbarrier", "is still bringing: wait for its mbarrier", "nobody is left who can run"}},
      {Flaw::no_proxy_fence, {"fence.proxy.async comes first"}},
      {Flaw::no_block_barrier, {"nobody has initialised", "another warp has initialised, and no barrier lies between"}},
      {Flaw::no_wgmma_fence, {"before any wgmma.fence of its warp"}},
      {Flaw::no_product_wait, {"is still reading", "returns while a wgmma", "no mbarrier lies between"}},
      {Flaw::divergent, {"but others of its warpgroup are at that of"}},
      {Flaw::different_operands, {"with other descriptors than the rest"}},
      {Flaw::odd_descriptor, {"has a base offset"}},
  };
  for (const Bug& bug : bugs) {
    for (const emu::Order order : kOrders) {
      std::vector<float> out;
      const std::string message = outcome(bug.flaw, order, out);
      CAPTURE(static_cast<int>(bug.flaw));
      CAPTURE(static_cast<int>(order));
      CAPTURE(message);
      bool named = false;
      for (const std::string& words : bug.words) named = named || message.find(words) != std::string::npos;
      CHECK(named);
      CHECK(message.find("hopper_planted.cpp:") != std::string::npos);
    }
  }
}

}  // namespace curie::emulated
