#include "model/executor.h"

#include <algorithm>

#include "ops/ops.h"

namespace curie {
namespace {

std::size_t index_of(int value) { return static_cast<std::size_t>(value); }

}  // namespace

Executor::Executor(Graph& graph, Backend& backend, int max_batch, Mode mode, int loss_value, Section section)
    : graph_(&graph),
      backend_(&backend),
      max_batch_(max_batch),
      loss_value_(loss_value),
      section_{section.first, section.last < 0 ? graph.output() : section.last},
      types_(value_types(graph, backend.bf16() != nullptr)) {
  CURIE_CHECK(max_batch >= 1, usage, "model: expected a batch of at least 1, got {}", max_batch);
  wants_gradient_ =
      mode == Mode::training ? graph.wants_gradient(loss_value) : std::vector<bool>(index_of(graph.values()), false);
  steps_ = fuse(graph, backend, max_batch, mode, wants_gradient_, section_);
  alias_.resize(index_of(graph.values()));
  for (int value = 0; value < graph.values(); ++value) alias_[index_of(value)] = value;
  for (const Step& step : steps_) {
    demands_.push_back(demand(step, max_batch));
    scratch_bytes_ = std::max(scratch_bytes_, demands_.back().scratch_bytes);
    if (demands_.back().alias) alias_[index_of(step.output)] = step.inputs[0];
  }
  count_readers();
  plan();
}

Demand Executor::demand(const Step& step, int n) const {
  return step.layer->demand(*backend_, input_shapes(step, n), graph_->shape(step.output).with_batch(n), step.mode);
}

int Executor::root(int value) const {
  while (alias_[index_of(value)] != value) value = alias_[index_of(value)];
  return value;
}

std::vector<Shape> Executor::input_shapes(const Step& step, int n) const {
  std::vector<Shape> shapes;
  for (const int input : step.inputs) shapes.push_back(graph_->shape(input).with_batch(n));
  return shapes;
}

// Steps that the loss does not depend on write no gradient, so they do not count.
void Executor::count_readers() {
  readers_.assign(index_of(graph_->values()), 0);
  std::vector<bool> reaches_loss(readers_.size(), false);
  reaches_loss[index_of(loss_value_)] = true;
  for (auto step = steps_.rbegin(); step != steps_.rend(); ++step) {
    if (!reaches_loss[index_of(step->output)]) continue;
    for (const int input : step->inputs) {
      reaches_loss[index_of(input)] = true;
      ++readers_[index_of(input)];
    }
  }
}

// Time: step i runs forward at i, the loss at S = steps, step i backward at 2S - i.
void Executor::plan() {
  const std::size_t values = index_of(graph_->values());
  const int loss_time = static_cast<int>(steps_.size());
  std::vector<Lifetime> blocks;
  const auto use = [&](int block, int time) {
    Lifetime& life = blocks[index_of(block)];
    life.first = std::min(life.first, time);
    life.last = std::max(life.last, time);
  };
  const auto new_block = [&](std::size_t bytes, int time) {
    blocks.push_back({bytes, time, time});
    return static_cast<int>(blocks.size()) - 1;
  };

  value_block_.assign(values, -1);
  gradient_block_.assign(values, -1);
  saved_block_.assign(steps_.size(), -1);
  partial_block_.clear();
  for (const Step& step : steps_) partial_block_.emplace_back(step.inputs.size(), -1);
  value_block_[index_of(section_.first)] = new_block(bytes_of(section_.first), 0);
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    const Step& step = steps_[i];
    const int forward_time = static_cast<int>(i);
    const int backward_time = 2 * loss_time - forward_time;
    const int out = root(step.output);
    if (value_block_[index_of(out)] < 0) value_block_[index_of(out)] = new_block(bytes_of(out), forward_time);
    value_block_[index_of(step.output)] = value_block_[index_of(out)];
    use(value_block_[index_of(out)], forward_time);
    for (const int input : step.inputs) use(value_block_[index_of(input)], forward_time);
    if (!wants_gradient_[index_of(step.output)]) continue;
    if (demands_[i].backward_reads_output) use(value_block_[index_of(out)], backward_time);
    if (demands_[i].backward_reads_input) {
      for (const int input : step.inputs) use(value_block_[index_of(input)], backward_time);
    }
    if (demands_[i].saved_bytes > 0) {
      saved_block_[i] = new_block(demands_[i].saved_bytes, forward_time);
      use(saved_block_[i], backward_time);
    }
  }
  use(value_block_[index_of(section_.last)], loss_time);
  use(value_block_[index_of(loss_value_)], loss_time);

