#include "model/updater.h"

#include <memory>
#include <vector>

#include "ops/ops.h"

namespace curie {
namespace {

Tensor on_device(Backend& backend, std::size_t bytes) {
  return Tensor(std::make_shared<const Buffer>(backend.allocate(bytes)), 0, Shape{static_cast<int>(bytes)}, DType::u8);
}

void copy(Backend& backend, const Tensor& to, const Tensor& from) {
  backend.copy_on_device(to.raw(), from.raw(), from.bytes());
}

}  // namespace

Updater::Updater(Backend& backend, const Optimizer& optimizer, const ParameterStore& store)
    : backend_(backend), optimizer_(optimizer), store_(store) {
  if (store.trained() == 0) return;
  const auto count = static_cast<int>(store.trained());
  gradients_ = store.gradients_tensor();
  weights_ = store.weights_tensor().rows(0, count);
  int array = optimizer.slots();
  const auto next_array = [&] { return store.slots_tensor().rows(count * array++, count); };
  const UpdateOptions& options = optimizer.options();
  if (options.accumulate > 1) accumulated_ = next_array();
  if (options.ema) average_ = next_array();
  if (options.ema && options.ema->in_validation) {
    swap_ = on_device(backend, weights_.bytes()).view(0, weights_.shape(), DType::f32);
  }

  const Clip& clip = options.clip;
  clips_ = clip.value > 0.0f || clip.norm > 0.0f || clip.global_norm > 0.0f;
  if (!clips_) return;
  const std::vector<std::int32_t> ends = store.segment_ends();
  clip_ = {.kind = clip.value > 0.0f  ? ClipKind::value
                   : clip.norm > 0.0f ? ClipKind::norm
                                      : ClipKind::global_norm,
           .limit = clip.value + clip.norm + clip.global_norm,  // two of them are 0
           .count = store.trained(),
           .segments = static_cast<int>(ends.size())};
  segment_ends_ = on_device(backend, ends.size() * sizeof(std::int32_t)).view(0, {clip_.segments}, DType::i32);
  backend.copy_to_device(segment_ends_.raw(), std::as_bytes(std::span(ends)).data(), segment_ends_.bytes());
  clip_scratch_ = on_device(backend, backend.scratch_bytes(clip_));
}

Updater::Phase Updater::phase(std::uint32_t step) const {
  const auto batches = static_cast<std::uint32_t>(optimizer_.options().accumulate);
  const std::uint32_t update = optimizer_.updates(step);
  Phase phase{.begins = step % batches == 0, .updates = step % batches == batches - 1, .first = false};
  if (!phase.updates || !average_.defined()) return phase;
  const auto frequency = static_cast<std::uint32_t>(optimizer_.options().ema->overwrite_frequency);
  phase.first = update == 0;
  phase.overwrites = frequency > 0 && (update + 1) % frequency == 0;
  return phase;
}

void Updater::run(const Phase& phase, const StepState* state) {
  if (accumulated_.defined()) {
    if (!phase.updates) {
      if (phase.begins) {
        copy(backend_, accumulated_, gradients_);
      } else {
        ops::add(backend_, accumulated_, gradients_, accumulated_);
      }
      return;
    }
    const float share = 1.0f / static_cast<float>(optimizer_.options().accumulate);
    ops::blend(backend_, share, accumulated_, share, gradients_, gradients_);
  }
  if (clips_) {
    ops::clip_gradient(backend_, clip_, segment_ends_, gradients_, {clip_scratch_.raw(), clip_scratch_.bytes()});
  }
  for (const ParameterStore::RateGroup& group : store_.rate_groups()) {
    optimizer_.step(backend_, state,
                    {.count = group.count,
                     .gradient = store_.gradients() + group.first,
                     .weights = store_.weights() + group.first,
                     .slots = optimizer_.slots() > 0 ? store_.slots() + group.first : nullptr,
                     .slot_stride = store_.trained(),
                     .rate_multiplier = group.multiplier,
                     .rounded = store_.rounded() == nullptr ? nullptr : store_.rounded() + group.first});
  }
  if (!average_.defined()) return;
  const float momentum = optimizer_.options().ema->momentum;
  if (phase.first) {
    copy(backend_, average_, weights_);
  } else {
    ops::blend(backend_, momentum, average_, 1.0f - momentum, weights_, average_);
  }
  if (phase.overwrites) replace_weights(average_);
}

void Updater::replace_weights(const Tensor& by) {
  copy(backend_, weights_, by);
  store_.round(backend_);
}

bool Updater::averages(std::uint32_t steps_done) const {
  return average_.defined() && optimizer_.updates(steps_done) > 0;
}

void Updater::overwrite_weights(std::uint32_t steps_done) {
  if (averages(steps_done)) replace_weights(average_);
}

void Updater::swap_weights(std::uint32_t steps_done) {
  if (!swap_.defined() || !averages(steps_done)) return;
  copy(backend_, swap_, weights_);
  replace_weights(average_);
  copy(backend_, average_, swap_);
}

}  // namespace curie
