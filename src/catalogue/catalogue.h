// Every primitive of ops/backend.h with operands to run it on: what `curie emulate` shows, what the mutation test
// breaks and what a student's first experiment starts from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <type_traits>
#include <vector>

#include "ops/backend_bf16.h"

namespace curie {

struct Extent {
  std::string name;  // "n", "h", "channels"
  int value = 0;
};

// The operands of one call in a backend's memory. Inputs are the same for every backend.
class Operands {
 public:
  // `named` is told each array's address and name, for tools that report by name. `rounds`: the arrays that bfloat16
  // training keeps in bfloat16 hold such values, in float32 too, and results are rounded to them: a reference for
  // kernels on bfloat16.
  using Named = std::function<void(const std::byte* data, const std::string& name)>;
  Operands(Backend& backend, const std::vector<Extent>& extents, Named named = {}, bool rounds = false);

  Backend& backend() { return backend_; }
  // The primitives on arrays of T, float or Bf16.
  template <typename T>
  auto& on() {
    if constexpr (std::is_same_v<T, Bf16>) {
      return *backend_.bf16();
    } else {
      return backend_;
    }
  }
  bool rounds() const { return rounds_; }
  int operator[](const std::string& extent) const;

  // What bfloat16 training keeps in T = Bf16, and everything else in T = float: activations, their gradients and the
  // weights of products. As the methods of float32 below.
  template <typename T>
  T* integers(const std::string& name, std::size_t count);
  template <typename T>
  T* uniform(const std::string& name, std::size_t count, float low = -1.0f, float high = 1.0f);
  template <typename T>
  T* output(const std::string& name, std::size_t count);
  // Under a second name, the result that stands at `data`.
  void also_output(const std::string& name, const float* data, std::size_t count);

  // Integers from -2 to 2: their sums of products are exact in any order, so results can be compared bit for bit.
  float* integers(const std::string& name, std::size_t count);
  // Uniform between low and high.
  float* uniform(const std::string& name, std::size_t count, float low = -1.0f, float high = 1.0f);
  float* integers_in_and_out(const std::string& name, std::size_t count);
  std::int32_t* given(const std::string& name, const std::vector<std::int32_t>& values);
  std::int32_t* indices(const std::string& name, std::size_t count, int below);
  std::uint8_t* bytes(const std::string& name, std::size_t count, int below = 256);
  // Turns and stretches about the centre, some beyond, with shifts from -64 to 64 and a brightness from .5 to 1.5.
  ImageWarp* warps(const std::string& name, const WarpShape& shape);
  float* output(const std::string& name, std::size_t count);  // NaN before the call
  std::uint8_t* byte_output(const std::string& name, std::size_t count);
  float* in_and_out(const std::string& name, std::size_t count, float low, float high);
  Scratch scratch(std::size_t bytes);
  StepState* state(const StepState& value);
  MetricTotals* totals();

  struct Result {
    std::string name;
    std::vector<double> values;
  };
  std::vector<Result> results();  // of every output, in the order of their declaration

 private:
  enum class Kind { f32, f32_rounded, bf16, u8, totals };
  struct Output {
    std::string name;
    Kind kind;
    const std::byte* data;
    std::size_t count;
  };
  std::byte* place(const std::string& name, const void* bytes, std::size_t size);
  template <typename T>
  T* place_as(const std::string& name, const std::vector<float>& values);

  Backend& backend_;
  std::map<std::string, int> extents_;
  Named named_;
  bool rounds_;
  std::vector<Buffer> buffers_;
  std::vector<Output> outputs_;
  std::uint32_t stream_ = 0;
};

struct CatalogueEntry {
  std::string name;         // of the Backend method, with a suffix where it has kinds: "activation_forward_tanh"
  std::string description;  // one line
  std::vector<Extent> extents;
  bool exact = false;  // the results of all backends are equal bit for bit
  std::function<void(Operands&)> run;
  // The same on bfloat16, on a backend that has it; empty for what stays float32 (docs/precision.md).
  std::function<void(Operands&)> run_bf16 = {};
  // Further shapes, as with_shape takes them, that lead through the other kernels and all of their loops: partial
  // tiles, channels that do not come in fours, sums cut into parts. The mutation test runs them.
  std::vector<std::string> hard_shapes = {};
};

// What the entry gives on a backend. math says how the results are to be compared: with bf16 the kernels on bfloat16
// run where the backend has them, and elsewhere the float32 ones with operands and results that are rounded to it.
std::vector<Operands::Result> results_of(const CatalogueEntry& entry, const std::vector<Extent>& extents,
                                         Backend& backend, Math math, const Operands::Named& named = {});

const std::vector<CatalogueEntry>& catalogue();
// Throws Error(usage) with the nearest name for one that is not there.
const CatalogueEntry& find_entry(const std::string& name);
// The entry's extents with those of "n=4,h=9" replaced. Throws Error(usage) for unknown names and values below 1.
std::vector<Extent> with_shape(const CatalogueEntry& entry, const std::string& shape);
std::vector<Extent> with_shape(const std::string& name, const std::vector<Extent>& standard, const std::string& shape);

}  // namespace curie
