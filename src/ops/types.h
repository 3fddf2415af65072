// Small types shared by the operations.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace curie {

enum class Activation : std::uint8_t { none, relu, sigmoid, tanh, softmax, log_softmax };
std::string_view name_of(Activation activation);  // Keras' names: "linear", "relu", "sigmoid", ...

// The arithmetic of convolutions and dense layers. exact: float32 products and sums. winograd: the same, but
// convolutions of 3x3 by Winograd's method where that is less work, with some times the rounding. tf32: tensor cores,
// operands rounded to 10 bits of mantissa, float32 sums; bf16: activations, their gradients and the kernels of products
// are kept in bfloat16 (7 bits), tensor cores multiply them, and all else (sums, statistics, losses, master weights) is
// float32. For devices that have them, and never chosen silently.
enum class Math : std::uint8_t { exact, winograd, tf32, bf16 };
std::string_view name_of(Math math);     // "exact", "winograd", "tf32", "bf16"
Math math_named(std::string_view name);  // throws Error(usage) for another name
// Whether factors are rounded for tensor cores.
constexpr bool rounds_factors(Math math) { return math == Math::tf32 || math == Math::bf16; }

// Working memory that an operation may overwrite; its size comes from the backend's scratch_bytes.
struct Scratch {
  std::byte* data = nullptr;
  std::size_t bytes = 0;
};

// Sums over the samples seen since they were last cleared; one such block lives in device memory.
struct MetricTotals {
  double loss = 0.0;     // sum over samples of weight * loss
  double samples = 0.0;  // number of samples
  double correct = 0.0;  // number of samples predicted correctly
};

}  // namespace curie
