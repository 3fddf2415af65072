// What a GPU is measured on: the primitives of every layer of every recipe, at the recipe's batch. VGG16 and ResNet18
// are among the recipes' networks.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <type_traits>
#include <vector>

#include "ops/backend_bf16.h"

namespace curie::bench {

// Arrays of one call in a backend's memory; the same numbers on every backend.
class Arrays {
 public:
  explicit Arrays(Backend& backend) : backend_(&backend) {}

  Backend& backend() const { return *backend_; }
  // The primitives on arrays of T, float or Bf16.
  template <typename T>
  auto& on() const {
    if constexpr (std::is_same_v<T, Bf16>) {
      return *backend_->bf16();
    } else {
      return *backend_;
    }
  }
  // What bfloat16 training keeps in T = Bf16, and everything else in T = float. Integers from -2 to 2: sums of their
  // products are exact in any order, and in TF32.
  template <typename T>
  T* integers(std::size_t count) {
    return place_as<T>(integer_values(count));
  }
  template <typename T>
  T* filled(std::size_t count, float value) {
    return place_as<T>(std::vector<float>(count, value));
  }
  template <typename T>
  T* output(std::size_t count);  // NaN before the call
  // What is float32 always.
  float* integers(std::size_t count) { return integers<float>(count); }
  float* filled(std::size_t count, float value) { return filled<float>(count, value); }
  float* output(std::size_t count);
  std::uint8_t* byte_output(std::size_t count);
  Scratch scratch(std::size_t bytes);
  const StepState* state();
  struct Result {
    std::vector<float> values;
    bool stored;  // in bfloat16, where training is
  };
  // Of every output, in order. Those of bytes are not looked at: the arg-max among equals is checked by its gradient.
  std::vector<Result> results() const;

 private:
  std::byte* place(const void* from, std::size_t bytes);
  template <typename T>
  T* place_as(const std::vector<float>& values);
  std::vector<float> integer_values(std::size_t count);

  struct Output {
    const std::byte* data;
    std::size_t count;
    bool stored, bf16;
  };
  Backend* backend_;
  std::vector<Buffer> buffers_;
  std::vector<Output> outputs_;
  std::uint32_t stream_ = 0;
};

struct Case {
  std::string primitive = {};  // "conv2d_forward"
  std::string shape = {};      // "8x237x237x64 -> 64, 3x3": unique among a primitive's
  std::string recipes = {};    // where it comes from, joined by commas
  double flops = 0.0;          // arithmetic of the definition
  double bytes = 0.0;          // the fewest that must move
  double bf16_bytes = 0.0;     // with bfloat16
  double tolerance = 0.0;      // of results, relative to 1 + |expected|; 0: the CPU's bits (on bfloat16, rounded)
  bool in_libraries = true;    // whether CudnnBackend does it otherwise than Curie
  bool in_winograd = false;    // whether Math::winograd may do it otherwise than Math::exact
  // Places the arrays and returns the call: on float32, and on bfloat16 where the backend has it.
  std::function<std::function<void()>(Arrays&)> prepare = {}, prepare_bf16 = {};
};

// shrunk: one image of at most 9 x 9 and 8 channels, for a machine that is not to be measured.
std::vector<Case> recipe_cases(bool shrunk);

}  // namespace curie::bench
