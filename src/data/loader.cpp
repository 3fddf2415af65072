#include "data/loader.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <numeric>
#include <thread>
#include <utility>

#include "tensor/error.h"
#include "tensor/random.h"

namespace curie {
namespace {

constexpr std::uint32_t kShuffleStream = 0x53485546;  // apart from the streams of layers, which count from 0

struct Slot {
  Tensor pixels;  // (batch size, sample...)
  std::vector<std::int32_t> labels;
  std::vector<int> indices;
  Batch batch;
  bool filled = false;
};

}  // namespace

std::vector<int> epoch_order(int n, std::uint64_t seed, int epoch) {
  CURIE_CHECK(n >= 0 && epoch >= 0, usage, "epoch_order: expected n and epoch of at least 0, got {} and {}", n, epoch);
  std::vector<int> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  const RandomStream stream{seed, kShuffleStream, static_cast<std::uint32_t>(epoch)};
  for (std::size_t left = order.size(); left > 1; --left) {  // Fisher and Yates, from the back
    const std::uint32_t chosen = below(stream, order.size() - left, static_cast<std::uint32_t>(left));
    std::swap(order[left - 1], order[chosen]);
  }
  return order;
}

// The worker fills slots in turn; slot b % 2 belongs to batch b. The caller owns the slot of the batch it was given
// last and gives it back by the next call. `generation` tells the worker that the epoch it works for is over.
struct BatchLoader::State {
  const Dataset& dataset;
  const int batch_size;
  const std::size_t sample_bytes;
  std::array<Slot, 2> slots;

  std::mutex mutex;
  std::condition_variable changed;
  std::vector<int> order;
  int epoch = 0;
  int batches = 0;
  int to_fill = 0;    // the next batch that the worker fills
  int to_give = 0;    // the next batch that `next` returns
  bool lent = false;  // the caller holds batch to_give - 1
  bool reading = false;
  bool cancel = false;  // the batch being read is no longer wanted
  bool stop = false;
  std::exception_ptr failure;
  double waited = 0.0;
  std::thread worker;

  State(const Dataset& data, int size, bool read_samples)
      : dataset(data), batch_size(size), sample_bytes(data.sample_shape().elements() * size_of(data.dtype())) {
    for (Slot& slot : slots) {
      if (read_samples) slot.pixels = Tensor::zeros(data.sample_shape().with_batch(size), data.dtype());
      slot.labels.resize(static_cast<std::size_t>(size));
      slot.indices.resize(static_cast<std::size_t>(size));
    }
    order.reserve(static_cast<std::size_t>(data.size()));  // no order is longer
  }

  Slot& slot_of(int batch) { return slots[static_cast<std::size_t>(batch % 2)]; }

  bool may_fill() const {
    const int held = to_fill - to_give + (lent ? 1 : 0);
    return to_fill < batches && held < 2 && !failure && !cancel;
  }

  // Returns early, with the batch unfinished, when it is no longer wanted.
  void fill(Slot& slot, int number) {
    const auto first = static_cast<std::size_t>(number) * static_cast<std::size_t>(batch_size);
    const std::size_t count = std::min(order.size() - first, static_cast<std::size_t>(batch_size));
    for (std::size_t i = 0; i < count; ++i) {
      {
        const std::lock_guard lock(mutex);
        if (cancel || stop) return;
      }
      slot.indices[i] = order[first + i];
      slot.labels[i] = dataset.label(slot.indices[i]);
      if (slot.pixels.defined()) dataset.read(slot.indices[i], epoch, slot.pixels.raw() + i * sample_bytes);
    }
    const Tensor pixels = slot.pixels.defined() ? slot.pixels.rows(0, static_cast<int>(count)) : Tensor();
    slot.batch = {pixels, std::span(slot.labels).first(count), std::span(slot.indices).first(count),
                  static_cast<int>(count), number};
  }

