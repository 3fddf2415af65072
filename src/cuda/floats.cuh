// Neighbouring elements that one thread works on, as floats, and maps over flat arrays made of them. T, wherever it
// stands, is what memory holds: float or Bf16.
#pragma once

#include "cuda/launch.cuh"
#include "cuda/vec.cuh"

namespace curie::CURIE_GPU {

template <int Width>
struct Floats {
  float of[Width];
};

// Four at a time is one access, whose address must be a multiple of four elements.
template <int Width, typename T>
__device__ __forceinline__ Floats<Width> load(const T* address) {
  static_assert(Width == 1 || Width == 4);
  if constexpr (Width == 4) {
    const float4 values = load4(address);
    return {{values.x, values.y, values.z, values.w}};
  } else {
    return {{value_of(*address)}};
  }
}

template <int Width, typename T>
__device__ __forceinline__ void store(T* address, const Floats<Width>& values) {
  if constexpr (Width == 4) {
    store4(address, make_float4(values.of[0], values.of[1], values.of[2], values.of[3]));
  } else {
    *address = rounded<T>(values.of[0]);
  }
}

// Whether four elements can be read or written at once at each of these addresses, and at those a multiple of four
// elements behind them. A null pointer is no obstacle.
template <typename... T>
bool wide_enough(const T*... addresses) {
  return ((reinterpret_cast<std::uintptr_t>(addresses) % (4 * sizeof(T)) == 0) && ...);
}

// --- maps -----------------------------------------------------------------------------------------------------------

constexpr int kMapBlock = 256;
constexpr std::size_t kQuad = 4;

// A thread's part of a flat array: four elements, fewer at the end. `wide` says that all addresses allow load4; the
// other case is right for any address and costs four times the requests.
struct Quad {
  __device__ __forceinline__ Quad(std::size_t count, bool aligned)
      : first((std::size_t{blockIdx.x} * kMapBlock + threadIdx.x) * kQuad),
        some(first >= count          ? 0
             : count - first < kQuad ? static_cast<int>(count - first)
                                     : static_cast<int>(kQuad)),
        wide(aligned && some == static_cast<int>(kQuad)) {}

  template <typename T>
  __device__ __forceinline__ Floats<4> load(const T* x) const {
    if (wide) return CURIE_GPU::load<4>(x + first);
    Floats<4> values;
    CURIE_UNROLL
    for (int i = 0; i < 4; ++i) values.of[i] = i < some ? value_of(x[first + i]) : 0.0f;
    return values;
  }

  template <typename T>
  __device__ __forceinline__ void store(T* y, const Floats<4>& values) const {
    if (wide) {
      CURIE_GPU::store<4>(y + first, values);
      return;
    }
    CURIE_UNROLL
    for (int i = 0; i < 4; ++i) {
      if (i < some) y[first + i] = rounded<T>(values.of[i]);
    }
  }

  std::size_t first;
  int some;
  bool wide;
};

constexpr unsigned quad_blocks(std::size_t count) { return blocks_for(count, kMapBlock * kQuad); }

template <typename Op, typename... Inputs>
__device__ __forceinline__ Floats<4> apply(const Op& op, const Inputs&... x) {
  Floats<4> result;
  CURIE_UNROLL
  for (int i = 0; i < 4; ++i) result.of[i] = op(x.of[i]...);
  return result;
}

// y may be one of the inputs: a thread reads its elements before it writes them.
template <typename Op, typename Output, typename... Inputs>
__global__ void __launch_bounds__(kMapBlock)
    map_kernel(std::size_t count, bool wide, Op op, Output* y, const Inputs*... x) {
  const Quad quad(count, wide);
  if (quad.some > 0) quad.store(y, apply(op, quad.load(x)...));
}

// y[i] = op(x[i]...) for i < count.
template <typename Op, typename Output, typename... Inputs>
void map(Stream stream, const char* name, std::size_t count, const Op& op, Output* y, const Inputs*... x) {
  if (count == 0) return;
  launch({.name = name, .grid = quad_blocks(count), .block = kMapBlock, .stream = stream},
         map_kernel<Op, Output, Inputs...>, count, wide_enough(y, x...), op, y, x...);
}

}  // namespace curie::CURIE_GPU
