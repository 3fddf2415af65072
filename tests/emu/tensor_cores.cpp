// mma, ldmatrix and the TF32 rounding against plain loops. The maps of lanes to elements are checked against PTX ISA's
// tables, "Matrix fragments for mma.m16n8k8 / mma.m16n8k16".
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <set>
#include <utility>

#include "cuda/launch.cuh"
#include "cuda/mma.cuh"
#include "small_integers.h"
#include "support/throws.h"

namespace curie::emulated {
namespace {

unsigned bits_of(float value) {
  unsigned bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}
float float_of(unsigned bits) {
  float value = 0;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
unsigned bf16_of(float value) { return bits_of(value) >> 16; }  // exact for small integers

template <int Depth>
struct Product {
  float a[16][Depth], b[Depth][8], c[16][8], d[16][8];

  explicit Product(unsigned seed) {
    std::mt19937 random(seed);
    test::fill_small_integers(a, random);
    test::fill_small_integers(b, random);
    test::fill_small_integers(c, random);
  }
  float expected(int row, int column) const {
    float sum = c[row][column];
    for (int k = 0; k < Depth; ++k) sum += a[row][k] * b[k][column];
    return sum;
  }
};

template <int Depth, typename Multiply>
void multiply(Product<Depth>& p, Multiply multiply_warp) {
  const int lane = static_cast<int>(threadIdx.x);
  FragmentD d;
  for (int i = 0; i < 4; ++i) d.x[i] = p.c[element_of_d(lane, i).row][element_of_d(lane, i).column];
  multiply_warp(d, lane);
  for (int i = 0; i < 4; ++i) p.d[element_of_d(lane, i).row][element_of_d(lane, i).column] = d.x[i];
}

template <int Depth>
int count_wrong(const Product<Depth>& p) {
  int wrong = 0;
  for (int r = 0; r < 16; ++r) {
    for (int c = 0; c < 8; ++c) wrong += p.d[r][c] != p.expected(r, c);
  }
  return wrong;
}

void tf32_kernel(Product<8>* product) {
  multiply(*product, [&](FragmentD& d, int lane) {
    FragmentA a;
    FragmentB b;
    for (int i = 0; i < 4; ++i) a.x[i] = to_tf32(product->a[element_of_a(lane, i).row][element_of_a(lane, i).column]);
    for (int i = 0; i < 2; ++i) b.x[i] = to_tf32(product->b[element_of_b(lane, i).row][element_of_b(lane, i).column]);
    mma_tf32(d, a, b);
  });
}

void bf16_kernel(Product<16>* product) {
  multiply(*product, [&](FragmentD& d, int lane) {
    FragmentA a;
    FragmentB b;
    for (int i = 0; i < 4; ++i) {
      const Element at = pair_of_a(lane, i);
      a.x[i] = bf16_of(product->a[at.row][at.column]) | bf16_of(product->a[at.row][at.column + 1]) << 16;
    }
    for (int i = 0; i < 2; ++i) {
      const Element at = pair_of_b(lane, i);
      b.x[i] = bf16_of(product->b[at.row][at.column]) | bf16_of(product->b[at.row + 1][at.column]) << 16;
    }
    mma_bf16(d, a, b);
  });
}

}  // namespace

TEST_CASE("mma multiplies small integers exactly") {
  for (unsigned seed = 1; seed <= 4; ++seed) {
    Product<8> tf32(seed);
    launch({.name = "tf32", .grid = 1, .block = 32}, tf32_kernel, &tf32);
    CHECK(count_wrong(tf32) == 0);
    Product<16> bf16(seed);
    launch({.name = "bf16", .grid = 1, .block = 32}, bf16_kernel, &bf16);
    CHECK(count_wrong(bf16) == 0);
  }
}

TEST_CASE("the maps place every element once, where the PTX ISA does") {
  std::set<std::pair<int, int>> a, b, d, pa, pb;
  for (int lane = 0; lane < 32; ++lane) {
    for (int i = 0; i < 4; ++i) {
      a.insert({element_of_a(lane, i).row, element_of_a(lane, i).column});
      d.insert({element_of_d(lane, i).row, element_of_d(lane, i).column});
      pa.insert({pair_of_a(lane, i).row, pair_of_a(lane, i).column});
    }
    for (int i = 0; i < 2; ++i) {
      b.insert({element_of_b(lane, i).row, element_of_b(lane, i).column});
      pb.insert({pair_of_b(lane, i).row, pair_of_b(lane, i).column});
    }
  }
  CHECK(a.size() == 128);
  CHECK(b.size() == 64);
  CHECK(d.size() == 128);
  CHECK(pa.size() == 128);
  CHECK(pb.size() == 64);
  // PTX ISA: groupID = lane >> 2, threadID_in_group = lane % 4.
  CHECK(element_of_a(5, 1).row == 1 + 8);
  CHECK(element_of_a(5, 1).column == 1);
  CHECK(element_of_a(5, 2).row == 1);
  CHECK(element_of_a(5, 2).column == 1 + 4);
  CHECK(element_of_b(5, 1).row == 1 + 4);
  CHECK(element_of_b(5, 1).column == 1);
  CHECK(element_of_d(5, 3).row == 1 + 8);
  CHECK(element_of_d(5, 3).column == 2 * 1 + 1);
  CHECK(pair_of_a(5, 2).row == 1);
  CHECK(pair_of_a(5, 2).column == 2 * 1 + 8);
  CHECK(pair_of_b(5, 1).row == 2 * 1 + 8);
  CHECK(pair_of_b(5, 1).column == 1);
}

TEST_CASE("to_tf32 rounds to ten bits, ties away from zero") {
  CHECK(float_of(to_tf32(1.0f)) == 1.0f);
  CHECK(float_of(to_tf32(1.0f + 0x1p-11f)) == 1.0f + 0x1p-10f);
  CHECK(float_of(to_tf32(-1.0f - 0x1p-11f)) == -1.0f - 0x1p-10f);
  CHECK(float_of(to_tf32(1.0f + 0x1p-11f - 0x1p-23f)) == 1.0f);
  CHECK(float_of(to_tf32(1.0f + 3 * 0x1p-11f)) == 1.0f + 2 * 0x1p-10f);
  CHECK(std::isinf(float_of(to_tf32(INFINITY))));
  CHECK(std::isnan(float_of(to_tf32(NAN))));
  CHECK(std::isinf(float_of(to_tf32(3.4028235e38f))));
}

TEST_CASE("mma uses ten bits of the mantissa") {
  Product<8> p(1);
  for (auto& row : p.a) {
    for (float& x : row) x = 0.0f;
  }
  p.a[0][0] = 1.0f + 0x1p-12f;  // rounds to 1
  p.b[0][0] = 3.0f;
  launch({.name = "tf32", .grid = 1, .block = 32}, tf32_kernel, &p);
  CHECK(p.d[0][0] == p.c[0][0] + 3.0f);
}

TEST_CASE("ldmatrix deals rows of eight 16-bit elements to lanes; transposing, two neighbouring rows of one column") {
  struct alignas(16) Rows {
    std::uint16_t x[32][8];
  };
  for (const bool transposed : {false, true}) {
    CAPTURE(transposed);
    int wrong = 0;
    launch(
        {.name = "ldmatrix", .grid = 1, .block = 32},
        +[](bool across, int* bad) {
          const int lane = static_cast<int>(threadIdx.x);
          Rows& rows = shared<Rows>();
          for (int i = 0; i < 8; ++i) rows.x[lane][i] = static_cast<std::uint16_t>(100 * lane + i);
          __syncthreads();
          unsigned r[4];
          across ? load_matrices_transposed(r, rows.x[lane]) : load_matrices(r, rows.x[lane]);
          const int row = across ? 2 * (lane % 4) : lane / 4, column = across ? lane / 4 : 2 * (lane % 4);
          const unsigned next = across ? 100 : 1;  // from the lower half's element to the upper one's
          for (int m = 0; m < 4; ++m) {
            const unsigned first = static_cast<unsigned>(100 * (8 * m + row) + column);
            *bad += r[m] != (first | (first + next) << 16);
          }
        },
        transposed, &wrong);
    CHECK(wrong == 0);
  }
}

TEST_CASE("a warp of fewer than 32 threads, and a row that is not aligned, are errors") {
  const std::string few = test::error_message([] {
    launch(
        {.name = "few", .grid = 1, .block = 48}, +[] {
          FragmentD d{};
          mma_tf32(d, {}, {});
        });
  });
  CHECK(few.find("is at mma with a warp of fewer than 32 threads") != std::string::npos);
  struct alignas(16) Rows {
    float x[40][4];
  };
  const std::string odd = test::error_message([] {
    launch(
        {.name = "odd", .grid = 1, .block = 32}, +[] {
          unsigned r[4];
          load_matrices(r, &shared<Rows>().x[threadIdx.x][threadIdx.x == 9]);
        });
  });
  CHECK(odd.find("the row address of lane 9 is no multiple of 16") != std::string::npos);
}

}  // namespace curie::emulated
