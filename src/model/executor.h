// Runs a graph on a backend: fused steps over planned memory, forward and backward, for any batch up to the planned
// one.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "model/fusion.h"
#include "model/plan.h"
#include "model/value_types.h"

namespace curie {

class Executor {
 public:
  // Plans the memory for batches of up to max_batch samples. In training, `loss_value` is the value whose gradient the
  // loss writes; nodes behind it run forward only. Of the graph only `section` is run: its first value is the input.
  Executor(Graph& graph, Backend& backend, int max_batch, Mode mode, int loss_value, Section section = {});

  int input() const { return section_.first; }  // the value that must be there before `forward`

  std::size_t arena_bytes() const { return plan_.total; }
  std::size_t scratch_bytes() const { return scratch_bytes_; }  // at the planned batch, beside the arena
  int max_batch() const { return max_batch_; }
  const std::vector<Step>& steps() const { return steps_; }
  // Bytes that each step's output, saved data and gradient take at the planned batch, for a memory table.
  std::size_t step_bytes(std::size_t step) const;

  // A block of the arena: a value, its gradient, or what a step saves. Step i runs forward at time i, the loss at time
  // S, the number of steps, and step i backward at time 2 S - i.
  struct Block {
    std::string what;  // "conv2d_1", "gradient of conv2d_1", "saved by conv2d_1"
    std::size_t offset = 0;
    Lifetime life;
  };
  std::vector<Block> blocks() const;  // in the order of their times

  // The arena may be shared by executors that do not run at the same time; it must hold arena_bytes().
  void bind(std::shared_ptr<const Buffer> arena);

  // Makes the tensors for a batch of n samples (once for each n; allocates only then).
  void prepare(int n);
  DType type(int value) const { return types_[static_cast<std::size_t>(value)]; }
  // The value's tensor for a prepared batch; `gradient` likewise (undefined where none is wanted).
  const Tensor& value(int n, int value) const;
  const Tensor& gradient(int n, int value) const;

  void forward(int n, const StepState* state);
  void backward(int n, const StepState* state);

 private:
  struct Addition {
    Tensor from, into;
  };
  struct BoundStep {
    std::vector<Tensor> inputs;
    Tensor output, output_gradient, saved;
    std::vector<Tensor> write_to;     // where backward writes each input's gradient
    std::vector<Addition> additions;  // then: contributions to values that a later step has already written to
    Tensor copy_to;                   // of an alias whose input's gradient is not its output's memory
  };
  struct Bound {
    std::vector<Tensor> values, gradients;
    std::vector<BoundStep> steps;
    std::shared_ptr<const Buffer> scratch;
  };

  void count_readers();
  Demand demand(const Step& step, int n) const;
  void plan();
  std::size_t bytes_of(int value) const;  // at the planned batch
  Bound make_bound(int n) const;
  const Bound& bound(int n) const;
  LayerContext context(const Bound& bound, std::size_t step, const StepState* state);
  std::vector<Shape> input_shapes(const Step& step, int n) const;
  int root(int value) const;  // the value whose memory this one shares

  Graph* graph_;
  Backend* backend_;
  int max_batch_;
  int loss_value_;
  Section section_;
  std::vector<DType> types_;  // of values and their gradients
  std::vector<Step> steps_;
  std::vector<Demand> demands_;
  std::vector<int> alias_;  // value -> the value whose memory it shares, or itself
  std::vector<bool> wants_gradient_;
  std::vector<int> readers_;  // value -> number of steps that read it
  std::vector<Lifetime> lifetimes_;
  MemoryPlan plan_;
  std::size_t scratch_bytes_ = 0;
  std::vector<int> value_block_, gradient_block_, saved_block_;  // indices into the plan, or -1
  std::vector<std::vector<int>> partial_block_;                  // step, input -> index into the plan, or -1
  std::shared_ptr<const Buffer> arena_;
  std::shared_ptr<const Buffer> scratch_;  // of the batch sizes prepared so far
  std::map<int, Bound> bound_;
};

}  // namespace curie
