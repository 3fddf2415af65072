// What a GPU is measured on: the primitives of every layer of every recipe, at the recipe's batch. VGG16 and ResNet18
// are among the recipes' networks.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "ops/backend.h"

namespace curie::bench {

// Arrays of one call in a backend's memory; the same numbers on every backend.
class Arrays {
 public:
  explicit Arrays(Backend& backend) : backend_(&backend) {}

  Backend& backend() const { return *backend_; }
  // From -2 to 2: sums of their products are exact in any order, and in TF32.
  float* integers(std::size_t count);
  float* filled(std::size_t count, float value);
  float* output(std::size_t count);  // NaN before the call
  std::uint8_t* byte_output(std::size_t count);
  Scratch scratch(std::size_t bytes);
  const StepState* state();
  // Of every output, in order. Those of bytes are not looked at: the arg-max among equals is checked by its gradient.
  std::vector<std::vector<float>> results() const;

 private:
  std::byte* place(const void* from, std::size_t bytes);

  struct Output {
    const std::byte* data;
    std::size_t count;
  };
  Backend* backend_;
  std::vector<Buffer> buffers_;
  std::vector<Output> outputs_;
  std::uint32_t stream_ = 0;
};

struct Case {
  std::string primitive;     // "conv2d_forward"
  std::string shape;         // "8x237x237x64 -> 64, 3x3": unique among a primitive's
  std::string recipes;       // where it comes from, joined by commas
  double flops = 0.0;        // arithmetic of the definition
  double bytes = 0.0;        // the fewest that must move
  double tolerance = 0.0;    // of results, relative to 1 + |expected|; 0: the CPU's bits
  bool in_libraries = true;  // whether CudnnBackend does it otherwise than Curie
  // Places the arrays and returns the call.
  std::function<std::function<void()>(Arrays&)> prepare;
};

// shrunk: one image of at most 9 x 9 and 8 channels, for a machine that is not to be measured.
std::vector<Case> recipe_cases(bool shrunk);

}  // namespace curie::bench