  // Gradients, from the loss down. An alias shares its input's gradient when it is that input's only reader.
  for (std::size_t i = steps_.size(); i-- > 0;) {
    const Step& step = steps_[i];
    if (!wants_gradient_[index_of(step.output)]) continue;
    const int backward_time = 2 * loss_time - static_cast<int>(i);
    int& output_block = gradient_block_[index_of(step.output)];
    if (output_block < 0) output_block = new_block(bytes_of(step.output), loss_time);
    use(output_block, backward_time);
    for (std::size_t k = 0; k < step.inputs.size(); ++k) {
      const int input = step.inputs[k];
      if (!wants_gradient_[index_of(input)]) continue;
      int& input_block = gradient_block_[index_of(input)];
      const bool first_writer = input_block < 0;
      if (first_writer) {
        const bool shared = demands_[i].alias && readers_[index_of(input)] == 1;
        input_block = shared ? output_block : new_block(bytes_of(input), backward_time);
      } else if (!demands_[i].alias) {
        partial_block_[i][k] = new_block(bytes_of(input), backward_time);
      }
      use(input_block, backward_time);
    }
  }
  lifetimes_ = std::move(blocks);
  plan_ = plan_memory(lifetimes_);
}

std::vector<Executor::Block> Executor::blocks() const {
  std::vector<std::string> names(lifetimes_.size());
  const auto name = [&](int block, const std::string& what) {
    // An alias shares its block with the value that was there first.
    if (block >= 0 && names[index_of(block)].empty()) names[index_of(block)] = what;
  };
  name(value_block_[index_of(section_.first)], "input");
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    const Step& step = steps_[i];
    name(value_block_[index_of(step.output)], step.name);
    name(gradient_block_[index_of(step.output)], "gradient of " + step.name);
    name(saved_block_[i], "saved by " + step.name);
    for (const int partial : partial_block_[i]) name(partial, "a part of a gradient, by " + step.name);
  }
  std::vector<Block> blocks;
  for (std::size_t i = 0; i < lifetimes_.size(); ++i) {
    blocks.push_back({.what = names[i], .offset = plan_.offsets[i], .life = lifetimes_[i]});
  }
  std::stable_sort(blocks.begin(), blocks.end(),
                   [](const Block& a, const Block& b) { return a.life.first < b.life.first; });
  return blocks;
}

std::size_t Executor::bytes_of(int value) const {
  return graph_->shape(value).elements() * index_of(max_batch_) * size_of(type(value));
}

std::size_t Executor::step_bytes(std::size_t step) const {
  const std::size_t output = bytes_of(steps_[step].output);
  const bool has_gradient = wants_gradient_[index_of(steps_[step].output)];
  if (demands_[step].alias) return 0;
  return output + (has_gradient ? output + demands_[step].saved_bytes : 0);
}

void Executor::bind(std::shared_ptr<const Buffer> arena) {
  CURIE_ASSERT(arena->bytes() >= plan_.total, "the arena is smaller than its plan");
  arena_ = std::move(arena);
  bound_.clear();
}

void Executor::prepare(int n) {
  CURIE_CHECK(n >= 1 && n <= max_batch_, usage, "model: planned for batches of 1 to {} samples, got {}", max_batch_, n);
  if (bound_.contains(n)) return;
  std::size_t scratch = scratch_bytes_;  // a smaller batch may need more: it is split into more parts
  for (const Step& step : steps_) {
    scratch = std::max(scratch, demand(step, n).scratch_bytes);
  }
  if (!scratch_ || scratch_->bytes() < scratch) scratch_ = std::make_shared<const Buffer>(backend_->allocate(scratch));
  // A recording keeps using the scratch memory that it was made with, so each batch size keeps its own alive.
  const auto bound = bound_.emplace(n, make_bound(n)).first;
  bound->second.scratch = scratch_;
}

