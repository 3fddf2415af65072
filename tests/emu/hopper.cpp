// mbarriers, bulk tensor copies and wgmma against what PTX ISA and the CUDA Driver API say of them: loops over the
// documented layouts and coordinates, none of it shared with a kernel.
#include <doctest/doctest.h>

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "cuda/launch.cuh"
#include "hopper_tensors.h"
#include "small_integers.h"
#include "support/throws.h"

namespace curie::emulated {
namespace {

// --- copies ---------------------------------------------------------------------------------------------------------

constexpr int kMostElements = 64 * 64;
struct CopyTile {
  alignas(1024) Element x[kMostElements];
  Mbarrier full;
};

// One copy, and what then lies in shared memory.
template <typename Copy>
struct Copying {
  Copy copy;
  TensorMap map;
  int bytes;
  Element* out;
};
template <typename Copy>
std::vector<Element> copied(const emu::TensorMap& map, Copy copy) {
  std::vector<Element> out(static_cast<std::size_t>(map.bytes()) / sizeof(Element));
  launch(
      {.name = "copy", .grid = 1, .block = 64},
      +[](Copying<Copy> what) {
        CopyTile& tile = shared<CopyTile>();
        if (threadIdx.x == 0) {
          mbarrier_init(tile.full, 1);
          fence_async_proxy();
        }
        __syncthreads();
        if (threadIdx.x == 0) {
          mbarrier_arrive_expecting(tile.full, static_cast<unsigned>(what.bytes));
          what.copy(tile.x, what.map, tile.full);
        }
        mbarrier_wait(tile.full, 0);
        for (int i = static_cast<int>(threadIdx.x); i < what.bytes / 2; i += 64) what.out[i] = tile.x[i];
      },
      Copying<Copy>{copy, as_parameter(map), map.bytes(), out.data()});
  return out;
}

// Where the driver's documentation puts element `column` of line `line`: its chunk of 16 bytes changes places by the
// number of the 128 bytes that it lies in.
std::size_t place_of(int line, int column, int line_elements, int span) {
  const int byte = line * line_elements * 2 + column * 2;
  const int chunk = byte % 128 / 16, row = byte / 128;
  const int swapped = span == 128  ? chunk ^ row % 8
                      : span == 64 ? chunk ^ row % 4
                      : span == 32 ? chunk ^ row % 2
                                   : chunk;
  return static_cast<std::size_t>(row * 64 + swapped * 8 + byte % 16 / 2);
}

}  // namespace

TEST_CASE("a tiled copy lies in shared memory as its swizzle says, zeros outside the tensor") {
  struct Mode {
    emu::Swizzle swizzle;
    int span, columns;
  };
  const Numbers tensor({72, 3, 10});
  for (const Mode& mode : {Mode{emu::Swizzle::none, 0, 64}, Mode{emu::Swizzle::bytes_32, 32, 16},
                           Mode{emu::Swizzle::bytes_64, 64, 32}, Mode{emu::Swizzle::bytes_128, 128, 64}}) {
    CAPTURE(mode.span);
    const std::uint32_t box[] = {static_cast<std::uint32_t>(mode.columns), 2, 8}, step[] = {1, 1, 1};
    const emu::TensorMap map = emu::encode_tiled(tensor.layout(), box, step, mode.swizzle);
    const int x = 72 - mode.columns + 8, y = -1, z = 5;  // beyond the end, before the beginning, beyond the end
    const auto out =
        copied(map, [=](Element* to, const TensorMap& from, Mbarrier& full) { copy_box(to, from, full, x, y, z); });
    int wrong = 0;
    for (int line = 0; line < 16; ++line) {
      for (int column = 0; column < mode.columns; ++column) {
        const int at[] = {x + column, y + line % 2, z + line / 2};
        const bool inside = at[0] < 72 && at[1] >= 0 && at[2] < 10;
        const int expected = inside ? (at[2] * 3 + at[1]) * 72 + at[0] + 1 : 0;
        wrong += out[place_of(line, column, mode.columns, mode.span)] != static_cast<Element>(expected);
      }
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("an im2col copy brings the taps of patches as loops over them do") {
  struct Walk {
    int n, h, w, c, p, q, stride_h, stride_w, pad_top, pad_left;
  };
  for (const Walk& walk : {Walk{2, 5, 7, 64, 5, 7, 1, 1, 1, 1}, Walk{3, 9, 4, 64, 4, 2, 2, 2, 0, 0},
                           Walk{2, 9, 8, 64, 5, 3, 2, 3, 1, 0}, Walk{4, 3, 3, 72, 1, 1, 1, 1, 0, 0},
                           Walk{1, 6, 9, 64, 3, 4, 1, 2, -1, 2}, Walk{2, 4, 4, 64, 6, 7, 1, 1, 2, 3}}) {
    const Numbers images({static_cast<std::uint64_t>(walk.c), static_cast<std::uint64_t>(walk.w),
                          static_cast<std::uint64_t>(walk.h), static_cast<std::uint64_t>(walk.n)});
    const int lower[] = {-walk.pad_left, -walk.pad_top};
    const int upper[] = {(walk.q - 1) * walk.stride_w - walk.pad_left - (walk.w - 1),
                         (walk.p - 1) * walk.stride_h - walk.pad_top - (walk.h - 1)};
    const std::uint32_t step[] = {1, static_cast<std::uint32_t>(walk.stride_w),
                                  static_cast<std::uint32_t>(walk.stride_h), 1};
    constexpr int kPixels = 32;
    const emu::TensorMap map =
        emu::encode_im2col(images.layout(), lower, upper, 64, kPixels, step, emu::Swizzle::bytes_128);
    const int outputs = walk.n * walk.p * walk.q;
    for (const int first : {0, 1, outputs - 3}) {
      for (const int tap_row : {0, 2}) {
        for (const int tap_column : {0, 1}) {
          const int channel = walk.c - 64;
          const int n0 = first / walk.q / walk.p, p0 = first / walk.q % walk.p, q0 = first % walk.q;
          const int h0 = p0 * walk.stride_h - walk.pad_top, w0 = q0 * walk.stride_w - walk.pad_left;
          const auto out = copied(map, [=](Element* to, const TensorMap& from, Mbarrier& full) {
            copy_patches(to, from, full, channel, w0, h0, n0, tap_column, tap_row);
          });
          int wrong = 0;
          for (int i = 0; i < kPixels; ++i) {
            const int pixel = first + i, n = pixel / walk.q / walk.p;
            const int row = pixel / walk.q % walk.p * walk.stride_h - walk.pad_top + tap_row;
            const int column = pixel % walk.q * walk.stride_w - walk.pad_left + tap_column;
            const bool inside = n < walk.n && row >= 0 && row < walk.h && column >= 0 && column < walk.w;
            for (int c = 0; c < 64; ++c) {
              const int element = ((n * walk.h + row) * walk.w + column) * walk.c + channel + c;
              wrong += out[place_of(i, c, 64, 128)] != static_cast<Element>(inside ? element + 1 : 0);
            }
          }
          CAPTURE(walk.c);
          CAPTURE(first);
          CHECK(wrong == 0);
        }
      }
    }
  }
}

TEST_CASE("tensor maps refuse what the driver refuses") {
  const Numbers tensor({64, 4, 4, 4});
  const std::uint32_t ones[] = {1, 1, 1, 1}, box[] = {64, 1, 1, 1};
  const auto tiled = [&](auto change) {
    emu::TensorLayout layout = tensor.layout();
    std::vector<std::uint64_t> extent = tensor.extent, stride = tensor.stride;
    std::vector<std::uint32_t> sizes(box, box + 4), step(ones, ones + 4);
    change(layout, extent, stride, sizes, step);
    layout.extent = extent.data();
    layout.stride = stride.data();
    return test::error_message([&] { emu::encode_tiled(layout, sizes.data(), step.data(), emu::Swizzle::bytes_128); });
  };
  CHECK(tiled([](auto&...) {}) == "no error");
  CHECK(tiled([](auto& layout, auto&...) {
          layout.address = static_cast<const Element*>(layout.address) + 1;
        }).find("address is a multiple of 16") != std::string::npos);
  CHECK(tiled([](auto&, auto& extent, auto&...) { extent[2] = 0; }).find("dimension 2 has 1 to") != std::string::npos);
  CHECK(tiled([](auto&, auto&, auto& stride, auto&...) { stride[1] += 8; }).find("stride of dimension 2") !=
        std::string::npos);
  CHECK(tiled([](auto&, auto&, auto&, auto& sizes, auto&) { sizes[0] = 72; }).find("longer than the 128") !=
        std::string::npos);
  CHECK(tiled([](auto&, auto&, auto&, auto& sizes, auto&) { sizes[3] = 257; }).find("a box has 1 to 256") !=
        std::string::npos);
  CHECK(tiled([](auto&, auto&, auto&, auto&, auto& step) { step[1] = 9; }).find("is 1 to 8; got 9") !=
        std::string::npos);
  const auto im2col = [&](int lower, int upper, std::uint32_t channels, std::uint32_t pixels) {
    const int lowers[] = {lower, 0}, uppers[] = {upper, 0};
    return test::error_message(
        [&] { emu::encode_im2col(tensor.layout(), lowers, uppers, channels, pixels, ones, emu::Swizzle::bytes_128); });
  };
  CHECK(im2col(-128, 127, 64, 1024) == "no error");
  CHECK(im2col(-129, 0, 64, 1).find("within -128 to 127; got -129") != std::string::npos);
  CHECK(im2col(0, 128, 64, 1).find("got 128") != std::string::npos);
  CHECK(im2col(3, -1, 64, 1).find("leave no pixel") != std::string::npos);
  CHECK(im2col(0, 0, 64, 1025).find("1 to 1024 pixels") != std::string::npos);
}

// --- mbarriers ------------------------------------------------------------------------------------------------------

TEST_CASE("mbarriers hand numbers from thread to thread, phase after phase, in every order") {
  for (const emu::Order order : kOrders) {
    const InOrder in(order);
    std::vector<int> received;
    launch(
        {.name = "handing", .grid = 1, .block = 64},
        +[](std::vector<int>* out) {
          struct Box {
            int number;
            Mbarrier full, empty;
          };
          Box& box = shared<Box>();
          if (threadIdx.x == 0) {
            mbarrier_init(box.full, 1);
            mbarrier_init(box.empty, 1);
          }
          __syncthreads();
          for (unsigned i = 0; i < 5; ++i) {
            if (threadIdx.x == 0) {
              mbarrier_wait(box.empty, i % 2 ^ 1);  // the phase before the first one is over
              box.number = static_cast<int>(100 + i);
              mbarrier_arrive(box.full);
            } else if (threadIdx.x == 40) {
              mbarrier_wait(box.full, i % 2);
              out->push_back(box.number);
              mbarrier_arrive(box.empty);
            }
          }
        },
        &received);
    CHECK(received == std::vector<int>{100, 101, 102, 103, 104});
  }
}

// --- wgmma ----------------------------------------------------------------------------------------------------------

namespace {

// D (64 x Columns) = C + A (64 x 64) * B (64 x Columns), with operands laid out by hand in lines of 128 bytes.
template <int Columns>
struct Matrices {
  float a[64][64], b[64][Columns], c[64][Columns], d[64][Columns];
  bool depth_lines;  // of b: along the depth

  Matrices(unsigned seed, bool along_depth) : depth_lines(along_depth) {
    std::mt19937 random(seed);
    test::fill_small_integers(a, random);
    test::fill_small_integers(b, random);
    test::fill_small_integers(c, random);
  }
  int wrong() const {
    int count = 0;
    for (int r = 0; r < 64; ++r) {
      for (int n = 0; n < Columns; ++n) {
        float sum = c[r][n];
        for (int k = 0; k < 64; ++k) sum += a[r][k] * b[k][n];
        count += d[r][n] != sum;
      }
    }
    return count;
  }
};

template <int Columns>
struct ProductTiles {
  alignas(1024) Element a[64 * 64];
  alignas(1024) Element b[64 * Columns];
};

template <int Columns, typename Multiply>
void multiply(Matrices<Columns>& m, Multiply multiply_depth) {
  auto& tiles = shared<ProductTiles<Columns>>();
  const int thread = static_cast<int>(threadIdx.x);
  for (int i = thread; i < 64 * 64; i += 128) tiles.a[place_of(i / 64, i % 64, 64, 128)] = bf16_of(m.a[i / 64][i % 64]);
  for (int i = thread; i < 64 * Columns; i += 128) {
    const int k = i % 64, n = i / 64;
    // Along the depth: line n. Along the columns: 64 of them to a line, line k, and 64 lines before the next 64.
    const std::size_t at = m.depth_lines ? place_of(n, k, 64, 128) : place_of(n / 64 * 64 + k, n % 64, 64, 128);
    tiles.b[at] = bf16_of(m.b[k][n]);
  }
  fence_async_proxy();
  __syncthreads();
  float sums[Columns / 2];
  for (int i = 0; i < Columns / 2; ++i) {
    // PTX ISA, "Register fragments for wgmma.mma_async.m64nNk16", matrix D.
    sums[i] = m.c[thread / 32 * 16 + thread % 32 / 4 + (i & 2) * 4][i / 4 * 8 + thread % 4 * 2 + (i & 1)];
  }
  wgmma_fence();
  for (unsigned k = 0; k < 64; k += 16) multiply_depth(sums, shared_address(tiles.a), shared_address(tiles.b), k);
  wgmma_commit();
  wgmma_wait_for(sums);
  for (int i = 0; i < Columns / 2; ++i) {
    m.d[thread / 32 * 16 + thread % 32 / 4 + (i & 2) * 4][i / 4 * 8 + thread % 4 * 2 + (i & 1)] = sums[i];
  }
}

template <int Columns>
void product_kernel(Matrices<Columns>* m) {
  multiply(*m, [&](auto& sums, unsigned a, unsigned b, unsigned k) {
    if (m->depth_lines) {
      wgmma<true>(sums, descriptor(a + 2 * k, 16, 1024, 1), descriptor(b + 2 * k, 16, 1024, 1));
    } else {
      wgmma<false>(sums, descriptor(a + 2 * k, 16, 1024, 1), descriptor(b + 128 * k, 8192, 1024, 1));
    }
  });
}

}  // namespace

TEST_CASE("wgmma multiplies small integers exactly, from either layout of B") {
  for (const emu::Order order : kOrders) {
    const InOrder in(order);
    for (const bool along_depth : {true, false}) {
      Matrices<64> narrow(1, along_depth);
      launch({.name = "narrow", .grid = 1, .block = 128}, product_kernel<64>, &narrow);
      CHECK(narrow.wrong() == 0);
      Matrices<128> wide(2, along_depth);
      launch({.name = "wide", .grid = 1, .block = 128}, product_kernel<128>, &wide);
      CHECK(wide.wrong() == 0);
    }
  }
}

TEST_CASE("a descriptor of another swizzle or stride gives other sums") {
  Matrices<64> swizzle(3, true), stride(4, true);
  launch(
      {.name = "swizzle", .grid = 1, .block = 128},
      +[](Matrices<64>* m) {
        multiply(*m, [](auto& sums, unsigned a, unsigned b, unsigned k) {
          wgmma<true>(sums, descriptor(a + 2 * k, 16, 1024, 1), descriptor(b + 2 * k, 16, 1024, 2));
        });
      },
      &swizzle);
  CHECK(swizzle.wrong() > 1000);
  launch(
      {.name = "stride", .grid = 1, .block = 128},
      +[](Matrices<64>* m) {
        multiply(*m, [](auto& sums, unsigned a, unsigned b, unsigned k) {
          wgmma<true>(sums, descriptor(a + 2 * k, 16, 512, 1), descriptor(b + 2 * k, 16, 1024, 1));
        });
      },
      &stride);
  CHECK(stride.wrong() > 1000);
}

TEST_CASE("sums are NaN until their wait, and a block may not end before its copies") {
  std::vector<float> early(128);
  launch(
      {.name = "early", .grid = 1, .block = 128},
      +[](float* out) {
        auto& tiles = shared<ProductTiles<64>>();
        for (int i = static_cast<int>(threadIdx.x); i < 64 * 64; i += 128) tiles.a[i] = tiles.b[i] = 0;
        fence_async_proxy();
        __syncthreads();
        float sums[32] = {};
        wgmma_fence();
        wgmma<true>(sums, descriptor(shared_address(tiles.a), 16, 1024, 1),
                    descriptor(shared_address(tiles.b), 16, 1024, 1));
        wgmma_commit();
        out[threadIdx.x] = sums[0];
        wgmma_wait_for(sums);
      },
      early.data());
  for (const float sum : early) CHECK(std::isnan(sum));

  const Numbers tensor({64, 1, 64});
  const std::uint32_t box[] = {64, 1, 64}, step[] = {1, 1, 1};
  const TensorMap map = as_parameter(emu::encode_tiled(tensor.layout(), box, step, emu::Swizzle::bytes_128));
  const std::string left = test::error_message([&] {
    launch(
        {.name = "left", .grid = 1, .block = 32},
        +[](TensorMap from) {
          CopyTile& tile = shared<CopyTile>();
          if (threadIdx.x != 0) return;
          mbarrier_init(tile.full, 1);
          fence_async_proxy();
          mbarrier_arrive_expecting(tile.full, 8192);
          copy_box(tile.x, from, tile.full, 0, 0, 0);
        },
        map);
  });
  CHECK(left.find("the block ends while a bulk copy of hopper.cpp:") != std::string::npos);
}

}  // namespace curie::emulated
