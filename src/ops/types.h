// Small types shared by the operations.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace curie {

enum class Activation : std::uint8_t { none, relu, sigmoid, tanh, softmax, log_softmax };
std::string_view name_of(Activation activation);  // Keras' names: "linear", "relu", "sigmoid", ...

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