  void serve() {
    std::unique_lock lock(mutex);
    while (true) {
      changed.wait(lock, [&] { return stop || may_fill(); });
      if (stop) return;
      const int number = to_fill;
      Slot& slot = slot_of(number);
      reading = true;
      lock.unlock();
      std::exception_ptr thrown;
      try {
        fill(slot, number);
      } catch (...) {
        thrown = std::current_exception();
      }
      lock.lock();
      reading = false;
      if (!cancel) {
        failure = thrown;
        slot.filled = thrown == nullptr;
        ++to_fill;
      }
      changed.notify_all();
    }
  }
};

BatchLoader::BatchLoader(const Dataset& dataset, int batch_size, bool read_samples) {
  CURIE_CHECK(batch_size >= 1, usage, "expected a batch size of at least 1, got {}", batch_size);
  CURIE_CHECK(dataset.size() >= 1, data, "cannot make batches: the data set is empty");
  state_ = std::make_unique<State>(dataset, std::min(batch_size, dataset.size()), read_samples);
  state_->worker = std::thread([state = state_.get()] { state->serve(); });
}

BatchLoader::~BatchLoader() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stop = true;
  }
  state_->changed.notify_all();
  state_->worker.join();
}

void BatchLoader::start(int epoch, std::span<const int> order, int first_batch) {
  State& state = *state_;
  const int samples = state.dataset.size();
  const std::size_t length = order.empty() ? static_cast<std::size_t>(samples) : order.size();
  const auto size = static_cast<std::size_t>(state.batch_size);
  CURIE_CHECK(order.size() <= static_cast<std::size_t>(samples), usage,
              "batch order: expected at most the {} samples of the data set, got {}", samples, order.size());
  const int batches = static_cast<int>((length + size - 1) / size);
  for (const int index : order) {
    CURIE_CHECK(index >= 0 && index < samples, usage, "batch order: expected samples from 0 to {}, got {}", samples - 1,
                index);
  }
  CURIE_CHECK(first_batch >= 0 && first_batch <= batches, usage,
              "expected to start at one of the {} batches of the epoch, got {}", batches, first_batch);
  {
    std::unique_lock lock(state.mutex);
    state.cancel = true;
    state.changed.wait(lock, [&] { return !state.reading; });
    state.cancel = false;
    state.order.resize(length);
    if (order.empty()) {
      std::iota(state.order.begin(), state.order.end(), 0);
    } else {
      std::copy(order.begin(), order.end(), state.order.begin());
    }
    state.epoch = epoch;
    state.batches = batches;
    state.to_fill = state.to_give = first_batch;
    state.lent = false;
    state.failure = nullptr;
    for (Slot& slot : state.slots) slot.filled = false;
  }
  state.changed.notify_all();
}

const Batch* BatchLoader::next() {
  State& state = *state_;
  std::unique_lock lock(state.mutex);
  if (state.lent) {
    state.slot_of(state.to_give - 1).filled = false;
    state.lent = false;
    state.changed.notify_all();
  }
  if (state.to_give == state.batches) return nullptr;
  Slot& slot = state.slot_of(state.to_give);
  if (!slot.filled && !state.failure) {
    const auto from = std::chrono::steady_clock::now();
    state.changed.wait(lock, [&] { return slot.filled || state.failure; });
    state.waited += std::chrono::duration<double>(std::chrono::steady_clock::now() - from).count();
  }
  if (!slot.filled) {
    state.batches = state.to_give;  // the epoch is over
    std::rethrow_exception(std::exchange(state.failure, nullptr));
  }
  ++state.to_give;
  state.lent = true;
  return &slot.batch;
}

int BatchLoader::batch_size() const { return state_->batch_size; }

int BatchLoader::batches() const {
  const std::lock_guard lock(state_->mutex);
  return state_->batches;
}

double BatchLoader::waited_seconds() const {
  const std::lock_guard lock(state_->mutex);
  return state_->waited;
}

}  // namespace curie