Executor::Bound Executor::make_bound(int n) const {
  CURIE_ASSERT(arena_ != nullptr, "bind an arena first");
  const auto tensor = [&](const std::vector<int>& blocks, int value) {
    const int block = blocks[index_of(value)];
    if (block < 0) return Tensor();
    return Tensor(arena_, plan_.offsets[index_of(block)], graph_->shape(value).with_batch(n), type(value));
  };
  Bound bound;
  for (int value = 0; value < graph_->values(); ++value) {
    bound.values.push_back(tensor(value_block_, value));
    bound.gradients.push_back(tensor(gradient_block_, value));
  }
  std::vector<bool> written(bound.values.size(), false);
  bound.steps.resize(steps_.size());
  for (std::size_t i = steps_.size(); i-- > 0;) {
    const Step& step = steps_[i];
    BoundStep& bound_step = bound.steps[i];
    bound_step.output = bound.values[index_of(step.output)];
    if (saved_block_[i] >= 0) {
      const std::size_t offset = plan_.offsets[index_of(saved_block_[i])];
      bound_step.saved = Tensor(arena_, offset, Shape{static_cast<int>(demand(step, n).saved_bytes)}, DType::u8);
    }
    bound_step.output_gradient = bound.gradients[index_of(step.output)];
    for (std::size_t k = 0; k < step.inputs.size(); ++k) {
      const int input = step.inputs[k];
      bound_step.inputs.push_back(bound.values[index_of(input)]);
      const Tensor& gradient = bound.gradients[index_of(input)];
      const bool wanted = bound_step.output_gradient.defined() && gradient.defined();
      bound_step.write_to.push_back(wanted ? gradient : Tensor());
      if (!wanted) continue;
      if (!written[index_of(input)]) {
        written[index_of(input)] = true;
        if (demands_[i].alias && gradient.raw() != bound_step.output_gradient.raw()) bound_step.copy_to = gradient;
        continue;
      }
      if (demands_[i].alias) {
        bound_step.additions.push_back({bound_step.output_gradient.reshape(gradient.shape()), gradient});
      } else {
        const std::size_t offset = plan_.offsets[index_of(partial_block_[i][k])];
        bound_step.write_to[k] = Tensor(arena_, offset, gradient.shape(), gradient.dtype());
        bound_step.additions.push_back({bound_step.write_to[k], gradient});
      }
    }
  }
  return bound;
}

const Executor::Bound& Executor::bound(int n) const {
  const auto found = bound_.find(n);
  CURIE_ASSERT(found != bound_.end(), "batch {} was not prepared", n);
  return found->second;
}

const Tensor& Executor::value(int n, int value) const { return bound(n).values[index_of(value)]; }
const Tensor& Executor::gradient(int n, int value) const { return bound(n).gradients[index_of(value)]; }

LayerContext Executor::context(const Bound& bound, std::size_t step, const StepState* state) {
  const Buffer& scratch = *bound.scratch;
  return {.backend = *backend_,
          .mode = steps_[step].mode,
          .state = state,
          .saved = bound.steps[step].saved,
          .scratch = {scratch.data(), scratch.bytes()}};
}

void Executor::forward(int n, const StepState* state) {
  const Bound& bound = this->bound(n);
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    if (demands_[i].alias) continue;
    backend_->entering(steps_[i].name);
    LayerContext context = this->context(bound, i, state);
    steps_[i].layer->forward(context, bound.steps[i].inputs, bound.steps[i].output);
  }
}

void Executor::backward(int n, const StepState* state) {
  const Bound& bound = this->bound(n);
  for (std::size_t i = steps_.size(); i-- > 0;) {
    const BoundStep& step = bound.steps[i];
    if (!step.output_gradient.defined()) continue;
    backend_->entering(steps_[i].name);
    if (!demands_[i].alias) {
      LayerContext context = this->context(bound, i, state);
      steps_[i].layer->backward(context, step.inputs, step.output, step.output_gradient, step.write_to);
    } else if (step.copy_to.defined()) {
      backend_->copy_on_device(step.copy_to.raw(), step.output_gradient.raw(), step.output_gradient.bytes());
    }
    for (const Addition& addition : step.additions) {
      ops::add(*backend_, addition.into, addition.from, addition.into);
    }
  }
}

}  // namespace curie
