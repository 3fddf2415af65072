// Every primitive of ops/backend.h with operands to run it on: what `curie emulate` shows, what the mutation test
// breaks and what a student's first experiment starts from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "ops/backend.h"

namespace curie {

struct Extent {
  std::string name;  // "n", "h", "channels"
  int value = 0;
};

// The operands of one call in a backend's memory. Inputs are the same for every backend.
class Operands {
 public:
  // `named` is told each array's address and name, for tools that report by name.
  using Named = std::function<void(const std::byte* data, const std::string& name)>;
  Operands(Backend& backend, const std::vector<Extent>& extents, Named named = {});

  Backend& backend() { return backend_; }
  int operator[](const std::string& extent) const;

  // Integers from -2 to 2: their sums of products are exact in any order, so results can be compared bit for bit.
  float* integers(const std::string& name, std::size_t count);
  // Uniform between low and high.
  float* uniform(const std::string& name, std::size_t count, float low = -1.0f, float high = 1.0f);
  float* integers_in_and_out(const std::string& name, std::size_t count);
  std::int32_t* given(const std::string& name, const std::vector<std::int32_t>& values);
  std::int32_t* indices(const std::string& name, std::size_t count, int below);
  std::uint8_t* bytes(const std::string& name, std::size_t count, int below = 256);
  WarpMatrix* matrices(const std::string& name,
                       const WarpShape& shape);               // turns and stretches about the centre, some beyond
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
  enum class Kind { f32, u8, totals };
  struct Output {
    std::string name;
    Kind kind;
    const std::byte* data;
    std::size_t count;
  };
  std::byte* place(const std::string& name, const void* bytes, std::size_t size);

  Backend& backend_;
  std::map<std::string, int> extents_;
  Named named_;
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
  // Further shapes, as with_shape takes them, that lead through the other kernels and all of their loops: partial
  // tiles, channels that do not come in fours, sums cut into parts. The mutation test runs them.
  std::vector<std::string> hard_shapes = {};
};

const std::vector<CatalogueEntry>& catalogue();
// Throws Error(usage) with the nearest name for one that is not there.
const CatalogueEntry& find_entry(const std::string& name);
// The entry's extents with those of "n=4,h=9" replaced. Throws Error(usage) for unknown names and values below 1.
std::vector<Extent> with_shape(const CatalogueEntry& entry, const std::string& shape);
std::vector<Extent> with_shape(const std::string& name, const std::vector<Extent>& standard, const std::string& shape);

}  // namespace curie
