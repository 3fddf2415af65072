// What the tensor-core words of mma.cuh mean, on the host.
#include <cstring>

#include "cuda/mma.cuh"

namespace curie::CURIE_GPU {
namespace {

constexpr unsigned kAllLanes = 0xffffffffu;

void require_whole_warp(unsigned lanes, const char* word) {
  if (lanes == kAllLanes) return;
  std::string what = std::string("is at ") + word + " with a warp of fewer than 32 threads";
  emu::fail(std::move(what));
}

float low_half(unsigned bits) { return __uint_as_float(bits << 16); }
float high_half(unsigned bits) { return __uint_as_float(bits & 0xffff0000u); }
float tf32(unsigned bits) { return __uint_as_float(bits & 0xffffe000u); }

template <int Depth>
void multiply(void** slots, const float (&a)[16][Depth], const float (&b)[Depth][8]) {
  for (int lane = 0; lane < kWarpSize; ++lane) {
    float* d = static_cast<MmaSlot*>(slots[lane])->d->x;
    for (int i = 0; i < 4; ++i) {
      const Element at = element_of_d(lane, i);
      float sum = 0.0f;
      for (int k = 0; k < Depth; ++k) sum += a[at.row][k] * b[k][at.column];
      d[i] += sum;
    }
  }
}

}  // namespace

void emulate_mma_tf32(void** slots, unsigned lanes) {
  require_whole_warp(lanes, "mma");
  float a[16][8], b[8][8];
  for (int lane = 0; lane < kWarpSize; ++lane) {
    const auto* slot = static_cast<const MmaSlot*>(slots[lane]);
    for (int i = 0; i < 4; ++i) {
      const Element at = element_of_a(lane, i);
      a[at.row][at.column] = tf32(slot->a->x[i]);
    }
    for (int i = 0; i < 2; ++i) {
      const Element at = element_of_b(lane, i);
      b[at.row][at.column] = tf32(slot->b->x[i]);
    }
  }
  multiply(slots, a, b);
}

void emulate_mma_bf16(void** slots, unsigned lanes) {
  require_whole_warp(lanes, "mma");
  float a[16][16], b[16][8];
  for (int lane = 0; lane < kWarpSize; ++lane) {
    const auto* slot = static_cast<const MmaSlot*>(slots[lane]);
    for (int i = 0; i < 4; ++i) {
      const Element at = pair_of_a(lane, i);
      a[at.row][at.column] = low_half(slot->a->x[i]);
      a[at.row][at.column + 1] = high_half(slot->a->x[i]);
    }
    for (int i = 0; i < 2; ++i) {
      const Element at = pair_of_b(lane, i);
      b[at.row][at.column] = low_half(slot->b->x[i]);
      b[at.row + 1][at.column] = high_half(slot->b->x[i]);
    }
  }
  multiply(slots, a, b);
}

namespace {

using Matrices = std::uint16_t[4][8][8];

// What the 32 lanes' addresses point at: lane l has row l % 8 of matrix l / 8.
void read_matrices(void** slots, unsigned lanes, Matrices& matrices) {
  require_whole_warp(lanes, "ldmatrix");
  for (int lane = 0; lane < kWarpSize; ++lane) {
    const std::byte* row = static_cast<const MatricesSlot*>(slots[lane])->row;
    if (reinterpret_cast<std::uintptr_t>(row) % 16 != 0) {
      std::string what = "is at ldmatrix: the row address of lane " + std::to_string(lane) + " is no multiple of 16";
      emu::fail(std::move(what));
    }
    std::memcpy(matrices[lane / 8][lane % 8], row, 16);
  }
}

}  // namespace

void emulate_load_matrices(void** slots, unsigned lanes) {
  Matrices matrices;
  read_matrices(slots, lanes, matrices);
  for (int lane = 0; lane < kWarpSize; ++lane) {
    unsigned* out = static_cast<const MatricesSlot*>(slots[lane])->out;
    for (int m = 0; m < 4; ++m) std::memcpy(&out[m], &matrices[m][lane / 4][2 * (lane % 4)], 4);
  }
}

void emulate_load_matrices_transposed(void** slots, unsigned lanes) {
  Matrices matrices;
  read_matrices(slots, lanes, matrices);
  for (int lane = 0; lane < kWarpSize; ++lane) {
    unsigned* out = static_cast<const MatricesSlot*>(slots[lane])->out;
    for (int m = 0; m < 4; ++m) {
      const unsigned low = matrices[m][2 * (lane % 4)][lane / 4], high = matrices[m][2 * (lane % 4) + 1][lane / 4];
      out[m] = low | high << 16;
    }
  }
}

}  // namespace curie::CURIE_GPU
